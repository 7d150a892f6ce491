"""Changes whose outcome is waited for: what ran before them and after, and what was judged.

A watch begins with the decision to carry a change out, which fixes what each pattern took before. From then on the
runs of these patterns are summed by slots of time, until there is a verdict. All are integers, so that the order in
which batches come does not matter.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log
from typing import Any, Literal
from uuid import UUID, uuid5

from duckdb import DuckDBPyConnection
from pydantic import BaseModel, ConfigDict

from schemas.records import Decision

from .batches import Batch
from .knowledge import naive, zoned
from .operations import LISTED, Operate
from .pages import Listing
from .shapes import Shape, pattern_id
from .sketch import MAPPING

VERDICTS = Listing(
    """
    SELECT operation_id::VARCHAR AS operation_id, sequence, timestamp AS time, product, database, record AS verdict
    FROM verdicts WHERE product = coalesce(?, product)
    """,
    ("sequence", "operation_id"),
)
"""The newest first: of a product."""
SLOT_US = 30_000_000
BEFORE = timedelta(days=7)


class Judge(BaseModel):
    """The body of the decision that says what came of an operation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["judge"] = "judge"
    operation_id: str
    suggestion_id: str
    revision: int
    verdict: Literal["confirmed", "worse", "inconclusive"]
    reason: str
    speedup: float
    low: float
    high: float
    slots: int
    promised: float | None
    promised_low: float | None
    promised_high: float | None
    as_promised: bool | None
    compared: bool = True
    """Whether other queries ran to compare with."""
    time_ratio: float | None = None
    """Before / after of the time that all runs took together (see `inference.outcome.time_ratio`)."""
    time_low: float | None = None
    time_high: float | None = None


@dataclass(frozen=True, slots=True)
class Slots:
    """What ran after a change, as `inference.outcome` takes it, in order of time.

    `times` are microseconds: what the runs of a slot took, and what they would have taken before; of the affected
    queries and of the others. Without others to compare with, the shifts are those of the affected queries alone.
    """

    shifts: list[float]
    times: list[tuple[int, int, int, int]]
    compared: bool


@dataclass(frozen=True, slots=True)
class Watched:
    """An operation that was done and is not judged yet; `ended` is when the product was through with it."""

    operation_id: str
    product: str
    database: str
    suggestion_id: str
    revision: int
    first: int
    last: int
    instance: str
    ended: datetime


def begin(tx: DuckDBPyConnection, decision: Decision, body: Operate, at: datetime) -> None:
    """From what is known now: of `body.watched` and `body.compared` those that ran in the last week.

    A rewritten statement is watched with the figures of the one that it replaces.
    """
    of = {one: (one, False) for one in body.compared} | {one: (one, True) for one in body.watched}
    of |= {new: (old, True) for new, old in body.replaced.items()}
    watched, known = (
        [pattern_id(Shape(decision.product, decision.database, one)) for one in fingerprints]
        for fingerprints in (of, [old for old, _ in of.values()])
    )
    tx.execute(
        """
        INSERT INTO watched_patterns
        SELECT ?::UUID, watched, affected, (1000 * sum(key::HUGEINT * hits) // sum(hits))::BIGINT,
               greatest(1, any_value(us))::BIGINT
        FROM (
            SELECT watched, affected, unnest(latency_keys) AS key, unnest(latency_counts) AS hits,
                   sum(latency_us::HUGEINT) OVER (PARTITION BY watched)
                       // sum(runs::HUGEINT) OVER (PARTITION BY watched) AS us
            FROM pattern_hours JOIN (
                SELECT unnest(?)::UUID AS watched, unnest(?)::UUID AS pattern_id, unnest(?) AS affected
            ) USING (pattern_id)
            WHERE period = 'hour' AND start >= ? AND start <= ?
        )
        GROUP BY watched, affected
        """,
        [
            body.operation_id,
            watched,
            known,
            [affected for _, affected in of.values()],
            naive(at - BEFORE),
            naive(at),
        ],
    )


def add(tx: DuckDBPyConnection, batches: Iterable[Batch]) -> None:
    """The runs of the patterns that are watched."""
    came: dict[tuple[UUID, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    watched: dict[UUID, list[tuple[UUID, bool, int, int]]] = {}
    for batch in batches:
        for pattern in batch.patterns:
            if not watched and not (watched := _watched(tx)):
                return
            identity = UUID(pattern_id(Shape(batch.product, batch.database, pattern["fingerprint"])))
            if identity in watched:
                latency = pattern["latency"]
                sums = came[identity, pattern["last_seen"] // SLOT_US]
                sums[0] += sum(latency["counts"])
                sums[1] += sum(key * hits for key, hits in zip(latency["keys"], latency["counts"], strict=True))
                sums[2] += pattern["latency_us"]
    slots: dict[tuple[UUID, int, bool], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for (identity, slot), (runs, keys, took) in came.items():
        for operation, affected, before_key, before_us in watched[identity]:
            sums = slots[operation, slot, affected]
            sums[0] += runs
            sums[1] += runs * before_us
            sums[2] += (1000 * keys - runs * before_key) * before_us
            sums[3] += took
    for place, sums in slots.items():
        tx.execute(
            """
            INSERT INTO watched_slots VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET
                runs = runs + excluded.runs, weight = weight + excluded.weight, shift = shift + excluded.shift,
                took = took + excluded.took
            """,
            [*place, *sums],
        )


def waiting(tx: DuckDBPyConnection) -> list[Watched]:
    """The oldest first."""
    rows = tx.execute(
        f"""
        SELECT operation_id, product, database, suggestion_id, revision, first_step, last_step, instance, ended
        FROM ({LISTED})
        WHERE kind = 'apply' AND state = 'done'
            AND operation_id NOT IN (SELECT operation_id::VARCHAR FROM verdicts)
        ORDER BY sequence, operation_id
        """  # noqa: S608 - a constant of ours
    ).fetchall()
    return [Watched(*zoned(row)) for row in rows]


def slots(tx: DuckDBPyConnection, operation_id: str, since: datetime, until: datetime) -> Slots:
    """Of those that lie whole between the two, and in which the affected queries ran and the others did, if any."""
    first, last = -(-_us(since) // SLOT_US), _us(until) // SLOT_US
    rows: list[tuple[int, bool, int, int, int]] = tx.execute(
        """
        SELECT slot, affected, weight, shift, took FROM watched_slots
        WHERE operation_id = ?::UUID AND slot >= ? AND slot < ? AND weight > 0 ORDER BY slot
        """,
        [operation_id, first, last],
    ).fetchall()
    affected = {slot: one for slot, is_affected, *one in rows if is_affected}
    others = {slot: one for slot, is_affected, *one in rows if not is_affected}
    compared = bool(others)
    pairs = [(one, others.get(slot, [1, 0, 1])) for slot, one in affected.items() if slot in others or not compared]
    a_bin = log(MAPPING.gamma) / 1000
    shifts = [a_bin * (shift / weight - other[1] / other[0]) for (weight, shift, _), other in pairs]
    return Slots(shifts, [(took, weight, other[2], other[0]) for (weight, _, took), other in pairs], compared)


def judge(tx: DuckDBPyConnection, decision: Decision, body: Judge, sequence: int, at: datetime, text: str) -> None:
    """`text` is what stands beside the promise in `agent_decisions.outcome`."""
    tx.execute(
        "INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?)",
        [body.operation_id, sequence, naive(at), decision.product, decision.database, body.verdict, text],
    )
    tx.execute("DELETE FROM watched_patterns WHERE operation_id = ?::UUID", [body.operation_id])
    tx.execute("DELETE FROM watched_slots WHERE operation_id = ?::UUID", [body.operation_id])
    tx.execute(
        "UPDATE agent_decisions SET outcome = ? WHERE decision_id = ?",
        [text, uuid5(UUID(body.suggestion_id), str(body.revision))],
    )


def said(tx: DuckDBPyConnection, suggestion_id: str, revision: int) -> str | None:
    """The verdict on what was done last of its plan, None where there is none yet."""
    found = tx.execute(
        f"""
        SELECT verdict FROM ({LISTED}) AS told LEFT JOIN verdicts ON verdicts.operation_id::VARCHAR = told.operation_id
        WHERE told.suggestion_id = ? AND told.revision = ? AND state = 'done'
        ORDER BY told.sequence DESC, number DESC LIMIT 1
        """,  # noqa: S608 - a constant of ours
        [suggestion_id, revision],
    ).fetchone()
    return found[0] if found else None


def still_worse(tx: DuckDBPyConnection, attempts: int, before: datetime) -> list[Watched]:
    """What made things worse, was not taken back in fewer than so many attempts, the last one before then.

    An attempt that nobody has answered is none; another is made once the product has told its catalog since.
    """
    rows = tx.execute(
        f"""
        WITH told AS ({LISTED})
        SELECT one.operation_id, one.product, one.database, one.suggestion_id, one.revision, one.first_step,
               one.last_step, one.instance, verdicts.timestamp
        FROM verdicts JOIN told AS one ON verdicts.operation_id::VARCHAR = one.operation_id
        LEFT JOIN told AS later ON later.suggestion_id = one.suggestion_id AND later.revision = one.revision
            AND later.sequence > one.sequence
        LEFT JOIN (SELECT product, database, timestamp AS told FROM catalogs) AS catalog
            ON catalog.product = one.product AND catalog.database = one.database
        WHERE verdict = 'worse' AND (verdicts.record->>'compared')::BOOLEAN AND NOT one.as_code
        GROUP BY ALL
        HAVING count(later.operation_id) FILTER (later.state <> 'sent') < ?
            AND NOT coalesce(bool_or(later.state = 'done'), false)
            AND greatest(verdicts.timestamp, max(later.time)) <= ?
            AND (max_by(later.state, later.sequence) IS DISTINCT FROM 'sent'
                OR any_value(catalog.told) > max(later.time))
        ORDER BY one.operation_id
        """,  # noqa: S608 - a constant of ours
        [attempts, naive(before)],
    ).fetchall()
    return [Watched(*zoned(row)) for row in rows]


def listed(tx: DuckDBPyConnection) -> Sequence[tuple[str, str, Any]]:
    """Operation, verdict and its text, the newest first."""
    return tx.execute(
        "SELECT operation_id::VARCHAR, verdict, record FROM verdicts ORDER BY sequence DESC, operation_id"
    ).fetchall()


def _watched(tx: DuckDBPyConnection) -> dict[UUID, list[tuple[UUID, bool, int, int]]]:
    found: dict[UUID, list[tuple[UUID, bool, int, int]]] = defaultdict(list)
    for identity, *rest in tx.execute(
        "SELECT pattern_id, operation_id, affected, before_key, before_us FROM watched_patterns"
    ).fetchall():
        found[identity].append((rest[0], rest[1], rest[2], rest[3]))
    return found


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)
