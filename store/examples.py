"""What people and production said of suggestions, each as an example to learn from.

No literal is in one: statements are stripped once more, and actions are made of stripped ones. Nor is anybody's name.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from duckdb import DuckDBPyConnection

from schemas.fingerprint import shape
from schemas.records import Suggestion

from .documents import read
from .knowledge import zoned
from .watches import Judge


@dataclass(frozen=True, slots=True)
class Said:
    """A decision, or a comment, that the gate took; `text` is its maker's own words."""

    time: datetime
    decision: str
    score: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Acted:
    """`body` is canonical JSON (see `schemas.actions`)."""

    kind: str
    version: int
    body: str


@dataclass(frozen=True, slots=True)
class Example:
    """A revision of a suggestion: what was proposed and promised, what was said of it, and what came.

    Speedups are before / after. `executed` is None where it was not carried out, false where it was taken back;
    `verdict` None where there is none.
    """

    product: str
    database: str
    suggestion_id: str
    revision: int
    time: datetime
    rule: str
    title: str
    reason: str
    equality: str
    actions: list[Acted]
    statements: list[str]
    expected_s: float | None
    prior: float
    promised: float | None
    promised_low: float | None
    promised_high: float | None
    build_s: float | None
    extra_bytes: int | None
    write_ratio: float | None
    said: list[Said]
    score: float | None
    approved: bool | None
    executed: bool | None
    verdict: str | None
    came: float | None
    came_low: float | None
    came_high: float | None


def examples(tx: DuckDBPyConnection) -> list[Example]:
    """The oldest first; without those of which nothing was said."""
    said = _said(tx)
    rows = tx.execute(
        """
        SELECT suggestion, approved, executed, outcome, feedback_score FROM agent_decisions
        WHERE suggestion->>'kind' = 'change' ORDER BY timestamp, decision_id
        """
    ).fetchall()
    found = []
    for text, approved, executed, outcome, score in rows:
        one = read(Suggestion, text)
        of_it = said.get(uuid5(UUID(one.suggestion_id), str(one.revision)), [])
        if of_it or outcome:
            judged = Judge.model_validate_json(outcome) if outcome else None
            found.append(_example(one, of_it, score, approved, executed, judged))
    return found


def _said(tx: DuckDBPyConnection) -> dict[UUID, list[Said]]:
    """By the id of the suggestion's decision."""
    rows = tx.execute(
        """
        SELECT suggestion_id, revision, timestamp, decision, score, text FROM rulings
        WHERE verdict <> 'refused' AND approval_id <> '' ORDER BY sequence, rowid
        """
    ).fetchall()
    found: dict[UUID, list[Said]] = defaultdict(list)
    for suggestion_id, revision, *row in rows:
        found[uuid5(UUID(suggestion_id), str(revision))].append(Said(*zoned(row)))
    return found


def _example(
    one: Suggestion,
    said: list[Said],
    score: float | None,
    approved: bool | None,
    executed: bool | None,
    judged: Judge | None,
) -> Example:
    gain, cost = one.gain, one.cost
    came = judged if judged and judged.slots else None
    return Example(
        product=one.product,
        database=one.database,
        suggestion_id=one.suggestion_id,
        revision=one.revision,
        time=one.time,
        rule=one.rule,
        title=one.title,
        reason=one.reason,
        equality=one.equality,
        actions=[Acted(step.action.kind, step.action.version, step.action.body.decode()) for step in one.steps],
        statements=[shape(text).text for _, text in sorted(one.statements.items())],
        expected_s=one.promised_s,
        prior=one.prior,
        promised=gain.speedup if gain else None,
        promised_low=gain.low if gain else None,
        promised_high=gain.high if gain else None,
        build_s=cost.build_s if cost else None,
        extra_bytes=cost.extra_bytes if cost else None,
        write_ratio=cost.write_ratio if cost else None,
        said=said,
        score=score,
        approved=approved,
        executed=executed,
        verdict=judged.verdict if judged else None,
        came=came.speedup if came else None,
        came_low=came.low if came else None,
        came_high=came.high if came else None,
    )
