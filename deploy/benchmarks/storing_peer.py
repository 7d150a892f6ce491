"""The least work that lasts as well: fastavro, an Arrow table, one upsert of sums, one of the offsets, COMMIT.

It merges no sketch of the latencies, checks nothing, and counts twice what comes twice.
"""

import json
import time
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

import duckdb
import fastavro
import pyarrow as pa

from schemas.codec import HEADER, without_logical_types
from schemas.records import PatternBatch
from schemas.records.derive import path_of
from store.knowledge import CONFIG
from store.projection import Arrived

TABLES = """
    CREATE TABLE sums (
        database VARCHAR, fingerprint VARCHAR, hour BIGINT, catalog_hash VARCHAR, runs BIGINT, errors BIGINT,
        rows BIGINT, latency_us BIGINT, first_seen BIGINT, last_seen BIGINT,
        PRIMARY KEY (database, fingerprint, hour, catalog_hash)
    );
    CREATE TABLE offsets (partition INTEGER PRIMARY KEY, next_offset BIGINT);
"""
COLUMNS = ("fingerprint", "hour", "catalog_hash", "count", "errors", "rows", "latency_us", "first_seen", "last_seen")
ROWS = """
    INSERT INTO sums
    SELECT database, fingerprint, hour, catalog_hash, sum("count"), sum(errors), sum(rows), sum(latency_us),
           min(first_seen), max(last_seen)
    FROM arrived GROUP BY ALL
    ON CONFLICT DO UPDATE SET
        runs = runs + excluded.runs, errors = errors + excluded.errors, rows = rows + excluded.rows,
        latency_us = latency_us + excluded.latency_us, first_seen = least(first_seen, excluded.first_seen),
        last_seen = greatest(last_seen, excluded.last_seen)
"""
OFFSETS = "INSERT INTO offsets SELECT unnest(?), unnest(?) ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset"


def applied(path: Path, batches: Iterable[Sequence[Arrived]]) -> tuple[float, int]:
    """The seconds that it took, and the runs that are in the file then."""
    schema = fastavro.parse_schema(without_logical_types(json.loads(path_of(PatternBatch).read_text())))
    with duckdb.connect(str(path), config=CONFIG) as connection:
        connection.execute(TABLES)
        begun = time.perf_counter()
        for batch in batches:
            columns: dict[str, list[object]] = {name: [] for name in ("database", *COLUMNS)}
            offsets = {}
            for record in batch:
                body = BytesIO(record.value or b"")
                body.seek(HEADER.size)
                values = fastavro.schemaless_reader(body, schema, None)
                patterns = values["patterns"]
                columns["database"] += [values["database"]] * len(patterns)
                for name in COLUMNS:
                    columns[name] += [pattern[name] for pattern in patterns]
                offsets[record.partition] = record.offset + 1
            connection.begin()
            connection.register("arrived", pa.table(columns))
            connection.execute(ROWS)
            connection.execute(OFFSETS, [list(offsets), list(offsets.values())])
            connection.commit()
        took = time.perf_counter() - begun
        (runs,) = connection.execute("SELECT sum(runs)::BIGINT FROM sums").fetchall()[0]
    return took, runs
