"""The runs of every shape by hour and catalog, and by day and over all time where hours were given up.

One row a pattern, period ("hour", "day" or "ever"), start and catalog; the latencies are a sketch.
"""

from collections.abc import Mapping

import pyarrow as pa
from duckdb import DuckDBPyConnection

from .arrow import TIME, arrived, table
from .bins import Bins
from .sums import COUNTS, Sums

KEY = "pattern_id, period, start, catalog_hash"

Hour = tuple[str, int, str]
"""Pattern id, start in microseconds since 1970, catalog hash."""

HOURS = pa.schema(
    [
        ("pattern_id", pa.string()),
        ("start", TIME),
        ("catalog_hash", pa.string()),
        ("first_seen", TIME),
        ("last_seen", TIME),
        ("peak_memory_bytes", pa.int64()),
        *((name, pa.int64()) for name in COUNTS),
    ]
)


def add(tx: DuckDBPyConnection, hours: Mapping[Hour, Sums]) -> None:
    """Adds the sums to those that are there."""
    known = tx.execute(
        f"""
        SELECT place, pattern_hours.rowid AS row, latency_keys, latency_counts,
               [epoch_us(first_seen), epoch_us(last_seen), peak_memory_bytes, {", ".join(COUNTS)}] AS part
        FROM pattern_hours JOIN (
            SELECT unnest(range(?)) AS place, unnest(?)::UUID AS pattern_id,
                   make_timestamp(unnest(?::BIGINT[])) AS start, unnest(?) AS catalog_hash
        ) USING (pattern_id, start, catalog_hash)
        WHERE period = 'hour'
        """,  # noqa: S608 - names of columns
        [len(hours), *(list(names) for names in zip(*hours, strict=True))],
    ).fetchnumpy()
    sums = list(hours.values())
    for place, part in zip(known["place"], known["part"], strict=True):
        sums[place].parts.append(tuple(part.tolist()))
    arrived_bins = Bins.of(range(len(sums)), [one.keys for one in sums], [one.hits for one in sums])
    known_bins = Bins.of(known["place"], known["latency_keys"], known["latency_counts"])
    keys, hits = arrived_bins.merged(known_bins, len(sums))
    if len(known["row"]):
        tx.execute("DELETE FROM pattern_hours WHERE rowid IN (SELECT unnest(?))", [known["row"].tolist()])
    rows = table(HOURS, [(*hour, *one.total()) for hour, one in hours.items()])
    with arrived(tx, rows.append_column("latency_keys", keys).append_column("latency_counts", hits)):
        tx.execute("INSERT INTO pattern_hours BY NAME SELECT 'hour' AS period, * FROM arrived")


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
