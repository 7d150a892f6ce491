"""Approvals that wait for the gate, and what it said of those that were before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid5

from duckdb import DuckDBPyConnection
from pydantic import BaseModel, ConfigDict

from schemas.approvals import Decided
from schemas.orders import Given
from schemas.records import Approval, Decision

from .documents import document, read
from .knowledge import naive, zoned

Verdict = Literal["refused", "waits", "counted", "complete", "rejected", "deferred", "noted"]
COUNTS = "verdict NOT IN ('refused', 'noted')"
"""Of rulings, those that say something of the plan."""


class Ruled(BaseModel):
    """The body of a decision about an approval. `policy` is the sha256 of the policy that it was judged by.

    `approval` is its partition and offset, `approval_id` its event's id, both empty where nobody sent one and the
    `evidence` are operations whose verdicts earned it; `steps` is what it let be done, `agreed` what
    all together do, from `opens` on. What could not be verified has no `approver`, and names no plan. One that waits
    for its suggestion does so until it `expires`. `score` and `text` are what its maker thinks of the suggestion.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["rule"] = "rule"
    approval: str
    approval_id: str
    policy: str
    verdict: Verdict
    reason: str
    identity: str = ""
    approver: str = ""
    token_id: str = ""
    suggestion_id: str = ""
    revision: int = 0
    plan_hash: str = ""
    decision: Decided = "approve"
    steps: int = 0
    agreed: int = 0
    opens: datetime | None = None
    expires: datetime | None = None
    score: int | None = None
    text: str = ""
    evidence: list[str] = []


@dataclass(frozen=True, slots=True)
class Waiting:
    """`place` is its partition and offset, `time` the broker's."""

    place: str
    approval: Approval
    time: datetime


@dataclass(frozen=True, slots=True)
class Vote:
    """A decision that the gate took. Of one approver the last one counts."""

    approver: str
    decision: Decided
    steps: int


def apply(tx: DuckDBPyConnection, approval: Approval, partition: int, offset: int, time: datetime) -> None:
    """Raises RecordError."""
    tx.execute(
        "INSERT INTO approvals VALUES (?, ?, ?, ?, NULL, NULL, NULL)",
        [partition, offset, naive(time), document(approval)],
    )


def due(tx: DuckDBPyConnection, now: datetime, most: int) -> list[Waiting]:
    """Those to be judged, the oldest first; what waits for a suggestion only when that is there, or it expired."""
    rows = tx.execute(
        """
        SELECT concat(record_partition, '/', record_offset), record, timestamp FROM approvals
        WHERE waits_for IS NULL OR expires < ? OR waits_for IN (SELECT suggestion_id::VARCHAR FROM suggestions)
        ORDER BY record_partition, record_offset LIMIT ?
        """,
        [naive(now), most],
    ).fetchall()
    return [Waiting(place, read(Approval, text), time.replace(tzinfo=UTC)) for place, text, time in rows]


def held(tx: DuckDBPyConnection, identity: str) -> int:
    """How many approvals of one identity wait for their suggestions."""
    found = tx.execute("SELECT count(*) FROM approvals WHERE identity = ?", [identity]).fetchone()
    return int(found[0]) if found else 0


def rule(tx: DuckDBPyConnection, decision: Decision, body: Ruled, sequence: int, at: datetime) -> None:
    """Beside its suggestion stands whether any step may be done, false where it was rejected, NULL where none may.

    And the mean of the scores that its approvers gave it, of each the last.
    """
    partition, offset = map(int, body.approval.split("/")) if body.approval else (None, None)
    if body.verdict == "waits":
        tx.execute(
            "UPDATE approvals SET waits_for = ?, identity = ?, expires = ? "
            "WHERE record_partition = ? AND record_offset = ?",
            [body.suggestion_id, body.identity, body.expires and naive(body.expires), partition, offset],
        )
        return
    came = tx.execute(
        "DELETE FROM approvals WHERE record_partition = ? AND record_offset = ? RETURNING record, timestamp",
        [partition, offset],
    ).fetchone() or (None, None)
    tx.execute(
        "INSERT INTO rulings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            decision.decision_id,
            sequence,
            naive(at),
            decision.product,
            decision.database,
            body.approval_id,
            body.identity,
            body.approver,
            body.token_id,
            body.suggestion_id,
            body.revision,
            body.plan_hash,
            body.decision,
            body.steps,
            body.verdict,
            body.reason,
            body.agreed,
            naive(body.opens) if body.opens else None,
            *came,
            body.score,
            body.text,
            body.approval,
        ],
    )
    if body.verdict == "refused":
        return
    of_suggestion = uuid5(UUID(body.suggestion_id), str(body.revision))
    if body.score is not None:
        tx.execute(
            """
            UPDATE agent_decisions SET feedback_score = (
                SELECT avg(score) FROM (
                    SELECT score FROM rulings
                    WHERE suggestion_id = ? AND revision = ? AND verdict <> 'refused' AND score IS NOT NULL
                    QUALIFY row_number() OVER (PARTITION BY approver ORDER BY sequence DESC, rowid DESC) = 1
                )
            ) WHERE decision_id = ?
            """,
            [body.suggestion_id, body.revision, of_suggestion],
        )
    if body.verdict != "noted":
        approved = False if body.verdict == "rejected" else body.agreed > 0 or None
        tx.execute("UPDATE agent_decisions SET approved = ? WHERE decision_id = ?", [approved, of_suggestion])


def earlier(tx: DuckDBPyConnection, suggestion_id: str, revision: int, plan_hash: str) -> list[Vote]:
    """The votes that count on this plan, the oldest first: of each approver the last one, and a rejection.

    Those of before the plan was taken back count no more: it has to be approved anew.
    """
    rows = tx.execute(
        f"""
        SELECT approver, decision, steps FROM rulings
        WHERE suggestion_id = $suggestion AND revision = $revision AND plan_hash = $plan AND {COUNTS}
            AND sequence > coalesce((
                SELECT max(sequence) FROM operations
                WHERE suggestion_id::VARCHAR = $suggestion AND revision = $revision AND kind = 'revert'
            ), -1)
        QUALIFY row_number() OVER (PARTITION BY approver, decision = 'reject' ORDER BY sequence DESC, rowid DESC) = 1
        ORDER BY sequence, rowid
        """,  # noqa: S608 - a constant of this module
        {"suggestion": suggestion_id, "revision": revision, "plan": plan_hash},
    ).fetchall()
    return [Vote(*row) for row in rows]


def given(tx: DuckDBPyConnection, suggestion_id: str, revision: int, plan_hash: str) -> list[Given]:
    """The approvals that count on a plan: of each approver the last."""
    rows = tx.execute(
        f"""
        SELECT record, approved_at, decision FROM rulings
        WHERE suggestion_id = ? AND revision = ? AND plan_hash = ? AND {COUNTS}
        QUALIFY row_number() OVER (PARTITION BY approver ORDER BY sequence DESC, rowid DESC) = 1
        ORDER BY sequence, rowid
        """,  # noqa: S608 - a constant of this module
        [suggestion_id, revision, plan_hash],
    ).fetchall()
    return [
        Given(approval=read(Approval, text), time=time.replace(tzinfo=UTC))
        for text, time, decision in rows
        if decision == "approve" and text is not None
    ]


def seen_in(tx: DuckDBPyConnection, identity: str, token_id: str) -> str | None:
    """The id of the event in which this token was before the gate already."""
    found = tx.execute(
        "SELECT approval_id FROM rulings WHERE identity = ? AND token_id = ? ORDER BY sequence LIMIT 1",
        [identity, token_id],
    ).fetchone()
    return str(found[0]) if found else None


def waits(tx: DuckDBPyConnection, approval_id: str) -> bool:
    """Whether one with this event's id is here and not ruled on."""
    found = tx.execute("SELECT 1 FROM approvals WHERE record->>'event_id' = ?", [approval_id]).fetchone()
    return found is not None


def ruled(tx: DuckDBPyConnection, approval_id: str) -> Mapping[str, Any] | None:
    """What the gate said of the event with this id, when it first came; with the columns of the table."""
    return next(iter(_rulings(tx, "approval_id = ? ORDER BY sequence, rowid LIMIT 1", [approval_id])), None)


def rulings_on(tx: DuckDBPyConnection, suggestion_id: str, most: int) -> list[Mapping[str, Any]]:
    """The newest first, each with the columns of the table."""
    return _rulings(tx, "suggestion_id = ? ORDER BY sequence DESC, rowid DESC LIMIT ?", [suggestion_id, most])


def listed(tx: DuckDBPyConnection, product: str | None = None) -> list[Mapping[str, Any]]:
    """What the gate said, the newest first, each with the columns of the table."""
    return _rulings(tx, "product = coalesce(?, product) ORDER BY sequence DESC, rowid DESC", [product])


def _rulings(tx: DuckDBPyConnection, which: str, values: list[object]) -> list[Mapping[str, Any]]:
    found = tx.execute(f"SELECT * FROM rulings WHERE {which}", values)  # noqa: S608 - constants of this module
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, zoned(row), strict=True)) for row in found.fetchall()]
