"""A PatternBatch as it is read for the tables: checked whole, before anything of it is applied."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from schemas.codec import Codec
from schemas.errors import RecordError
from schemas.records import NAMESPACE, PatternBatch

NAME = f"{NAMESPACE}.{PatternBatch.__name__}"
LATEST_US = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""
OUTERMOST_BIN = 2_000
"""Of a sketch with 1 % accuracy: 10^17 microseconds, three thousand years."""

_never_negative = itemgetter(
    "errors", "rows", "latency_us", "sampled", "rows_scanned", "row_groups_scanned", "row_groups_total", "cpu_us",
    "peak_memory_bytes", "hour", "first_seen", "last_seen",
)  # fmt: skip


class Source(NamedTuple):
    topic_id: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Batch:
    """`time` is in microseconds since 1970, `patterns` are plain values of the records' fields.

    That of an unreadable record of the query log has no patterns and no product.
    """

    source: Source
    product: str
    database: str
    time: int
    dropped: int
    patterns: list[dict[str, Any]]


def read(codec: Codec, payload: bytes | None) -> Batch:
    """Raises RecordError for what is no PatternBatch, or none that `observe` would send."""
    name, values = codec.decode_values(payload)
    if name != NAME:
        raise RecordError(f"expected {NAME}, got {name}: is it the right topic?")
    product, database = values["product"], values["database"]
    if values["readable"] and not (product and database):
        raise RecordError("the patterns name no product or no database")
    if values["dropped"] < 0 or not 0 <= values["time"] <= LATEST_US:
        raise RecordError("its time or number of dropped runs is impossible")
    patterns = values["patterns"] if values["readable"] else []
    for pattern in patterns:
        _check(pattern)
    source = values["source"]
    return Batch(
        Source(source["topic_id"], source["partition"], source["offset"]),
        product,
        database,
        values["time"],
        values["dropped"],
        patterns,
    )


def _check(pattern: Mapping[str, Any]) -> None:
    latency = pattern["latency"]
    keys, counts = latency["keys"], latency["counts"]
    if min(_never_negative(pattern)) < 0 or latency["zero"] < 0:
        raise RecordError("a sum of a pattern is negative")
    if pattern["count"] < 1:
        raise RecordError("a pattern has no run")
    if len(keys) != len(counts) or (
        keys and (min(counts) < 0 or min(keys) < -OUTERMOST_BIN or max(keys) > OUTERMOST_BIN)
    ):
        raise RecordError("the sketch of a pattern is not well-formed")
    if pattern["hour"] > LATEST_US or pattern["first_seen"] > LATEST_US or pattern["last_seen"] > LATEST_US:
        raise RecordError("a time of a pattern is after the year 9999")
