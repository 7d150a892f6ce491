"""What products were told to carry out, what became of it, and what is to be told next."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

from duckdb import DuckDBPyConnection
from pydantic import BaseModel, ConfigDict

from schemas.errors import RecordError
from schemas.orders import Kind
from schemas.records import Decision, Outcome

from .approvals import COUNTS
from .documents import document
from .knowledge import naive, zoned
from .pages import Listing

LATE = timedelta(minutes=10)
"""After its deadline an operation that nobody answers holds up no other."""


class Operate(BaseModel):
    """The body of the decision. `refused` says why the product is told nothing; `as_code` that people did it.

    `request` is the partition and offset of the request that asked for it, None where an approval did.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["operate"] = "operate"
    operation_id: str
    order: Kind
    instance: str
    number: int
    suggestion_id: str
    revision: int
    plan_hash: str
    first: int
    last: int
    deadline: datetime
    requested_by: str
    refused: str | None = None
    as_code: bool = False
    request: str | None = None
    closes: bool = False
    watched: list[str] = []
    """Fingerprints of what the change affects, whose latencies are compared with before."""
    compared: list[str] = []
    """Of what it does not."""
    replaced: dict[str, str] = {}
    """Of rewritten statements: the new one's fingerprint, and whose latencies before it is compared with."""


@dataclass(frozen=True, slots=True)
class Told:
    """`state` is that of the outcome, "refused" where nothing was told, "sent" where none has come."""

    operation_id: str
    product: str
    database: str
    instance: str
    number: int
    kind: Kind
    suggestion_id: str
    revision: int
    plan_hash: str
    first: int
    last: int
    deadline: datetime
    state: str
    sequence: int
    as_code: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """The first `agreed` steps of a plan may be done, of which `done` are. `approved` is when, by the broker."""

    product: str
    database: str
    suggestion_id: str
    revision: int
    plan_hash: str
    approver: str
    agreed: int
    done: int
    approved: datetime


def add(tx: DuckDBPyConnection, decision: Decision, body: Operate, sequence: int, at: datetime) -> None:
    tx.execute(
        "INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            body.operation_id,
            sequence,
            naive(at),
            decision.product,
            decision.database,
            body.instance,
            body.number,
            body.order,
            body.suggestion_id,
            body.revision,
            body.plan_hash,
            body.first,
            body.last,
            naive(body.deadline),
            body.requested_by,
            body.refused,
            body.as_code,
        ],
    )


def apply(tx: DuckDBPyConnection, outcome: Outcome, partition: int, offset: int, time: datetime) -> None:
    """`time` is the broker's. The earliest outcome of an operation stands, whatever the order of applying.

    Raises RecordError for one that is not of an operation that was told to this product.
    """
    try:
        told = find(tx, str(UUID(outcome.operation_id)))
    except ValueError as error:
        raise RecordError(f"the outcome's operation is no UUID: {error}") from error
    of = (outcome.product, outcome.database, outcome.suggestion_id, outcome.revision, outcome.kind)
    if told is None or of != (told.product, told.database, told.suggestion_id, told.revision, told.kind):
        raise RecordError("it is the outcome of no operation that this product was told of")
    tx.execute(
        """
        INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (operation_id) DO UPDATE SET
            instance = excluded.instance, record_partition = excluded.record_partition,
            record_offset = excluded.record_offset, timestamp = excluded.timestamp, state = excluded.state,
            record = excluded.record
        WHERE (excluded.timestamp, excluded.record_partition, excluded.record_offset)
            < (timestamp, record_partition, record_offset)
        """,
        [
            told.operation_id,
            outcome.product,
            outcome.database,
            outcome.instance,
            partition,
            offset,
            naive(time),
            outcome.state,
            document(outcome),
        ],
    )
    tx.execute(
        """
        UPDATE agent_decisions SET executed = (
            SELECT max_by(kind = 'apply', sequence) FROM operations JOIN outcomes
            ON operations.operation_id::VARCHAR = outcomes.operation_id
            WHERE suggestion_id = ?::UUID AND revision = ? AND state = 'done'
        ) WHERE decision_id = ?
        """,
        [told.suggestion_id, told.revision, uuid5(UUID(told.suggestion_id), str(told.revision))],
    )


LISTED = """
    SELECT operation_id::VARCHAR AS operation_id, product, database, instance, number, kind,
           suggestion_id::VARCHAR AS suggestion_id, revision, plan_hash, first_step, last_step, deadline,
           if(refused IS NULL, coalesce(state, 'sent'), 'refused') AS state, sequence, as_code,
           requested_by, refused, timestamp AS time, ended, outcome
    FROM operations LEFT JOIN (
        SELECT operation_id::UUID AS operation_id, product, database, state, timestamp AS ended, record AS outcome
        FROM outcomes
    ) USING (operation_id, product, database)
"""
"""`time` is when it was decided, `ended` when its outcome was heard of."""
SHOWN = Listing(
    f"""
    SELECT told.*, verdicts.record AS verdict, verdicts.timestamp AS judged
    FROM ({LISTED}) AS told LEFT JOIN verdicts ON verdicts.operation_id::VARCHAR = told.operation_id
    WHERE told.product = coalesce(?, told.product) AND starts_with(told.operation_id, ?)
        AND suggestion_id = coalesce(?, suggestion_id)
    """,  # noqa: S608 - a constant of this module
    ("sequence", "number", "operation_id"),
)
"""What products were told and what came of it, the newest first: of a product, whose id begins so, of a suggestion."""


def listed(tx: DuckDBPyConnection, product: str | None = None, database: str | None = None) -> list[Told]:
    """The newest first."""
    return _found(tx, "product = coalesce(?, product) AND database = coalesce(?, database)", [product, database])


def find(tx: DuckDBPyConnection, operation_id: str) -> Told | None:
    return next(iter(_found(tx, "operation_id = ?", [operation_id])), None)


IS_OUT = """
    state = 'sent' AND deadline > ? AND instance = (
        SELECT record->>'instance' FROM catalogs
        WHERE catalogs.product = told.product AND catalogs.database = told.database
    )
"""
"""Whether it may still be begun, or is at work. Another process that has the database since shows that the one that
was told is gone, since DuckDB lets one alone write.
"""


def under_way(tx: DuckDBPyConnection, product: str, database: str, now: datetime) -> bool:
    condition = f"product = ? AND database = ? AND {IS_OUT}"
    return bool(_found(tx, condition, [product, database, naive(now - LATE)]))


def last_number(tx: DuckDBPyConnection, product: str, database: str) -> int:
    found = tx.execute(
        "SELECT max(number) FROM operations WHERE product = ? AND database = ?", [product, database]
    ).fetchone()
    return int(found[0] or 0) if found else 0


def ready(tx: DuckDBPyConnection, now: datetime) -> list[Ready]:
    """Plans of which more may be done than is, by the last word on them, and for which no operation came since.

    Where an operation does not pass, somebody has to look and approve anew; what is left of a plan of which a part was
    done goes on by itself. One that nobody has answered counts for nothing once it is out no more: the product was
    started anew, and is told again.
    """
    rows = tx.execute(
        f"""
        WITH said AS (
            SELECT product, database, suggestion_id, revision, plan_hash, approver, verdict, agreed, sequence,
                   coalesce(approved_at, timestamp) AS approved
            FROM rulings WHERE {COUNTS}
            QUALIFY row_number() OVER (
                PARTITION BY suggestion_id, revision, plan_hash ORDER BY sequence DESC, rowid DESC) = 1
        ), told AS (
            SELECT suggestion_id, revision, plan_hash,
                   max(sequence) FILTER (state <> 'sent' OR {IS_OUT}) AS sequence,
                   max_by(kind = 'apply' AND state = 'done', sequence)
                       FILTER (kind = 'revert' OR state <> 'sent' OR {IS_OUT}) AS goes_on,
                   max_by(if(kind = 'apply', last_step, first_step), sequence) FILTER (state = 'done') AS done
            FROM ({LISTED}) AS told GROUP BY ALL
        )
        SELECT product, database, suggestion_id, revision, plan_hash, approver, agreed, coalesce(done, 0), approved
        FROM said LEFT JOIN told USING (suggestion_id, revision, plan_hash)
        WHERE verdict = 'complete' AND agreed > coalesce(done, 0)
            AND (goes_on OR said.sequence > coalesce(told.sequence, -1))
        ORDER BY said.sequence, suggestion_id
        """,  # noqa: S608 - constants of ours
        [naive(now - LATE), naive(now - LATE)],
    ).fetchall()
    return [Ready(*zoned(row)) for row in rows]


def done(tx: DuckDBPyConnection, suggestion_id: str, revision: int) -> int:
    """How many of its steps are."""
    found = _found(tx, "suggestion_id = ? AND revision = ? AND state = 'done'", [suggestion_id, revision])
    last = next(iter(found), None)
    return 0 if last is None else last.last if last.kind == "apply" else last.first


@dataclass(frozen=True, slots=True)
class Done:
    """`ended` is when it was heard of."""

    operation_id: str
    ended: datetime


def last_done(tx: DuckDBPyConnection, suggestion_id: str, revision: int) -> Done | None:
    """The newest operation of its plan that was."""
    found = tx.execute(
        f"""
        SELECT operation_id, ended FROM ({LISTED})
        WHERE suggestion_id = ? AND revision = ? AND state = 'done' ORDER BY sequence DESC, number DESC LIMIT 1
        """,  # noqa: S608 - a constant of this module
        [suggestion_id, revision],
    ).fetchone()
    return Done(*zoned(found)) if found else None


def _found(tx: DuckDBPyConnection, condition: str, values: list[object]) -> list[Told]:
    rows = tx.execute(
        f"""
        SELECT * EXCLUDE (requested_by, refused, time, ended, outcome) FROM ({LISTED}) AS told
        WHERE {condition} ORDER BY sequence DESC, number DESC
        """,  # noqa: S608 - constants of ours
        values,
    ).fetchall()
    return [Told(*zoned(row)) for row in rows]
