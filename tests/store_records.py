"""Records as the store reads them, and the store's tables as plain values."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from duckdb import DuckDBPyConnection

from schemas.actions import suggestion_id
from schemas.codec import Codec
from schemas.plan import plan_hash
from schemas.records import (
    CatalogSnapshot,
    Column,
    Coverage,
    Machine,
    Pattern,
    PatternBatch,
    Position,
    Reading,
    Record,
    Request,
    Sketch,
    Suggestion,
    Table,
)
from store import inputs
from store.inputs import Log
from store.knowledge import KnowledgeFile
from store.projection import INPUTS, Arrived
from store.sketch import sketch

CODEC = Codec()
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
CLUSTER = "cluster"
SCHEMA = "c1"


def pattern(number: int = 1, **values: Any) -> Pattern:
    """Of the shape with this number; latencies in microseconds make count, sum and sketch."""
    latencies: Sequence[int] = values.pop("latencies", [1000])
    hour = values.get("hour", NOON)
    return Pattern(
        **{
            "fingerprint": f"1-{number:032x}",
            "statement": f"SELECT a FROM t{number} WHERE b = $1",
            "kind": "select",
            "hour": hour,
            "catalog_hash": SCHEMA,
            "count": len(latencies),
            "errors": 0,
            "rows": len(latencies),
            "latency_us": sum(latencies),
            "latency": sketch(latencies),
            "first_seen": hour,
            "last_seen": hour + timedelta(seconds=1),
            "routes": {},
            "sampled": 0,
            "rows_scanned": 0,
            "row_groups_scanned": 0,
            "row_groups_total": 0,
            "cpu_us": 0,
            "peak_memory_bytes": 0,
            **values,
        }
    )


def pattern_batch(
    source: int,
    *patterns: Pattern,
    partition: int = 0,
    product: str = "sales",
    database: str = "main",
    dropped: int = 0,
) -> PatternBatch:
    """Of the record at this offset of the query log."""
    return PatternBatch(
        product=product,
        database=database,
        instance="web-1",
        event_id=f"event-{partition}-{source}",
        time=NOON,
        source=Position(topic="query-log", topic_id="query-log-id", partition=partition, offset=source),
        readable=bool(product),
        dropped=dropped,
        patterns=list(patterns),
    )


def catalog(product: str = "sales", database: str = "main", **values: Any) -> CatalogSnapshot:
    column = Column(name="b", type="INTEGER", nullable=True)
    return CatalogSnapshot(
        **{
            "product": product,
            "database": database,
            "instance": "web-1",
            "event_id": "catalog-1",
            "time": NOON,
            "catalog_hash": SCHEMA,
            "duckdb_version": "2.0.0",
            "settings": {},
            "access_mode": "read_write",
            "file_id": "file-1",
            "file_bytes": 1 << 20,
            "instances": 1,
            "coverage": Coverage(),
            "tables": [
                Table(schema_name="main", name="t1", kind="table", rows=10, bytes=100, row_groups=1, columns=[column])
            ],
            **values,
        }
    )


def request(product: str = "sales", database: str = "main", **values: Any) -> Request:
    return Request(
        **{
            "product": product,
            "database": database,
            "instance": "",
            "event_id": "request-1",
            "time": NOON,
            "kind": "analyse",
            "body": b"{}",
            "requested_by": "alice",
            **values,
        }
    )


def suggestion(number: int = 1, **values: Any) -> Suggestion:
    return Suggestion(
        **{
            "product": "sales",
            "database": "main",
            "instance": "",
            "event_id": f"suggestion-{number}",
            "time": NOON,
            "suggestion_id": str(suggestion_id("sales", f"main-{number}", [])),
            "revision": 1,
            "analysis_id": str(uuid5(NAMESPACE_URL, "analysis")),
            "position": number,
            "of": number,
            "kind": "change",
            "rule": "selective_index",
            "title": f"index {number}",
            "reason": "it is slow",
            "steps": [],
            "plan_hash": plan_hash([]),
            "equality": "physical",
            "equality_reason": "",
            "after": [],
            "gain": None,
            "cost": None,
            "queries": [],
            "statements": {},
            "considered": [],
            "machine": Machine(
                duckdb_version="2.0.0", cpus=2, threads=2, memory_limit_bytes=1 << 30, clone="full", clone_rows=10,
                clone_bytes=100, clone_s=0.1, share=1.0,
            ),
            "catalog_hash": SCHEMA,
            "window_start": NOON - timedelta(days=1),
            "window_end": NOON,
            **values,
        }
    )  # fmt: skip


def reading(offset: int, reason: str, **values: Any) -> Reading:
    """Of the approval at that offset."""
    return Reading(
        **{
            "product": "sales",
            "database": "main",
            "instance": "streams",
            "event_id": f"reading-{offset}",
            "time": NOON,
            "approval": Position(topic="approvals", topic_id="approvals-id", partition=0, offset=offset),
            "suggestion_id": "",
            "reason": reason,
            "probability": 0.9,
            "backend": "mlx-cpu",
            "model": "student",
            "version": "1",
            **values,
        }
    )


def arrived(
    topic: str, offset: int, record: Record | bytes | None, partition: int = 0, time: datetime = NOON
) -> Arrived:
    value = CODEC.encode(record) if isinstance(record, Record) else record
    return Arrived(topic, partition, offset, value, time)


def knowledge(path: Path) -> KnowledgeFile:
    """A file that has begun to read topics which reach very far."""
    file = KnowledgeFile(path)
    logs = {
        (topic.name, partition): Log(f"{topic.name}-id", 0, 2**40)
        for topic in INPUTS
        for partition in range(topic.partitions)
    }
    with file.transaction() as tx:
        inputs.check(tx, CLUSTER, logs, None)
    return file


def tables(tx: DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every table, in an order that only their values make."""
    names = [name for (name,) in tx.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()]
    found = {}
    for name in names:
        rows = [tuple(map(_plain, row)) for row in tx.execute(f"FROM {name}").fetchall()]
        found[name] = sorted(rows, key=repr)
    return found


def _plain(value: object) -> object:
    return tuple(value.items()) if isinstance(value, dict) else tuple(value) if isinstance(value, list) else value


def sketch_of(keys: Sequence[int], counts: Sequence[int], zero: int = 0) -> Sketch:
    return Sketch(zero=zero, keys=list(keys), counts=list(counts))
