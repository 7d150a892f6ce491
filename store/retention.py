"""What keeps the patterns bounded for ever: hours become days, days become totals, and the rare become "(other)".

It is a decision of the journal: the outcome depends on what is in the tables, so it has to happen at one point of
the inputs, and a rebuild does it there again.
"""

from datetime import datetime
from typing import Literal

from duckdb import DuckDBPyConnection
from pydantic import BaseModel, ConfigDict

from . import hours, shapes, sources
from .knowledge import naive
from .shapes import Seen, Shape, pattern_id
from .sums import LARGEST

OTHER = "(other)"
"""The fingerprint of the row, and the route, that stands for all that is not kept apart."""
OLDER = "(older)"
"""The catalog hash that stands for all catalogs that are not kept apart."""
SLACK = 1.25
"""How far a bound is passed before it is applied, so that it is not at every checkpoint."""


class Retention(BaseModel):
    """The body of the decision. Sums of "ever" are under no catalog."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["retain"] = "retain"
    hours_since: datetime
    """Before it hours become days; the start of a day."""
    days_since: datetime
    """Before it days become totals; the start of a day."""
    hours_until: datetime
    """Hours from it on are a wrong clock's, and become totals too."""
    fingerprints: int = 2000
    """Of a database, those that took most time in the hours that are kept."""
    catalogs: int = 20
    """Of a database, the last seen."""
    routes: int = 32
    """Of a pattern, the most taken."""
    source_ranges: int = 1000
    """Of a partition of the query log, the newest."""


PERIOD = """
    CASE
        WHEN period = 'ever' OR start < $days_since OR start >= $hours_until THEN 'ever'
        WHEN period = 'day' OR start < $hours_since THEN 'day'
        ELSE 'hour'
    END
"""


def overdue(tx: DuckDBPyConnection, retention: Retention) -> bool:
    """Whether there is enough to be done for the decision to be worth its entry."""
    found = tx.execute(
        f"""
        SELECT EXISTS (FROM pattern_hours WHERE period <> {PERIOD})
            OR EXISTS (SELECT 1 FROM patterns GROUP BY product, database HAVING count(*) > $fingerprints)
            OR EXISTS (SELECT 1 FROM pattern_hours JOIN patterns USING (pattern_id)
                       GROUP BY product, database HAVING count(DISTINCT catalog_hash) > $catalogs)
            OR EXISTS (FROM patterns WHERE cardinality(routes) > $routes)
            OR EXISTS (SELECT 1 FROM applied_sources GROUP BY topic_id, partition HAVING count(*) > $source_ranges)
        """,  # noqa: S608 - a constant of this module
        _times(retention)
        | {
            "fingerprints": SLACK * retention.fingerprints,
            "catalogs": SLACK * retention.catalogs,
            "routes": SLACK * retention.routes,
            "source_ranges": SLACK * retention.source_ranges,
        },
    ).fetchone()
    return bool(found and found[0])


def apply(tx: DuckDBPyConnection, retention: Retention) -> None:
    _choose_patterns(tx, retention.fingerprints)
    _choose_catalogs(tx, retention.catalogs)
    _merge_hours(tx, retention)
    _fold_patterns(tx)
    _fold_routes(tx, retention.routes)
    sources.close_gaps(tx, retention.source_ranges)
    tx.execute("DROP TABLE folded")
    tx.execute("DROP TABLE aged")


def _choose_patterns(tx: DuckDBPyConnection, keep: int) -> None:
    tx.execute(
        """
        CREATE TEMP TABLE folded AS
        SELECT pattern_id, product, database, NULL::UUID AS other_id
        FROM (
            SELECT pattern_id, product, database, fingerprint,
                   coalesce(sum(latency_us) FILTER (period = 'hour'), 0) AS recent_us, sum(latency_us) AS all_us
            FROM patterns LEFT JOIN pattern_hours USING (pattern_id)
            WHERE fingerprint <> $other
            GROUP BY ALL
        )
        QUALIFY row_number() OVER (
            PARTITION BY product, database ORDER BY recent_us DESC, all_us DESC, fingerprint
        ) > $keep
        """,
        {"other": OTHER, "keep": keep},
    )
    for product, database in tx.execute("SELECT DISTINCT product, database FROM folded").fetchall():
        tx.execute(
            "UPDATE folded SET other_id = ? WHERE product = ? AND database = ?",
            [pattern_id(Shape(product, database, OTHER)), product, database],
        )


def _choose_catalogs(tx: DuckDBPyConnection, keep: int) -> None:
    tx.execute(
        """
        CREATE TEMP TABLE aged AS
        SELECT product, database, catalog_hash
        FROM patterns JOIN pattern_hours USING (pattern_id)
        WHERE catalog_hash NOT IN ('', $older)
        GROUP BY product, database, catalog_hash
        QUALIFY row_number() OVER (
            PARTITION BY product, database ORDER BY max(last_seen) DESC, catalog_hash
        ) > $keep
        """,
        {"older": OLDER, "keep": keep},
    )


def _merge_hours(tx: DuckDBPyConnection, retention: Retention) -> None:
    """Only rows that get another key, or that meet one that does, are touched."""
    tx.execute(
        f"""
        CREATE TEMP TABLE placed AS
        WITH rows AS (
            SELECT pattern_hours.rowid AS place, pattern_id, period, start, catalog_hash, product, database,
                   {PERIOD} AS new_period
            FROM pattern_hours JOIN patterns USING (pattern_id)
        )
        SELECT place,
               coalesce(other_id, pattern_id) AS pattern_id,
               new_period AS period,
               CASE new_period WHEN 'hour' THEN start WHEN 'day' THEN date_trunc('day', start)
                               ELSE TIMESTAMP 'epoch' END AS start,
               CASE WHEN new_period = 'ever' THEN '' WHEN aged.catalog_hash IS NULL THEN rows.catalog_hash
                    ELSE $older END AS catalog_hash,
               other_id IS NOT NULL OR aged.catalog_hash IS NOT NULL OR new_period <> rows.period AS moves
        FROM rows
        LEFT JOIN folded USING (pattern_id)
        LEFT JOIN aged ON (rows.product, rows.database, rows.catalog_hash)
                        = (aged.product, aged.database, aged.catalog_hash)
        """,  # noqa: S608 - a constant
        _times(retention) | {"older": OLDER},
    )
    key = f"({hours.KEY})"
    tx.execute(f"DELETE FROM placed WHERE NOT moves AND {key} NOT IN (SELECT {key} FROM placed WHERE moves)")  # noqa: S608
    rows = f"""
        SELECT placed.* EXCLUDE (place, moves), pattern_hours.* EXCLUDE ({hours.KEY})
        FROM placed JOIN pattern_hours ON pattern_hours.rowid = place
    """  # noqa: S608 - names of columns
    tx.execute(f"CREATE TEMP TABLE remade AS {hours.merged(rows)}")
    tx.execute("DELETE FROM pattern_hours WHERE rowid IN (SELECT place FROM placed)")
    tx.execute("INSERT INTO pattern_hours BY NAME FROM remade")
    tx.execute("DROP TABLE remade")
    tx.execute("DROP TABLE placed")


def _fold_patterns(tx: DuckDBPyConnection) -> None:
    for product, database, other_id, first, last, runs in tx.execute(
        """
        SELECT product, database, other_id::VARCHAR, epoch_us(min(first_observed)), epoch_us(max(last_observed)),
               sum(occurrence_count)::HUGEINT
        FROM folded JOIN observed_patterns USING (pattern_id)
        GROUP BY ALL
        """
    ).fetchall():
        shapes.add(tx, {other_id: Seen(Shape(product, database, OTHER), "", "other", first, last, runs)})
    for table in ("patterns", "observed_patterns"):
        tx.execute(f"DELETE FROM {table} WHERE pattern_id IN (SELECT pattern_id FROM folded)")  # noqa: S608


def _fold_routes(tx: DuckDBPyConnection, keep: int) -> None:
    for identity, routes in tx.execute(
        "SELECT pattern_id, routes FROM patterns WHERE cardinality(routes) > ?", [keep]
    ).fetchall():
        rest = routes.pop(OTHER, 0)
        ordered = sorted(routes.items(), key=lambda route: (-route[1], route[0]))
        kept = dict(ordered[: keep - 1])
        kept[OTHER] = min(LARGEST, rest + sum(runs for _, runs in ordered[keep - 1 :]))
        tx.execute("UPDATE patterns SET routes = ?::MAP(VARCHAR, BIGINT) WHERE pattern_id = ?", [kept, identity])


def _times(retention: Retention) -> dict[str, datetime]:
    return {name: naive(getattr(retention, name)) for name in ("hours_since", "days_since", "hours_until")}
