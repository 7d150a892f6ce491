"""A drop in two steps: what is to go is put out of sight first, and dropped once nobody has missed it for long enough.

Whoever asks for what is out of sight gets an error of DuckDB, and the query log tells of it.
"""

from collections.abc import Sequence
from datetime import datetime

from duckdb import DuckDBPyConnection

from schemas.actions import DropColumn, DropTable, RenameColumn, RenameTable, unpack
from schemas.definition import words
from schemas.records import Step
from store import shapes


def hides(step: Step) -> bool:
    return step.action.kind in (RenameTable.kind, RenameColumn.kind)


def drops(step: Step) -> bool:
    return step.action.kind in (DropTable.kind, DropColumn.kind)


def drops_hidden(steps: Sequence[Step], at: int) -> bool:
    """Whether the step at this place drops what the one before it has put out of sight."""
    if not (0 < at < len(steps) and hides(steps[at - 1]) and drops(steps[at])):
        return False
    match unpack(steps[at - 1].action), unpack(steps[at].action):
        case RenameTable() as hidden, DropTable() as dropped:
            return (hidden.schema_name, hidden.to) == (dropped.schema_name, dropped.table)
        case RenameColumn() as hidden, DropColumn() as dropped:
            place = hidden.schema_name, hidden.table, hidden.to
            return place == (dropped.schema_name, dropped.table, dropped.column)
    return False


def drops_in_sight(steps: Sequence[Step]) -> Step | None:
    """The first that drops what the step before it has not put out of sight."""
    return next((step for at, step in enumerate(steps) if drops(step) and not drops_hidden(steps, at)), None)


def missed_by(tx: DuckDBPyConnection, product: str, database: str, step: Step, since: datetime) -> str | None:
    """A statement that asked for it since: one that failed and names it, or one that names what it is called now.

    A statement that fails for another reason, and uses the name for something else, counts too: rather one too many.
    """
    body = unpack(step.action)
    if isinstance(body, RenameColumn):
        hidden, old = body.column, {body.table.lower(), body.column.lower()}
    elif isinstance(body, RenameTable):
        hidden, old = body.table, {body.table.lower()}
    else:
        return None
    for statement, failed in shapes.ran_naming(tx, product, database, hidden, since):
        named = words(statement)
        if (failed and old <= named) or body.to.lower() in named:
            return statement
    return None
