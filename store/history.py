"""The whole story of one suggestion; and of what was looked at and not suggested."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from duckdb import DuckDBPyConnection

from schemas.measure.verdict import NOT_REACHED
from schemas.records import Considered, Outcome, Suggestion

from . import suggestions
from .documents import read
from .knowledge import zoned
from .operations import LISTED
from .watches import Judge


@dataclass(frozen=True, slots=True)
class Asked:
    """The analysis that it comes from: `shapes` of the database's queries were looked at."""

    time: datetime
    reason: str
    window_start: datetime
    window_end: datetime
    shapes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A query that the change is measured on, over all time; `routes` are runs by the caller's label."""

    fingerprint: str
    statement: str
    runs: int
    first: datetime
    last: datetime
    routes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Ruled:
    """What somebody decided, and what the gate said. `who` is the approver, or the identity of one who is none."""

    time: datetime
    who: str
    decision: str
    revision: int
    steps: int
    verdict: str
    reason: str
    read_as: str | None
    """The class that its text was read into; None where it has none, or nobody has read it."""


@dataclass(frozen=True, slots=True)
class Operated:
    """What the product was told, or why not (`refused`), and what came back, if something has."""

    time: datetime
    operation_id: str
    kind: str
    revision: int
    first: int
    last: int
    requested_by: str
    refused: str | None
    as_code: bool
    ended: datetime | None
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Judged:
    time: datetime
    judgement: Judge


@dataclass(frozen=True, slots=True)
class Story:
    """All lists in order of time; `suggestions` are its revisions, the last one is what can be approved.

    `asked` is None where the analysis is not known here.
    """

    suggestions: list[Suggestion]
    asked: Asked | None
    seen: list[Seen]
    rulings: list[Ruled]
    operations: list[Operated]
    verdicts: list[Judged]


@dataclass(frozen=True, slots=True)
class PassedOver:
    """What the newest analysis of a database looked at and did not suggest."""

    product: str
    database: str
    time: datetime
    considered: Considered


def named(tx: DuckDBPyConnection, beginning: str) -> list[str]:
    """The ids of the changes that begin so."""
    rows = tx.execute(
        "SELECT DISTINCT suggestion_id::VARCHAR FROM suggestions "
        "WHERE kind = 'change' AND starts_with(suggestion_id::VARCHAR, ?) ORDER BY ALL",
        [beginning],
    ).fetchall()
    return [identity for (identity,) in rows]


def why(tx: DuckDBPyConnection, suggestion_id: str) -> Story | None:
    """None where there is no such suggestion."""
    revisions = suggestions.revisions(tx, suggestion_id)
    if not revisions:
        return None
    return Story(
        revisions,
        _asked(tx, revisions[-1]),
        _seen(tx, revisions[-1]),
        _rulings(tx, suggestion_id),
        _operations(tx, suggestion_id),
        _verdicts(tx, suggestion_id),
    )


def passed_over(tx: DuckDBPyConnection, text: str) -> list[PassedOver]:
    """Those whose title or rule holds the text, whatever its case, in the order of their analyses.

    Of each database's newest analysis that looked at everything, and of the newest that was asked for in words.
    """
    rows = tx.execute(
        "SELECT record FROM suggestions QUALIFY row_number() OVER ("
        "PARTITION BY product, database, coalesce(record->>'asked', '') = '' "
        "ORDER BY timestamp DESC, analysis_id, position) = 1 ORDER BY product, database, timestamp"
    ).fetchall()
    return [
        PassedOver(suggestion.product, suggestion.database, suggestion.time, one)
        for suggestion in (read(Suggestion, text) for (text,) in rows)
        for one in suggestion.considered
        if text.lower() in f"{one.title} {one.rule}".lower() and not (suggestion.asked and one.verdict == NOT_REACHED)
    ]


def _asked(tx: DuckDBPyConnection, suggestion: Suggestion) -> Asked | None:
    found = tx.execute(
        "SELECT asked, reason, window_start, window_end, shapes FROM analyses WHERE analysis_id = ?",
        [UUID(suggestion.analysis_id)],
    ).fetchone()
    return Asked(*zoned(found)) if found else None


def _seen(tx: DuckDBPyConnection, suggestion: Suggestion) -> list[Seen]:
    rows = tx.execute(
        """
        SELECT fingerprint, pattern_data->>'statement', occurrence_count, first_observed, last_observed, routes
        FROM patterns JOIN observed_patterns USING (pattern_id)
        WHERE product = ? AND database = ? AND fingerprint IN (SELECT unnest(?::VARCHAR[]))
        ORDER BY first_observed, fingerprint
        """,
        [suggestion.product, suggestion.database, [query.fingerprint for query in suggestion.queries]],
    ).fetchall()
    return [Seen(*zoned(row)) for row in rows]


def _rulings(tx: DuckDBPyConnection, suggestion_id: str) -> list[Ruled]:
    rows = tx.execute(
        """
        SELECT timestamp, if(approver = '', identity, approver), decision, revision, steps, verdict, rulings.reason,
               readings.reason
        FROM rulings LEFT JOIN readings USING (approval) WHERE suggestion_id = ? ORDER BY sequence, rulings.rowid
        """,
        [suggestion_id],
    ).fetchall()
    return [Ruled(*zoned(row)) for row in rows]


def _operations(tx: DuckDBPyConnection, suggestion_id: str) -> list[Operated]:
    rows = tx.execute(
        f"""
        SELECT time, operation_id, kind, revision, first_step, last_step, requested_by, refused, as_code, ended, outcome
        FROM ({LISTED}) WHERE suggestion_id = ? ORDER BY sequence, number
        """,  # noqa: S608 - a constant of ours
        [suggestion_id],
    ).fetchall()
    return [Operated(*zoned([*row, read(Outcome, text) if text else None])) for *row, text in rows]


def _verdicts(tx: DuckDBPyConnection, suggestion_id: str) -> list[Judged]:
    rows = tx.execute(
        """
        SELECT verdicts.timestamp, record FROM verdicts JOIN operations USING (operation_id)
        WHERE suggestion_id = ?::UUID ORDER BY verdicts.sequence, operation_id
        """,
        [suggestion_id],
    ).fetchall()
    return [Judged(*zoned([time, Judge.model_validate_json(text)])) for time, text in rows]
