"""`agent_decisions`: what the control process decided, and what is suggested for others to decide."""

import json
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from duckdb import DuckDBPyConnection
from pydantic import BaseModel, ConfigDict

from schemas.records import Decision, Suggestion

from .knowledge import naive, zoned


class Refusal(BaseModel):
    """The body of a decision not to do what a request asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["refuse"] = "refuse"
    asked: str
    """The kind of the request."""
    request: str
    """Its partition and offset."""
    closes: bool
    """Whether the request is answered with it."""
    request_id: str
    requested_by: str
    reason: str


class BackedUp(BaseModel):
    """The body of a decision that tells of a backup of the knowledge file, as of the entry with this sequence.

    `request` and what follows are of who asked for it, empty where nobody did.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["backup"] = "backup"
    file: str
    bytes: int
    sequence: int
    hash: str
    request: str | None = None
    closes: bool = False
    request_id: str = ""
    requested_by: str = ""


def taken(tx: DuckDBPyConnection, decision: Decision, at: datetime, operation: str, refused: str | None) -> None:
    """A decision of our own needs nobody's approval, so `approved` stays NULL."""
    context = {"product": decision.product, "database": decision.database, **json.loads(decision.body)}
    tx.execute(
        "INSERT INTO agent_decisions VALUES (?, ?, ?, ?, '{}', NULL, ?, ?, NULL)",
        [
            decision.decision_id,
            naive(at),
            operation,
            _canonical(context),
            refused is None,
            None if refused is None else _canonical({"refused": refused}),
        ],
    )


def suggested(tx: DuckDBPyConnection, decision_id: UUID, suggestion: Suggestion, text: str) -> None:
    """`text` is the whole suggestion as JSON. It is neither approved nor executed yet."""
    context = {
        "product": suggestion.product,
        "database": suggestion.database,
        "kind": suggestion.kind,
        "suggestion_id": suggestion.suggestion_id,
        "revision": suggestion.revision,
        "analysis_id": suggestion.analysis_id,
        "position": suggestion.position,
        "of": suggestion.of,
        "catalog_hash": suggestion.catalog_hash,
    }
    tx.execute(
        """
        INSERT INTO agent_decisions VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL, NULL)
        ON CONFLICT (decision_id) DO UPDATE SET
            timestamp = excluded.timestamp, operation_type = excluded.operation_type,
            context = excluded.context, suggestion = excluded.suggestion,
            approved = if(excluded.suggestion->>'plan_hash' = suggestion->>'plan_hash', approved, NULL)
        """,
        [decision_id, naive(suggestion.time), suggestion.rule or suggestion.kind, _canonical(context), text],
    )


def answers(tx: DuckDBPyConnection, request: str) -> list[dict[str, Any]]:
    """What was decided on the request at this partition and offset, one for each database that it is about."""
    rows = tx.execute(
        "SELECT context FROM agent_decisions WHERE context->>'request' = ? ORDER BY timestamp, decision_id", [request]
    ).fetchall()
    return [json.loads(text) for (text,) in rows]


def listed(tx: DuckDBPyConnection, product: str | None = None) -> list[dict[str, Any]]:
    """Newest first, each with the columns of the table; JSON is parsed."""
    found = tx.execute(
        "SELECT * FROM agent_decisions WHERE coalesce(context->>'product' = ?, true) "
        "ORDER BY timestamp DESC, decision_id",
        [product],
    )
    names = [column[0] for column in found.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    for row in rows:
        for name in ("context", "suggestion", "outcome"):
            row[name] = None if row[name] is None else json.loads(row[name])
    return rows


def last(tx: DuckDBPyConnection, operation: str) -> datetime | None:
    """When one of these was last taken and done."""
    found = tx.execute(
        "SELECT max(timestamp) FROM agent_decisions WHERE operation_type = ? AND executed", [operation]
    ).fetchone()
    return zoned(found)[0] if found else None


def _canonical(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False)
