"""What a table or view is, without its rows and figures: its hash, what depends on it, what an action makes of it.

What an action makes of a table is predicted, not looked up: so that whoever finds the table later can tell by looking
whether it is as before or as promised. The prediction is held to DuckDB by a test over every kind of action.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

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
    OnTable,
    RenameColumn,
    RenameTable,
    Rewrite,
)
from .errors import ActionError
from .lexer import tokens
from .quoting import unquoted
from .records import Column, Index, Table
from .render import Name, Tables, known, refers_to, sql_type

FIGURES = {"distinct": True, "null_share": True, "holds": True, "ordered": True}
ABSENT = ""
"""The hash of a table that is not there."""
_CATALOG_NAMES = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}


def plain(table: Table) -> dict[str, Any]:
    """All but rows, sizes and figures."""
    return table.model_dump(exclude={"rows": True, "bytes": True, "row_groups": True, "columns": {"__all__": FIGURES}})


def definition_hash(table: Table | None) -> str:
    """sha256 over the structure; ABSENT for None.

    A view is its text alone, since DuckDB finds its columns anew in what it selects from. The values of an ENUM are
    left out: they come from the data, and no action names them.
    """
    if table is None:
        return ABSENT
    own = plain(table)
    for column in own["columns"]:
        del column["enum_values"]
    if table.kind == "view":
        own["columns"] = []
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()


def is_as(table: Table | None, expected: str) -> bool:
    """Whether the hash is that of the table, or of one like it whose columns have no types, as `after` makes it."""
    if definition_hash(table) == expected:
        return True
    if table is None:
        return False
    untyped = [column.model_copy(update={"type": ""}) for column in table.columns]
    return definition_hash(table.model_copy(update={"columns": untyped})) == expected


def dependents(place: Name, tables: Tables) -> list[Name]:
    """Views that name it or each other, and tables whose foreign keys refer to it, in the order of their names.

    A view that uses the word for something else is one too: rather one too many.
    """
    reached = {place}
    grown = True
    while grown:
        found = {name for name, table in tables.items() if name not in reached and _depends(table, place, reached)}
        reached |= found
        grown = bool(found)
    return sorted(reached - {place})


def words(statement: str) -> set[str]:
    """All that a statement may name, in lower case and without quotes."""
    return {unquoted(word).lower() for word, *_ in tokens(statement) if word}


def after(body: Body, tables: Tables) -> Tables:
    """The tables as the action leaves them. What a summary's columns hold only DuckDB knows: their type is empty.

    Raises ActionError where the action's table, column or index is not known, or is there already.
    """
    if (change := _CHANGES.get(type(body))) is None:
        raise ActionError(f"nobody knows what {body.kind!r} makes of a table: it is refused")
    return change(body, tables)


def touched(body: Body, tables: Tables) -> list[Name]:
    """The action's own table and what depends on it; of a summary, itself and the tables that it is made from."""
    match body:
        case CreateSummary():
            sources = {(body.schema_name, body.table), *((join.schema_name, join.table) for join in body.joins)}
            return [*sorted(sources), (body.schema_name, body.name)]
        case RenameTable():
            place = body.schema_name, body.table
            return [place, (body.schema_name, body.to), *dependents(place, tables)]
        case OnTable():
            place = body.schema_name, body.table
            return [place, *dependents(place, tables)]
    return []


def _depends(table: Table, place: Name, reached: set[Name]) -> bool:
    if table.kind == "view":
        named = words(table.statement or "")
        return any(name.lower() in named for _, name in reached)
    return refers_to(table, place)


def _create_index(body: CreateIndex, tables: Tables) -> Tables:
    table = known(body, tables)
    if any(one.name == body.name for one in table.indexes):
        raise ActionError(f"{table.name!r} has an index {body.name!r} already")
    for column in body.columns:
        _column(table, column)
    made = Index(name=body.name, columns=body.columns, unique=body.unique)
    indexes = sorted([*table.indexes, made], key=lambda index: index.name)
    return _with(tables, table, indexes=indexes)


def _delete_index(body: DropIndex, tables: Tables) -> Tables:
    table = known(body, tables)
    left = [one for one in table.indexes if one.name != body.name]
    if len(left) == len(table.indexes):
        raise ActionError(f"{table.name!r} has no index {body.name!r}")
    return _with(tables, table, indexes=left)


def _change_type(body: ChangeType, tables: Tables) -> Tables:
    table = known(body, tables)
    at = _column(table, body.column)
    changed = table.columns[at].model_copy(update={"type": _as_in_catalog(body.to_type), "enum_values": []})
    return _with(tables, table, columns=[*table.columns[:at], changed, *table.columns[at + 1 :]])


def _add_column(body: AddColumn, tables: Tables) -> Tables:
    table = known(body, tables)
    if any(one.name.lower() == body.column.lower() for one in table.columns):
        raise ActionError(f"{table.name!r} has a column {body.column!r} already")
    made = Column(name=body.column, type=_as_in_catalog(body.type), nullable=True)
    return _with(tables, table, columns=[*table.columns, made])


def _expect_no_view(body: OnTable, tables: Tables) -> None:
    """One that names it would fail, and what reads the view names neither."""
    found = dependents((body.schema_name, body.table), tables)
    if views := [name for _, name in found if any(one.name == name and one.kind == "view" for one in tables.values())]:
        raise ActionError(f"the view {views[0]!r} may name {body.table!r}, and would fail")


def _rename_table(body: RenameTable, tables: Tables) -> Tables:
    table = known(body, tables)
    _expect_no_view(body, tables)
    if (body.schema_name, body.to) in tables:
        raise ActionError(f"there is a table {body.schema_name}.{body.to} already")
    others = {name: one for name, one in tables.items() if one is not table}
    return {**others, (body.schema_name, body.to): table.model_copy(update={"name": body.to})}


def _rename_column(body: RenameColumn, tables: Tables) -> Tables:
    table = known(body, tables)
    _expect_no_view(body, tables)
    at = _column(table, body.column)
    if any(one.name.lower() == body.to.lower() for one in table.columns):
        raise ActionError(f"{table.name!r} has a column {body.to!r} already")
    renamed = table.columns[at].model_copy(update={"name": body.to})
    constraints = [
        one.model_copy(update={"columns": [body.to if name == body.column else name for name in one.columns]})
        for one in table.constraints
    ]
    constraints.sort(key=lambda one: (one.kind, one.columns))
    columns = [*table.columns[:at], renamed, *table.columns[at + 1 :]]
    return _with(tables, table, columns=columns, constraints=constraints)


def _drop_column(body: DropColumn, tables: Tables) -> Tables:
    table = known(body, tables)
    at = _column(table, body.column)
    return _with(tables, table, columns=[*table.columns[:at], *table.columns[at + 1 :]])


def _drop_table(body: DropTable, tables: Tables) -> Tables:
    gone = known(body, tables)
    return {name: table for name, table in tables.items() if table is not gone}


def _create_summary(body: CreateSummary, tables: Tables) -> Tables:
    place = body.schema_name, body.name
    if place in tables:
        raise ActionError(f"there is a table {'.'.join(place)} already")
    names = [*(one.name for one in body.group_by), *(one.name for one in body.aggregates)]
    made = Table(
        schema_name=body.schema_name, name=body.name, kind="table", rows=0, bytes=0, row_groups=0,
        columns=[Column(name=name, type="", nullable=True) for name in names],
    )  # fmt: skip
    return {**tables, place: made}


def _nothing(body: Body, tables: Tables) -> Tables:
    if isinstance(body, OnTable):
        known(body, tables)
    return tables


_CHANGES: dict[type[Body], Callable[[Any, Tables], Tables]] = {
    CreateIndex: _create_index,
    DropIndex: _delete_index,
    Cluster: _nothing,
    ChangeType: _change_type,
    AddColumn: _add_column,
    RenameTable: _rename_table,
    RenameColumn: _rename_column,
    DropColumn: _drop_column,
    DropTable: _drop_table,
    CreateSummary: _create_summary,
    Rewrite: _nothing,
    ConvertFile: _nothing,
}


def _column(table: Table, name: str) -> int:
    for at, column in enumerate(table.columns):
        if column.name == name:
            return at
    raise ActionError(f"{table.name!r} has no column {name!r}")


def _with(tables: Tables, table: Table, **changed: Sequence[object]) -> Tables:
    return {**tables, (table.schema_name, table.name): table.model_copy(update=changed)}


def _as_in_catalog(type_: str) -> str:
    if type_ == "ENUM":
        return type_
    text = sql_type(type_).replace(", ", ",")
    return _CATALOG_NAMES.get(text, text)
