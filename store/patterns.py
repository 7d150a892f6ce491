"""What was observed: every query shape of a database by hour and catalog, as sums that merge in any order.

`observed_patterns` is the specification's table, one row a shape over all time. Its `confidence` says how much of
the observed frequency can be counted on: the lower end of the 95 % interval of the run rate, divided by the
observed rate, as if runs came independently (a Poisson process): 0.01 for one run, 0.48 for 10, 0.81 for 100. A
gain times its confidence is what the frequency seen so far supports. Source of the interval: Garwood, Biometrika
28 (1936); its closed form is Wilson and Hilferty's approximation of chi square, PNAS 17 (1931):
(1 - 1/(9n) - 1.96/(3 sqrt(n)))^3.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa
from duckdb import DuckDBPyConnection

from .batches import Batch, Pattern, Shape
from .sums import COUNTS, LARGEST, RUNS, Sums

EXEMPLARS = 3
"""Kept of each shape: those with the smallest digests, so that the order of arrival does not matter."""
HOUR, DAY, EVER = "hour", "day", "ever"

KEY = "pattern_id, period, start, catalog_hash"
TIME = pa.timestamp("us")
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
SHAPES = pa.schema(
    [
        ("pattern_id", pa.string()),
        ("product", pa.string()),
        ("database", pa.string()),
        ("fingerprint", pa.string()),
        ("statement", pa.string()),
        ("kind", pa.string()),
        ("first_seen", TIME),
        ("last_seen", TIME),
        ("runs", pa.int64()),
    ]
)


class Hour(NamedTuple):
    """A key of pattern_hours whose period is an hour; `start` is in microseconds since 1970."""

    pattern_id: str
    start: int
    catalog_hash: str


@dataclass(slots=True)
class Seen:
    """Of one shape, in the batches that are applied together."""

    shape: Shape
    statement: str
    kind: str
    first_seen: int
    last_seen: int
    runs: int = 0
    routes: dict[str, int] = field(default_factory=dict)
    exemplars: set[str] = field(default_factory=set)


@lru_cache(1 << 16)
def pattern_id(shape: Shape) -> str:
    """UUIDv5 of the three names, each with its length."""
    return str(uuid5(NAMESPACE_URL, "duckdb-sidecar:pattern:" + "".join(f"{len(name)}:{name}" for name in shape)))


def apply(tx: DuckDBPyConnection, batches: Iterable[Batch]) -> int:
    """Adds the batches and returns the number of patterns in them. That each is new is the caller's matter."""
    shapes: dict[str, Seen] = {}
    hours: dict[Hour, Sums] = {}
    count = 0
    for batch in batches:
        for pattern in batch.patterns:
            count += 1
            identity = pattern_id(pattern.shape)
            hour = Hour(identity, pattern.hour, pattern.catalog_hash)
            if known := hours.get(hour):
                known.add(pattern.sums)
            else:
                hours[hour] = pattern.sums.copy()
            _see(shapes, identity, pattern)
    if count:
        _add_shapes(tx, shapes)
        _add_hours(tx, hours)
        _add_routes(tx, shapes)
        _add_exemplars(tx, shapes)
    return count


def _see(shapes: dict[str, Seen], identity: str, pattern: Pattern) -> None:
    sums = pattern.sums
    if (seen := shapes.get(identity)) is None:
        seen = Seen(pattern.shape, pattern.statement, pattern.kind, sums.first_seen, sums.last_seen)
        shapes[identity] = seen
    # one shape always comes with one statement, unless a producer lies: then the least stands
    seen.statement = min(seen.statement, pattern.statement)
    seen.kind = min(seen.kind, pattern.kind)
    seen.first_seen = min(seen.first_seen, sums.first_seen)
    seen.last_seen = max(seen.last_seen, sums.last_seen)
    seen.runs += sums.counts[RUNS]
    for route, runs in pattern.routes.items():
        if runs > 0:
            seen.routes[route] = seen.routes.get(route, 0) + runs
    seen.exemplars.update(pattern.exemplars)


def _add_shapes(tx: DuckDBPyConnection, shapes: dict[str, Seen]) -> None:
    rows = [
        (identity, *seen.shape, seen.statement, seen.kind, seen.first_seen, seen.last_seen, min(seen.runs, LARGEST))
        for identity, seen in shapes.items()
    ]
    tx.register("arrived", _table(SHAPES, rows))
    tx.execute("""
        INSERT INTO patterns SELECT pattern_id, product, database, fingerprint FROM arrived ON CONFLICT DO NOTHING
    """)
    tx.execute("""
        INSERT INTO observed_patterns
        SELECT pattern_id, kind,
               to_json({product: product, database: database, fingerprint: fingerprint, statement: statement}),
               first_seen, last_seen, runs, pattern_confidence(runs)
        FROM arrived
        ON CONFLICT (pattern_id) DO UPDATE SET
            pattern_type = least(pattern_type, excluded.pattern_type),
            pattern_data = least(pattern_data::VARCHAR, excluded.pattern_data::VARCHAR),
            first_observed = least(first_observed, excluded.first_observed),
            last_observed = greatest(last_observed, excluded.last_observed),
            occurrence_count = saturated(occurrence_count::HUGEINT + excluded.occurrence_count),
            confidence = pattern_confidence(saturated(occurrence_count::HUGEINT + excluded.occurrence_count))
    """)
    tx.unregister("arrived")


def _add_hours(tx: DuckDBPyConnection, hours: dict[Hour, Sums]) -> None:
    places = []
    for place, *key_and_sums in tx.execute(
        f"""
        SELECT pattern_hours.rowid, pattern_id::VARCHAR, epoch_us(start), catalog_hash, {", ".join(COUNTS)},
               epoch_us(first_seen), epoch_us(last_seen), peak_memory_bytes, latency_keys, latency_counts
        FROM pattern_hours SEMI JOIN (
            SELECT unnest(?)::UUID AS pattern_id, make_timestamp(unnest(?::BIGINT[])) AS start,
                   unnest(?) AS catalog_hash
        ) USING (pattern_id, start, catalog_hash)
        WHERE period = ?
        """,  # noqa: S608 - names of columns
        [*map(list, zip(*hours, strict=True)), HOUR],
    ).fetchall():
        places.append(place)
        *counts, first_seen, last_seen, peak, bins, hits = key_and_sums[3:]
        hours[Hour(*key_and_sums[:3])].add(
            Sums(counts, first_seen, last_seen, peak, dict(zip(bins, hits, strict=True)))
        )
    if places:
        tx.execute("DELETE FROM pattern_hours WHERE rowid IN (SELECT unnest(?))", [places])
    tx.register("arrived", _table(HOURS, [(*hour, *_columns(sums)) for hour, sums in hours.items()]))
    tx.execute(f"INSERT INTO pattern_hours BY NAME SELECT '{HOUR}' AS period, * FROM arrived")  # noqa: S608
    tx.unregister("arrived")


def _columns(sums: Sums) -> tuple[Any, ...]:
    bins = sorted(sums.bins.items())
    return (
        *(min(count, LARGEST) for count in sums.counts),
        sums.first_seen,
        sums.last_seen,
        sums.peak_memory_bytes,
        [key for key, _ in bins],
        [min(hits, LARGEST) for _, hits in bins],
    )


def _add_routes(tx: DuckDBPyConnection, shapes: dict[str, Seen]) -> None:
    rows = [(identity, route, min(runs, LARGEST)) for identity, s in shapes.items() for route, runs in s.routes.items()]
    if rows:
        tx.execute(
            """
            INSERT INTO pattern_routes SELECT unnest(?)::UUID, unnest(?), unnest(?::BIGINT[])
            ON CONFLICT (pattern_id, route) DO UPDATE SET runs = saturated(runs::HUGEINT + excluded.runs)
            """,
            [list(column) for column in zip(*rows, strict=True)],
        )


def _add_exemplars(tx: DuckDBPyConnection, shapes: dict[str, Seen]) -> None:
    rows = [
        (identity, sha256(text.encode()).hexdigest(), text)
        for identity, seen in shapes.items()
        for text in sorted(seen.exemplars)
    ]
    if rows:
        tx.execute(
            "INSERT INTO pattern_exemplars SELECT unnest(?)::UUID, unnest(?), unnest(?) ON CONFLICT DO NOTHING",
            [list(column) for column in zip(*rows, strict=True)],
        )
        tx.execute(
            """
            DELETE FROM pattern_exemplars WHERE (pattern_id, digest) IN (
                SELECT (pattern_id, digest) FROM pattern_exemplars WHERE pattern_id IN (SELECT unnest(?)::UUID)
                QUALIFY row_number() OVER (PARTITION BY pattern_id ORDER BY digest) > ?
            )
            """,
            [[identity for identity, *_ in rows], EXEMPLARS],
        )


def _table(schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table(
        [pa.array(column, type=kind.type) for column, kind in zip(columns, schema, strict=True)], schema=schema
    )


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
