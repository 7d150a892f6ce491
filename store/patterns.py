"""What was observed: every query shape of a database by hour and catalog, as sums that merge in any order.

`observed_patterns` is the specification's table, one row a shape over all time. Its `confidence` says how much of
the observed frequency can be counted on: the lower end of the 95 % interval of the run rate, divided by the
observed rate, as if runs came independently (a Poisson process): 0.01 for one run, 0.48 for 10, 0.81 for 100. A
gain times its confidence is what the frequency seen so far supports. Source of the interval: Garwood, Biometrika
28 (1936); its closed form is Wilson and Hilferty's approximation of chi square, PNAS 17 (1931):
(1 - 1/(9n) - 1.96/(3 sqrt(n)))^3.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

from schemas.errors import RecordError

EXEMPLARS = 3
"""Kept of each shape: those with the smallest digests, so that the order of arrival does not matter."""

KEY = "pattern_id, period, start, catalog_hash"
COUNTS = (
    "runs", "errors", "rows", "latency_us", "latency_zero", "sampled",
    "rows_scanned", "row_groups_scanned", "row_groups_total", "cpu_us",
)  # fmt: skip
SOURCES = {"runs": "count"}
"""A column's name in the record, where it is another: `count` is a function in SQL."""

TIMESTAMP = pa.timestamp("us")
ARROW: dict[str, pa.DataType] = {
    "product": pa.string(),
    "database": pa.string(),
    "fingerprint": pa.string(),
    "statement": pa.string(),
    "kind": pa.string(),
    "start": TIMESTAMP,
    "catalog_hash": pa.string(),
    "first_seen": TIMESTAMP,
    "last_seen": TIMESTAMP,
    **dict.fromkeys((*COUNTS, "peak_memory_bytes"), pa.int64()),
    "latency_keys": pa.list_(pa.int32()),
    "latency_counts": pa.list_(pa.int64()),
}
NEVER_NEGATIVE = (
    "errors", "rows", "latency_us", "sampled", "rows_scanned", "row_groups_scanned", "row_groups_total", "cpu_us",
    "peak_memory_bytes",
)  # fmt: skip

COLUMNS = ", ".join(
    (KEY, *COUNTS, "first_seen", "last_seen", "peak_memory_bytes", "latency_keys", "latency_counts")
)

# 128 bits of sha256 over the three names, each with its length, so that no two triples share an id
PATTERN_ID = (
    "sha256(concat(strlen(product), ':', product, strlen(database), ':', database, fingerprint))[:32]::UUID"
)
SUMS = ", ".join(f"saturated(sum({name})) AS {name}" for name in COUNTS)


def merged(rows: str) -> str:
    """The query that merges what another one gives, with the columns of pattern_hours, to one row a key."""
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
            SELECT {KEY}, {SUMS}, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
                   max(peak_memory_bytes) AS peak_memory_bytes
            FROM unmerged GROUP BY ALL
        )
        SELECT sums.*, coalesce(latency_keys, []) AS latency_keys, coalesce(latency_counts, []) AS latency_counts
        FROM sums LEFT JOIN sketches USING ({KEY})
    """  # noqa: S608 - the names are constants of this module


def check(values: Mapping[str, Any]) -> None:
    """Raises RecordError for a PatternBatch, as plain values, that no `observe` would send."""
    if values["readable"] and not (values["product"] and values["database"]):
        raise RecordError("the patterns name no product or no database")
    if values["dropped"] < 0:
        raise RecordError("dropped is negative")
    for pattern in values["patterns"]:
        latency = pattern["latency"]
        if pattern["count"] < 1:
            raise RecordError("a pattern has no run")
        if any(pattern[name] < 0 for name in NEVER_NEGATIVE):
            raise RecordError("a sum of a pattern is negative")
        counts: list[int] = latency["counts"]
        keys: list[int] = latency["keys"]
        if len(keys) != len(counts) or latency["zero"] < 0 or (counts and min(counts) < 0):
            raise RecordError("the sketch of a pattern is not well-formed")
        if keys and not (-(2**31) <= min(keys) and max(keys) < 2**31):
            raise RecordError("the sketch of a pattern has a bin outside 32 bits")


def apply(tx: DuckDBPyConnection, batches: Sequence[Mapping[str, Any]]) -> int:
    """Adds PatternBatches, as plain values that `check` let through, and returns the number of patterns in them.

    That each is new is the caller's matter (see `store.sources`).
    """
    rows = [(batch, pattern) for batch in batches for pattern in batch["patterns"]]
    if not rows:
        return 0
    tx.register("arrived", _arrow(rows))
    tx.execute(
        f"CREATE TEMP TABLE delta AS SELECT {PATTERN_ID} AS pattern_id, 'hour' AS period, * FROM arrived"  # noqa: S608
    )
    tx.unregister("arrived")
    _add_patterns(tx)
    _add_hours(tx)
    if any(pattern["routes"] for _, pattern in rows):
        _add_routes(tx, rows)
    if any(pattern["exemplars"] for _, pattern in rows):
        _add_exemplars(tx, rows)
    tx.execute("DROP TABLE delta")
    return len(rows)


def _arrow(rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> pa.Table:
    columns: dict[str, list[Any]] = {
        "product": [batch["product"] for batch, _ in rows],
        "database": [batch["database"] for batch, _ in rows],
        "start": [pattern["hour"] for _, pattern in rows],
        "latency_zero": [pattern["latency"]["zero"] for _, pattern in rows],
        "latency_keys": [pattern["latency"]["keys"] for _, pattern in rows],
        "latency_counts": [pattern["latency"]["counts"] for _, pattern in rows],
    }
    for name in ARROW.keys() - columns.keys():
        source = SOURCES.get(name, name)
        columns[name] = [pattern[source] for _, pattern in rows]
    return pa.table({name: pa.array(columns[name], type=arrow) for name, arrow in ARROW.items()})


def _add_patterns(tx: DuckDBPyConnection) -> None:
    tx.execute(
        "INSERT INTO patterns SELECT DISTINCT pattern_id, product, database, fingerprint FROM delta "
        "ON CONFLICT DO NOTHING"
    )
    # the same id always comes with the same statement, unless a producer lies: then the least of them stands
    tx.execute(
        """
        INSERT INTO observed_patterns
        SELECT pattern_id, kind, data, first, last, runs, pattern_confidence(runs)
        FROM (
            SELECT pattern_id, min(kind) AS kind, min(first_seen) AS first, max(last_seen) AS last,
                   min(to_json({product: product, database: database, fingerprint: fingerprint,
                                statement: statement})::VARCHAR) AS data,
                   saturated(sum(runs)) AS runs
            FROM delta GROUP BY pattern_id
        )
        ON CONFLICT (pattern_id) DO UPDATE SET
            pattern_type = least(pattern_type, excluded.pattern_type),
            pattern_data = least(pattern_data::VARCHAR, excluded.pattern_data::VARCHAR),
            first_observed = least(first_observed, excluded.first_observed),
            last_observed = greatest(last_observed, excluded.last_observed),
            occurrence_count = saturated(occurrence_count::HUGEINT + excluded.occurrence_count),
            confidence = pattern_confidence(saturated(occurrence_count::HUGEINT + excluded.occurrence_count))
        """
    )


def _add_hours(tx: DuckDBPyConnection) -> None:
    rows = f"SELECT {COLUMNS} FROM delta UNION ALL SELECT {COLUMNS} FROM pattern_hours SEMI JOIN delta USING ({KEY})"
    tx.execute(f"CREATE TEMP TABLE summed AS {merged(rows)}")
    replace(tx, "summed")


def replace(tx: DuckDBPyConnection, by: str) -> None:
    """Puts the rows of a temporary table in the place of those of pattern_hours with the same keys, and drops it."""
    keys = " AND ".join(f"pattern_hours.{name} = {by}.{name}" for name in KEY.split(", "))
    tx.execute(f"DELETE FROM pattern_hours USING {by} WHERE {keys}")  # noqa: S608
    tx.execute(f"INSERT INTO pattern_hours BY NAME FROM {by}")
    tx.execute(f"DROP TABLE {by}")


def _add_routes(tx: DuckDBPyConnection, rows: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
    taken = [
        (batch["product"], batch["database"], pattern["fingerprint"], route, count)
        for batch, pattern in rows
        for route, count in pattern["routes"].items()
        if count > 0
    ]
    if taken:
        tx.execute(
            f"""
            INSERT INTO pattern_routes
            SELECT {PATTERN_ID} AS pattern_id, route, saturated(sum(runs))
            FROM (SELECT unnest(?) AS product, unnest(?) AS database, unnest(?) AS fingerprint,
                         unnest(?) AS route, unnest(?::BIGINT[]) AS runs)
            GROUP BY ALL
            ON CONFLICT (pattern_id, route) DO UPDATE SET runs = saturated(runs::HUGEINT + excluded.runs)
            """,  # noqa: S608
            [list(column) for column in zip(*taken, strict=True)],
        )


def _add_exemplars(tx: DuckDBPyConnection, rows: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
    given = {
        (batch["product"], batch["database"], pattern["fingerprint"], sha256(text.encode()).hexdigest(), text)
        for batch, pattern in rows
        for text in pattern["exemplars"]
    }
    tx.execute(
        f"""
        INSERT INTO pattern_exemplars
        SELECT {PATTERN_ID} AS pattern_id, digest, statement
        FROM (SELECT unnest(?) AS product, unnest(?) AS database, unnest(?) AS fingerprint,
                     unnest(?) AS digest, unnest(?) AS statement)
        ON CONFLICT DO NOTHING
        """,  # noqa: S608
        [list(column) for column in zip(*sorted(given), strict=True)],
    )
    tx.execute(
        """
        DELETE FROM pattern_exemplars WHERE (pattern_id, digest) IN (
            SELECT (pattern_id, digest) FROM pattern_exemplars SEMI JOIN delta USING (pattern_id)
            QUALIFY row_number() OVER (PARTITION BY pattern_id ORDER BY digest) > ?
        )
        """,
        [EXEMPLARS],
    )
