"""Suggestions as they came: the first body of an id and revision stands."""

from collections.abc import Collection
from uuid import UUID, uuid5

from duckdb import DuckDBPyConnection

from schemas.errors import RecordError
from schemas.plan import plan_hash
from schemas.records import Suggestion

from . import decisions
from .approvals import COUNTS
from .documents import document, read
from .knowledge import naive
from .pages import Listing

CHANGES = Listing(
    """
    SELECT suggestion_id::VARCHAR AS suggestion_id, revision, product, database, analysis_id::VARCHAR AS analysis_id,
           position, -position AS back, rule, title, speedup, timestamp AS time, record,
           epoch_us(max(timestamp) OVER (PARTITION BY analysis_id)) AS analysed
    FROM suggestions
    WHERE kind = 'change' AND product = coalesce(?, product) AND starts_with(suggestion_id::VARCHAR, ?)
    QUALIFY row_number() OVER (PARTITION BY suggestion_id ORDER BY revision DESC) = 1
    """,
    ("analysed", "analysis_id", "back", "suggestion_id"),
    "*, json_array_length(record->'steps') AS steps, coalesce(record->>'asked', '') AS asked",
)
"""The newest revision of each, those of the newest analysis first, within it best first: of a product, and whose id
begins so.
"""

NOTHING = Listing(
    """
    SELECT product, database, analysis_id::VARCHAR AS analysis_id, timestamp AS time, epoch_us(timestamp) AS answered,
           record
    FROM (
        FROM suggestions WHERE product = coalesce(?, product)
        QUALIFY revision = max(revision) OVER (PARTITION BY product, database)
    )
    WHERE kind = 'nothing'
    """,
    ("answered", "product", "database"),
    "*, record->>'reason' AS reason, coalesce(record->>'asked', '') AS asked, "
    "coalesce(record->>'read_as', '') AS read_as",
)
"""Of each database, of a product, whose newest analysis suggests nothing, why; the newest first."""


def apply(tx: DuckDBPyConnection, suggestion: Suggestion, partition: int, offset: int) -> None:
    """First is what has the lowest partition and offset, so that the order of applying does not matter.

    Raises RecordError.
    """
    text = document(suggestion)
    if plan_hash(suggestion.steps) != suggestion.plan_hash:
        raise RecordError("the suggestion's plan hash is not that of its steps: what is approved would be another plan")
    try:
        identity, analysis = UUID(suggestion.suggestion_id), UUID(suggestion.analysis_id)
    except ValueError as error:
        raise RecordError(f"the suggestion's ids are no UUIDs: {error}") from error
    found = tx.execute(
        "SELECT record_partition, record_offset FROM suggestions WHERE suggestion_id = ? AND revision = ?",
        [identity, suggestion.revision],
    ).fetchone()
    if found and found <= (partition, offset):
        return
    tx.execute("DELETE FROM suggestions WHERE suggestion_id = ? AND revision = ?", [identity, suggestion.revision])
    tx.execute(
        "INSERT INTO suggestions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            identity,
            suggestion.revision,
            analysis,
            suggestion.product,
            suggestion.database,
            suggestion.position,
            suggestion.of,
            suggestion.kind,
            suggestion.rule,
            suggestion.title,
            suggestion.gain.speedup if suggestion.gain else None,
            naive(suggestion.time),
            partition,
            offset,
            text,
        ],
    )
    decisions.suggested(tx, uuid5(identity, str(suggestion.revision)), suggestion, text)


def listed(
    tx: DuckDBPyConnection, product: str | None = None, database: str | None = None, analysis_id: str | None = None
) -> list[Suggestion]:
    """Those of the newest analysis first, within it best first."""
    rows = tx.execute(
        """
        SELECT record FROM suggestions
        WHERE product = coalesce($product, product) AND database = coalesce($database, database)
            AND analysis_id = coalesce($analysis_id::UUID, analysis_id)
        ORDER BY max(timestamp) OVER (PARTITION BY analysis_id) DESC, analysis_id, position
        """,
        {"product": product, "database": database, "analysis_id": analysis_id},
    ).fetchall()
    return [read(Suggestion, text) for (text,) in rows]


def untouched(tx: DuckDBPyConnection, actions: Collection[str]) -> list[Suggestion]:
    """The changes of each database's newest analysis by these actions alone that nobody has decided on, best first.

    Nor has anybody ever rejected them, or a product been told to carry them out, in whatever revision.
    """
    rows = tx.execute(
        f"""
        SELECT record FROM (
            FROM suggestions QUALIFY revision = max(revision) OVER (PARTITION BY product, database)
        ) AS newest
        WHERE kind = 'change' AND list_has_all(?, json_extract_string(record, '$.steps[*].action.kind'))
            AND suggestion_id NOT IN (SELECT suggestion_id FROM operations) AND NOT EXISTS (
            FROM rulings WHERE rulings.suggestion_id = newest.suggestion_id::VARCHAR AND {COUNTS}
                AND (rulings.revision = newest.revision OR verdict = 'rejected')
        )
        ORDER BY product, database, position
        """,  # noqa: S608 - a constant of ours
        [list(actions)],
    ).fetchall()
    return [read(Suggestion, text) for (text,) in rows]


def revision(tx: DuckDBPyConnection, suggestion_id: str, number: int) -> Suggestion | None:
    found = tx.execute(
        "SELECT record FROM suggestions WHERE suggestion_id = ?::UUID AND revision = ?", [suggestion_id, number]
    ).fetchone()
    return read(Suggestion, found[0]) if found else None


def revisions(tx: DuckDBPyConnection, suggestion_id: str) -> list[Suggestion]:
    """All of them, the newest last."""
    rows = tx.execute(
        "SELECT record FROM suggestions WHERE suggestion_id = ?::UUID ORDER BY revision", [suggestion_id]
    ).fetchall()
    return [read(Suggestion, text) for (text,) in rows]


def newest(tx: DuckDBPyConnection, suggestion_id: str) -> Suggestion | None:
    """Its newest revision."""
    found = tx.execute(
        "SELECT record FROM suggestions WHERE suggestion_id = ?::UUID ORDER BY revision DESC LIMIT 1", [suggestion_id]
    ).fetchone()
    return read(Suggestion, found[0]) if found else None


def before(tx: DuckDBPyConnection, suggestion_id: str, number: int) -> Suggestion | None:
    """Its newest revision before that one."""
    found = tx.execute(
        "SELECT record FROM suggestions WHERE suggestion_id = ?::UUID AND revision < ? ORDER BY revision DESC LIMIT 1",
        [suggestion_id, number],
    ).fetchone()
    return read(Suggestion, found[0]) if found else None
