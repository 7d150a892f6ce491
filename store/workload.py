"""The shapes of a database's workload that an analysis is about."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from duckdb import DuckDBPyConnection

from schemas.records import Sketch, WorkloadShape

from .knowledge import naive
from .patterns import merged
from .retention import OTHER
from .sketch import quantile

WRITES = ("insert", "update", "delete")


def top_shapes(
    tx: DuckDBPyConnection, product: str, database: str, catalog_hash: str, since: datetime, until: datetime, most: int
) -> list[WorkloadShape]:
    """Those that took most time, longest first: `most` that write and `most` others.

    Counted are the hours and days that start in the window, under this catalog, or under none where the producer
    does not say which.
    """
    parameters = {
        "product": product,
        "database": database,
        "catalog_hash": catalog_hash,
        "since": naive(since),
        "until": naive(until),
        "most": most,
        "other": OTHER,
        "writes": list(WRITES),
    }
    rows = """
        SELECT pattern_id, 'window' AS period, $since AS start, '' AS catalog_hash,
               pattern_hours.* EXCLUDE (pattern_id, period, start, catalog_hash)
        FROM pattern_hours SEMI JOIN (
            SELECT pattern_id
            FROM pattern_hours JOIN patterns USING (pattern_id) JOIN observed_patterns USING (pattern_id)
            WHERE product = $product AND database = $database AND fingerprint <> $other
                AND period <> 'ever' AND start >= $since AND start < $until AND catalog_hash IN ($catalog_hash, '')
            GROUP BY pattern_id, fingerprint, pattern_type
            QUALIFY row_number() OVER (
                PARTITION BY list_contains($writes, pattern_type) ORDER BY sum(latency_us) DESC, fingerprint
            ) <= $most
        ) USING (pattern_id)
        WHERE period <> 'ever' AND start >= $since AND start < $until AND catalog_hash IN ($catalog_hash, '')
    """
    found = tx.execute(
        f"""
        SELECT fingerprint, pattern_data->>'statement', pattern_type, runs, errors, rows, latency_us,
               latency_zero, latency_keys, latency_counts, sampled, rows_scanned,
               (SELECT list(struct_pack(route, runs) ORDER BY route) FROM pattern_routes AS r
                WHERE r.pattern_id = m.pattern_id),
               (SELECT list(statement ORDER BY digest) FROM pattern_exemplars AS e
                WHERE e.pattern_id = m.pattern_id)
        FROM ({merged(rows)}) AS m JOIN patterns USING (pattern_id) JOIN observed_patterns USING (pattern_id)
        ORDER BY latency_us DESC, fingerprint
        """,  # noqa: S608 - constants of this module
        parameters,
    ).fetchall()
    return [_shape(row) for row in found]


def _shape(row: Sequence[Any]) -> WorkloadShape:
    (fingerprint, statement, kind, runs, errors, rows, latency_us, zero, keys, counts, sampled, scanned) = row[:12]
    routes, exemplars = row[12:]
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
        routes={one["route"]: one["runs"] for one in routes or []},
        exemplars=exemplars or [],
    )
