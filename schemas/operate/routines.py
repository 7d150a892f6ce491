"""What of the product runs where no statement shows it: its macros and triggers, which a change must neither break
nor set off.

They are no part of a table's definition, so one that was made since a change was planned is no drift. A table's own
trigger stays when an index or a type changes (tried on 2.0.0); it blocks a rename of the table, and would be dropped
with the table without a word.
"""

from collections.abc import Iterable

import duckdb

from ..actions import AddColumn, Body, Cluster, DropColumn, DropTable, OnTable, RenameColumn, RenameTable
from ..client.catalog import definitions
from ..definition import words


def hindrance(
    connection: duckdb.DuckDBPyConnection, database: str, bodies: Iterable[Body], *, back: bool
) -> str | None:
    """Why these actions are not to be done, None where none of its macros and triggers speaks against it.

    A column is also needed by whatever takes all of a table's, so that what names the table counts as well; but on the
    way `back` only what names the column, as others were there before it was.
    """
    for body in bodies:
        if isinstance(body, OnTable) and (problem := fired(connection, database, body)):
            return problem
        if gone := _gone(body, back=back):
            for kind, name, text in definitions(connection, database):
                named = words(text)
                if needed := next((one for one in gone if one.lower() in named), None):
                    return (
                        f"the {kind} {name!r} may need {needed!r}, and would fail or be lost: change or drop it first"
                    )
    return None


def fired(connection: duckdb.DuckDBPyConnection, database: str, body: OnTable) -> str | None:
    """Of the action's own rows; None where no trigger would be."""
    if not isinstance(body, Cluster | AddColumn):
        return None
    found = connection.execute(
        "SELECT trigger_name FROM duckdb_triggers() WHERE database_name = ? AND schema_name = ? AND table_name = ?",
        [database, body.schema_name, body.table],
    ).fetchone()
    return f"the trigger {found[0]!r} of {body.table!r} would fire for its rows: land it as code" if found else None


def _gone(body: Body, *, back: bool) -> list[str]:
    match body:
        case RenameTable() | DropTable():
            return [body.table]
        case RenameColumn() | DropColumn():
            return [body.column] if back else [body.column, body.table]
    return []
