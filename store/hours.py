"""The runs of every shape by hour and catalog, and by day and over all time where hours were given up.

One row a pattern, period ("hour", "day" or "ever"), start and catalog; the latencies are a sketch.
"""

from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

from .arrow import TIME, arrived
from .sums import COUNTS, Sums, saturated

KEY = "pattern_id, period, start, catalog_hash"

Hour = tuple[str, int, str]
"""Pattern id, start in microseconds since 1970, catalog hash."""

HOURS = pa.schema(
    [
        ("pattern_id", pa.string()),
        ("start", TIME),
        ("catalog_hash", pa.string()),
        *((name, pa.int64()) for name in COUNTS),
        ("first_seen", TIME),
        ("last_seen", TIME),
        ("peak_memory_bytes", pa.int64()),
        ("latency_keys", pa.list_(pa.int32())),
        ("latency_counts", pa.list_(pa.int64())),
    ]
)


def add(tx: DuckDBPyConnection, hours: dict[Hour, Sums]) -> None:
    """Adds the sums to those that are there; the dictionary holds what came out."""
    replaced = []
    for place, identity, start, catalog_hash, *sums in tx.execute(
        f"""
        SELECT pattern_hours.rowid, pattern_id::VARCHAR, epoch_us(start), catalog_hash, [{", ".join(COUNTS)}],
               epoch_us(first_seen), epoch_us(last_seen), peak_memory_bytes, latency_keys, latency_counts
        FROM pattern_hours SEMI JOIN (
            SELECT unnest(?)::UUID AS pattern_id, make_timestamp(unnest(?::BIGINT[])) AS start,
                   unnest(?) AS catalog_hash
        ) USING (pattern_id, start, catalog_hash)
        WHERE period = 'hour'
        """,  # noqa: S608 - names of columns
        [list(names) for names in zip(*hours, strict=True)],
    ).fetchall():
        replaced.append(place)
        hours[identity, start, catalog_hash].add(*sums)
    if replaced:
        tx.execute("DELETE FROM pattern_hours WHERE rowid IN (SELECT unnest(?))", [replaced])
    with arrived(tx, HOURS, [(*hour, *_row(sums)) for hour, sums in hours.items()]):
        tx.execute("INSERT INTO pattern_hours BY NAME SELECT 'hour' AS period, * FROM arrived")


def _row(sums: Sums) -> tuple[Any, ...]:
    keys = sorted(sums.bins)
    hits = [sums.bins[key] for key in keys]
    return (*saturated(sums.counts), sums.first, sums.last, sums.peak_memory_bytes, keys, saturated(hits))


def merged(rows: str) -> str:
    """The query that merges what another one gives, with the columns of pattern_hours, to one row a key."""
    sums = ", ".join(f"saturated(sum({name})) AS {name}" for name in COUNTS)
    return f"""
        WITH unmerged AS (
            {rows}
        ), bins AS (
            SELECT {KEY}, unnest(latency_keys) AS bin, unnest(latency_counts) AS hits FROM unmerged
        ), sketches AS (
            SELECT {KEY}, list(bin ORDER BY bin) AS latency_keys, list(hits ORDER BY bin) AS latency_counts
            FROM (SELECT {KEY}, bin, saturated(sum(hits)) AS hits FROM bins GROUP BY ALL)
            GROUP BY ALL
        ), sums AS (
            SELECT {KEY}, {sums}, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
                   max(peak_memory_bytes) AS peak_memory_bytes
            FROM unmerged GROUP BY ALL
        )
        SELECT sums.*, coalesce(latency_keys, []) AS latency_keys, coalesce(latency_counts, []) AS latency_counts
        FROM sums LEFT JOIN sketches USING ({KEY})
    """  # noqa: S608 - the names are constants of this module
