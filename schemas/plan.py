"""A plan: the steps of a change in order, each with what it must find, what it leaves, and its way back.

What is approved is the plan's hash, and with it the inverses: a revert needs nobody. A table that is not touched can
change without voiding anything.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .actions import (
    AddColumn,
    Body,
    ChangeType,
    Cluster,
    ConvertFile,
    CreateIndex,
    CreateSummary,
    DropColumn,
    DropIndex,
    DropTable,
    RenameColumn,
    RenameTable,
    Rewrite,
    SortKey,
    pack,
    unpack,
)
from .definition import after, definition_hash, is_as, touched
from .records import Action, Limits, Step, Table, Touched
from .render import Name, Tables, known, render

IN_ORDER = 0.95
"""Of sampled neighbours, from which on a table's rows lie by a column: those that came last may lie elsewhere."""


def steps(actions: Sequence[Action], tables: Tables, limits: Limits) -> tuple[list[Step], Tables]:
    """And the tables as they leave them; `tables` are those before.

    Raises ActionError for what cannot be done to these tables.
    """
    found: list[Step] = []
    for action in actions:
        body = unpack(action)
        left = after(body, tables)
        back = inverse(body, tables)
        found.append(
            Step(
                action=action,
                touched=[
                    Touched(
                        schema_name=place[0],
                        name=place[1],
                        before=definition_hash(tables.get(place)),
                        after=definition_hash(left.get(place)),
                    )
                    for place in touched(body, tables)
                ],
                reversible=back is not None,
                inverse=[pack(one) for one in back or []],
                sql=render(body, tables),
                inverse_sql=[statement for one in back or [] for statement in render(one, left)],
                limits=limits,
            )
        )
        tables = left
    return found, tables


@dataclass(frozen=True, slots=True)
class Move:
    """What DuckDB does in one transaction, with the tables before and after it."""

    body: Body
    before: Tables
    after: Tables

    @property
    def sql(self) -> list[str]:
        """Without the transaction. Raises ActionError."""
        around = ("BEGIN TRANSACTION", "COMMIT", "CHECKPOINT")
        return [statement for statement in render(self.body, self.before) if statement not in around]


def moves(bodies: Sequence[Body], tables: Tables) -> list[Move]:
    """The actions in their order, each cut into what is whole or not at all.

    Raises ActionError for what cannot be done to these tables.
    """
    found: list[Move] = []
    for body in bodies:
        for part in _parts(body, tables):
            move = Move(part, tables, after(part, tables))
            move.sql  # noqa: B018 - raises for what cannot be rendered, before anything is done
            found.append(move)
            tables = move.after
    return found


def _parts(body: Body, tables: Tables) -> list[Body]:
    """DuckDB 2.0 takes an index for dropped only once that is committed, and alters no table below one."""
    if not isinstance(body, ChangeType | DropColumn | RenameTable | RenameColumn):
        return [body]
    table = known(body, tables)
    render(body, tables)  # raises for what an index forbids
    held = [
        {"schema_name": body.schema_name, "name": index.name, "columns": index.columns, "unique": index.unique}
        for index in table.indexes
    ]
    then = body.to if isinstance(body, RenameTable) else body.table
    return [
        *(DropIndex(table=body.table, **one) for one in held),
        body,
        *(CreateIndex(table=then, **one) for one in held),
    ]


def inverse(body: Body, tables: Tables) -> list[Body] | None:
    """What takes it back, from the tables as they were before: None where nothing does, empty where nothing need be.

    Rows that lay in no order that is known cannot be laid as they were.
    """
    match body:
        case CreateIndex():
            return [DropIndex(**dict(body))]
        case DropIndex():
            table = tables.get((body.schema_name, body.table))
            lossy = table and any(one.expression for one in table.indexes if one.name == body.name)
            return None if lossy else [CreateIndex(**dict(body))]
        case ChangeType():
            return [body.model_copy(update={"from_type": body.to_type, "to_type": body.from_type})]
        case AddColumn():
            return [DropColumn(schema_name=body.schema_name, table=body.table, column=body.column)]
        case RenameTable():
            return [body.model_copy(update={"table": body.to, "to": body.table})]
        case RenameColumn():
            return [body.model_copy(update={"column": body.to, "to": body.column})]
        case CreateSummary():
            return [DropTable(schema_name=body.schema_name, table=body.name)]
        case Cluster():
            before = _order(known(body, tables))
            return None if before is None else [body.model_copy(update={"keys": [before]})]
        case Rewrite() | ConvertFile():
            return []
    return None


def _order(table: Table) -> SortKey | None:
    """By which its rows lie, as far as its figures tell: of several columns the one with most values."""
    found = [column for column in table.columns if column.ordered >= 0 and abs(column.ordered - 0.5) >= IN_ORDER - 0.5]
    best = max(found, key=lambda column: column.distinct, default=None)
    return None if best is None else SortKey(column=best.name, descending=best.ordered < 0.5)


def expected(planned: Sequence[Step], *, done: bool) -> dict[Name, str]:
    """The hash of each object that the steps touch: as the first that touches it needs it, or as the last leaves it.

    What later steps need of the same object, the steps before make of it.
    """
    found: dict[Name, str] = {}
    for step in planned:
        for one in step.touched:
            name = one.schema_name, one.name
            found[name] = one.after if done else found.get(name, one.before)
    return found


def drift(wanted: Mapping[Name, str], tables: Tables) -> list[str]:
    """What is not as its hash says, as `schema.name`."""
    return [".".join(name) for name, hash_ in wanted.items() if not is_as(tables.get(name), hash_)]


def way_back(done: Sequence[Step]) -> list[Action] | None:
    """From after these steps to before them, the last first. None if one of them has none."""
    if not all(step.reversible for step in done):
        return None
    return [action for step in reversed(done) for action in step.inverse]


def plan_hash(planned: Sequence[Step]) -> str:
    """sha256 over the steps as JSON with sorted keys and no spaces, bytes as hex.

    It covers all of a step: the actions' carried bytes, the hashes of what they touch, the way back and the limits.
    """
    values = [step.model_dump() for step in planned]
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=bytes.hex)
    return hashlib.sha256(text.encode()).hexdigest()
