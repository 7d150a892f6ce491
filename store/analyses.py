"""The analyses that were asked for: when the next is due, and which are under way."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from duckdb import DuckDBPyConnection
from pydantic import BaseModel, ConfigDict

from schemas.records import Decision

from .knowledge import naive, zoned


class Analyse(BaseModel):
    """The body of the decision. When it was taken, over all time: `runs` of the database, and `dropped` of the product.

    `covered` is whether the product declared that its log shows every use, `text` what was asked for in words, and
    `requested_by` by whom.

    `request` is the partition and offset of the request, `closes` whether that is answered with it; None and false
    where there was enough new evidence instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["analyse"] = "analyse"
    analysis_id: str
    revision: int
    epoch: int
    reason: str
    catalog_hash: str
    window_start: datetime
    window_end: datetime
    deadline: datetime
    shapes: int
    runs: int
    dropped: int
    request: str | None
    closes: bool
    covered: bool = False
    text: str = ""
    requested_by: str = ""


class Expire(BaseModel):
    """The body of the decision that an analysis is waited for no longer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["expire"] = "expire"
    analysis_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """`deadline` is when its suggestions are waited for no longer; `answered` how many of `total` have come."""

    analysis_id: str
    product: str
    database: str
    revision: int
    asked: datetime
    deadline: datetime
    reason: str
    runs: int
    answered: int
    total: int

    @property
    def through(self) -> bool:
        return 0 < self.total <= self.answered


def add(tx: DuckDBPyConnection, decision: Decision, body: Analyse, sequence: int, at: datetime) -> None:
    tx.execute(
        "INSERT INTO analyses VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            body.analysis_id,
            decision.product,
            decision.database,
            body.revision,
            sequence,
            body.epoch,
            naive(at),
            naive(body.deadline),
            body.reason,
            body.catalog_hash,
            naive(body.window_start),
            naive(body.window_end),
            body.shapes,
            body.runs,
            body.dropped,
            body.covered,
            body.text,
            body.requested_by,
        ],
    )


def proposed_by(tx: DuckDBPyConnection, analysis_id: str) -> str:
    """Who asked for it in words, as the API knows them; empty where nobody did."""
    found = tx.execute("SELECT requested_by FROM analyses WHERE analysis_id = ?::UUID", [analysis_id]).fetchone()
    return str(found[0]) if found else ""


LISTED = """
    SELECT analysis_id::VARCHAR AS analysis_id, product, database, revision, asked, deadline, reason, runs,
           coalesce(answered, 0) AS answered, coalesce(total, 0) AS total, sequence, text
    FROM analyses LEFT JOIN (
        SELECT analysis_id, count(DISTINCT position) AS answered, max(total) AS total
        FROM suggestions GROUP BY analysis_id
    ) USING (analysis_id)
"""
THROUGH = "0 < total AND total <= answered"


def listed(tx: DuckDBPyConnection, product: str | None = None, database: str | None = None) -> list[Analysis]:
    """The newest first."""
    return _found(tx, "product = coalesce(?, product) AND database = coalesce(?, database)", [product, database])


def expired(tx: DuckDBPyConnection, now: datetime) -> list[Analysis]:
    """Those that were not answered until their deadline, and of which no decision says so yet."""
    decided = "SELECT context->>'analysis_id' FROM agent_decisions WHERE operation_type = 'expire'"
    return _found(tx, f"NOT ({THROUGH}) AND deadline <= ? AND analysis_id NOT IN ({decided})", [naive(now)])


def due(tx: DuckDBPyConnection, now: datetime, min_runs: int, min_interval: timedelta) -> list[tuple[str, str]]:
    """Databases with a catalog, enough new runs, and the last analysis long enough ago; most new runs first.

    Runs are new until an analysis that counts them is answered, or as long as it still may be. After one that was
    not, there must be a sign of life: a run. One that was asked for in words has not looked at everything, and counts
    nothing.
    """
    rows = tx.execute(
        f"""
        SELECT product, database
        FROM databases SEMI JOIN catalogs USING (product, database) LEFT JOIN (
            SELECT product, database, max(asked) AS asked, max(runs) AS counted,
                   max(runs) FILTER ({THROUGH} OR deadline > $now) AS analysed
            FROM ({LISTED}) WHERE text = '' GROUP BY product, database
        ) AS last USING (product, database)
        WHERE databases.runs - coalesce(analysed, 0) >= $min_runs AND databases.runs > coalesce(counted, -1)
          AND coalesce(asked <= $before, true)
        ORDER BY databases.runs - coalesce(analysed, 0) DESC, product, database
        """,  # noqa: S608 - constants of this module
        {"now": naive(now), "min_runs": min_runs, "before": naive(now - min_interval)},
    ).fetchall()
    return [(product, database) for product, database in rows]


def _found(tx: DuckDBPyConnection, condition: str, values: list[Any]) -> list[Analysis]:
    rows = tx.execute(
        f"SELECT * EXCLUDE (sequence, text) FROM ({LISTED}) WHERE {condition} "  # noqa: S608
        "ORDER BY sequence DESC, product, database",
        values,
    ).fetchall()
    return [Analysis(*zoned(row)) for row in rows]
