"""Examples to learn from as a file: JSON lines or Parquet, with the same fields."""

import io
from collections.abc import Sequence
from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet
from pydantic import TypeAdapter

from store.examples import Example

TIME = pa.timestamp("us", "UTC")
SAID = pa.struct({"time": TIME, "decision": pa.string(), "score": pa.int64(), "text": pa.string()})
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("product", "database", "suggestion_id")),
        ("revision", pa.int64()),
        ("time", TIME),
        *((name, pa.string()) for name in ("rule", "title", "reason", "equality")),
        ("actions", pa.list_(pa.struct({"kind": pa.string(), "version": pa.int64(), "body": pa.string()}))),
        ("statements", pa.list_(pa.string())),
        *((name, pa.float64()) for name in ("expected_s", "prior", "promised", "promised_low", "promised_high")),
        ("build_s", pa.float64()),
        ("extra_bytes", pa.int64()),
        ("write_ratio", pa.float64()),
        (
            "said",
            pa.list_(SAID),
        ),
        ("score", pa.float64()),
        *((name, pa.bool_()) for name in ("approved", "executed")),
        ("verdict", pa.string()),
        *((name, pa.float64()) for name in ("came", "came_low", "came_high")),
    ]
)


def jsonl(examples: Sequence[Example]) -> bytes:
    whole = TypeAdapter(Example)
    return b"".join(whole.dump_json(one) + b"\n" for one in examples)


def parquet(examples: Sequence[Example]) -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pylist([asdict(one) for one in examples], SCHEMA), out)
    return out.getvalue()
