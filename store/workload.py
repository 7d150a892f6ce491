"""The shapes of a database's workload that an analysis is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from duckdb import DuckDBPyConnection

from schemas.records import Sketch, WorkloadShape

from .hours import merged
from .knowledge import naive, zoned
from .retention import OTHER
from .sketch import quantile

WRITES = ("insert", "update", "delete")


@dataclass(frozen=True, slots=True)
class Workload:
    """`first_seen` is when the first run came that is counted."""

    shapes: list[WorkloadShape]
    first_seen: datetime


def top(
    tx: DuckDBPyConnection,
    product: str,
    database: str,
    catalog_hash: str | None,
    since: datetime,
    until: datetime,
    most: int,
) -> Workload | None:
    """The shapes that took most time, longest first: `most` that write and `most` others. None if nothing ran.

    Counted are the hours and days that start in the window, under this catalog, or under none where the producer
    does not say which; under whatever catalog where None is named.
    """
    under = "coalesce(catalog_hash IN ($catalog_hash, ''), true)"
    counted = f"period <> 'ever' AND start >= $since AND start < $until AND {under}"
    rows = f"""
        SELECT pattern_id, 'window' AS period, $since AS start, '' AS catalog_hash,
               pattern_hours.* EXCLUDE (pattern_id, period, start, catalog_hash)
        FROM pattern_hours SEMI JOIN (
            SELECT pattern_id
            FROM pattern_hours JOIN patterns USING (pattern_id) JOIN observed_patterns USING (pattern_id)
            WHERE product = $product AND database = $database AND fingerprint <> $other AND {counted}
            GROUP BY pattern_id, fingerprint, pattern_type
            QUALIFY row_number() OVER (
                PARTITION BY list_contains($writes, pattern_type) ORDER BY sum(latency_us) DESC, fingerprint
            ) <= $most
        ) USING (pattern_id)
        WHERE {counted}
    """  # noqa: S608 - constants of this function
    found = tx.execute(
        f"""
        SELECT fingerprint, pattern_data->>'statement', pattern_type, runs, errors, rows, latency_us,
               latency_zero, latency_keys, latency_counts, sampled, rows_scanned, routes, exemplars, first_seen
        FROM ({merged(rows)}) JOIN patterns USING (pattern_id) JOIN observed_patterns USING (pattern_id)
        ORDER BY latency_us DESC, fingerprint
        """,  # noqa: S608 - constants of this module
        {
            "product": product,
            "database": database,
            "catalog_hash": catalog_hash,
            "since": naive(since),
            "until": naive(until),
            "most": most,
            "other": OTHER,
            "writes": list(WRITES),
        },
    ).fetchall()
    if not found:
        return None
    return Workload([_shape(row) for row in found], zoned([min(row[-1] for row in found)])[0])


def _shape(row: Sequence[Any]) -> WorkloadShape:
    (fingerprint, statement, kind, runs, errors, rows, latency_us, zero, keys, counts, sampled, scanned) = row[:12]
    latency = Sketch(zero=zero, keys=keys, counts=counts)
    return WorkloadShape(
        fingerprint=fingerprint,
        statement=statement,
        kind=kind,
        count=runs,
        errors=errors,
        rows=rows,
        total_us=latency_us,
        p50_us=quantile(latency, 0.5),
        p95_us=quantile(latency, 0.95),
        sampled=sampled,
        rows_scanned=scanned,
        routes=row[12],
        exemplars=row[13],
    )
