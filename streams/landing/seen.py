"""Whether a change that people land as code has arrived: seen in the catalog and in the log, whatever its names are."""

from collections.abc import Callable, Sequence

from schemas.actions import (
    AddColumn,
    Body,
    ChangeType,
    Cluster,
    CreateIndex,
    CreateSummary,
    DropColumn,
    DropIndex,
    DropTable,
    OnTable,
    RenameColumn,
    RenameTable,
    Rewrite,
    unpack,
)
from schemas.definition import after
from schemas.errors import ActionError
from schemas.fingerprint import shape
from schemas.plan import IN_ORDER
from schemas.records import Column, Step, Table
from schemas.render import Tables

Replaced = Callable[[str, str], bool]
"""Whether the first fingerprint runs in the stead of the second since the steps were approved."""


def landed(steps: Sequence[Step], tables: Tables, replaced: Replaced) -> int:
    """How many of the first steps have."""
    for done, step in enumerate(steps):
        if not is_there(unpack(step.action), tables, replaced):
            return done
    return len(steps)


def obstacle(steps: Sequence[Step], tables: Tables) -> str | None:
    """Why they can be landed no more. Of what has names of its own the hashes would say too much."""
    try:
        for step in steps:
            tables = after(unpack(step.action), tables)
    except ActionError as error:
        return str(error)
    return None


def is_there(body: Body, tables: Tables, replaced: Replaced) -> bool:
    """False for a converted file, which shows in no catalog."""
    if isinstance(body, Rewrite):
        return replaced(shape(body.statement).id, body.fingerprint)
    if not isinstance(body, OnTable):
        return False
    table = tables.get((body.schema_name, body.table))
    if isinstance(body, DropTable | RenameTable):
        return table is None
    if isinstance(body, CreateSummary):
        made = tables.get((body.schema_name, body.name))
        wanted = {one.name for one in body.group_by} | {one.name for one in body.aggregates}
        return made is not None and wanted <= _names(made)
    return table is not None and _shows(body, table)


def _shows(body: OnTable, table: Table) -> bool:
    match body:
        case CreateIndex():
            return any((one.columns, one.unique) == (body.columns, body.unique) for one in table.indexes)
        case DropIndex():
            return all((one.columns, one.unique) != (body.columns, body.unique) for one in table.indexes)
        case Cluster():
            column = _column(table, body.keys[0].column)
            ordered = column.ordered if column else -1
            return 0 <= ordered <= 1 - IN_ORDER if body.keys[0].descending else ordered >= IN_ORDER
        case ChangeType():
            column = _column(table, body.column)
            return column is not None and column.type == body.to_type
        case AddColumn():
            return body.column in _names(table)
        case DropColumn() | RenameColumn():
            return body.column not in _names(table)
    return False


def _column(table: Table, name: str) -> Column | None:
    return next((column for column in table.columns if column.name == name), None)


def _names(table: Table) -> set[str]:
    return {column.name for column in table.columns}
