"""SQL from typed actions, and from nothing else, for both sides: to read, to land as code, and for the clone.

Every name is quoted, every expression comes from `schemas.expressions`, every type from a list. Statements are to be
run in their order, each on its own; those that belong together carry their transaction.

Clustering rewrites a table in place: its rows go to a temporary table and come back in order, in one transaction.
The table itself is never dropped, so that keys, NOT NULL, DEFAULT, CHECK, generated columns, comments, views and
privileges stay, none of which a catalog record could make again. Tried on DuckDB 1.2.2, 1.4.4 and 2.0.0: after the
checkpoint row groups and zone maps are those of a table built anew, and a range is as fast (2M rows: 6.9 ms before,
0.7 ms both ways). Its price: 1.9 s became 5.1 s with a primary key, whose index is emptied and filled again; free
blocks stay in the file, as they do after a rebuild. Secondary indexes are dropped before and made again after, since
deleting through one is quadratic in its duplicates (300,000 rows: 14 s, without 1 s); an index's own comment is lost
by that, and `operate` puts it back. DuckDB 1.2.2 refuses it for a table with a key (its check sees the deleted rows
still), and every version for a table that a foreign key refers to.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .actions import (
    AddColumn,
    Aggregate,
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
    SortKey,
)
from .errors import ActionError
from .expressions import FUNCTIONS, Call, Cast, ColumnRef, Constant, Expression, Operation
from .quoting import identifier, string
from .records import Index, Table

Name = tuple[str, str]
"""Of a table or view: its schema's and its own."""

Tables = Mapping[Name, Table]


def by_name(tables: Iterable[Table]) -> Tables:
    return {(table.schema_name, table.name): table for table in tables}


def refers_to(table: Table, place: Name) -> bool:
    """Whether a foreign key does. DuckDB knows them within one schema alone, and tells them as they were written."""
    schema, referred = place
    return table.schema_name == schema and any(
        (one.references or "").lower() == referred.lower() for one in table.constraints
    )


TYPES = frozenset(
    "BIGINT BIT BLOB BOOLEAN DATE DOUBLE FLOAT HUGEINT INTEGER INTERVAL JSON SMALLINT TIME TIMESTAMP TIMESTAMPTZ "
    "TIMESTAMP_MS TIMESTAMP_NS TIMESTAMP_S TINYINT UBIGINT UHUGEINT UINTEGER USMALLINT UTINYINT UUID VARCHAR".split()
) | {"TIMESTAMP WITH TIME ZONE", "TIME WITH TIME ZONE"}

_TYPE = re.compile(r"([A-Z_]+(?: [A-Z]+)*)((?:\[\d*\])*)")
_DECIMAL = re.compile(r"DECIMAL\(\d{1,2}, ?\d{1,2}\)(?:\[\d*\])*")


def render(body: Body, tables: Tables) -> list[str]:
    """The statements that carry the action out, without semicolons.

    `tables` must hold the action's own table where its statements depend on its columns or indexes.

    Raises: ActionError for what cannot be rendered, or would lose something.
    """
    if (renderer := _RENDERERS.get(type(body))) is None:
        raise ActionError(f"there is no SQL for {body.kind!r}: it is refused")
    return renderer(body, tables)


def convert_file(source: str, target: str, keys: Sequence[SortKey]) -> str:
    return f"COPY (SELECT * FROM {string(source)}{_order(keys)}) TO {string(target)} (FORMAT parquet)"


def expression(node: Expression) -> str:
    match node:
        case ColumnRef():
            return name(node.name) if node.table is None else name(node.table, node.name)
        case Constant():
            return _constant(node.value)
        case Call():
            if node.function not in FUNCTIONS:
                raise ActionError(f"the function {node.function!r} is not among those that an expression may use")
            return f"{node.function}({', '.join(map(expression, node.arguments))})"
        case Cast():
            return f"CAST({expression(node.operand)} AS {sql_type(node.type)})"
        case Operation():
            return f"({expression(node.left)} {node.operator} {expression(node.right)})"


def sql_type(text: str) -> str:
    """Raises ActionError for a type that is not plain: a name cannot be quoted here, so it must be known."""
    upper = text.upper()
    plain = _TYPE.fullmatch(upper)
    if _DECIMAL.fullmatch(upper) or (plain and plain[1] in TYPES):
        return upper
    raise ActionError(f"the type {text!r} is not one that an action may name")


def name(*parts: str) -> str:
    """Raises ActionError for what DuckDB takes as no name."""
    for part in parts:
        if not part or "\0" in part or any("\ud800" <= character <= "\udfff" for character in part):
            raise ActionError(f"{part!r} can be no name: send another one")
    return ".".join(map(identifier, parts))


def _constant(value: int | str) -> str:
    if isinstance(value, int):
        return str(value) if value >= 0 else f"({value})"
    if "\0" in value:
        raise ActionError("a text holds a zero byte: send another one")
    return string(value)


def known(body: OnTable, tables: Tables) -> Table:
    """The action's own table. Raises ActionError."""
    if (table := tables.get((body.schema_name, body.table))) is None:
        raise ActionError(
            f"the table {body.schema_name}.{body.table} is not known, and {body.kind!r} needs its columns"
        )
    return table


def _create_index(body: CreateIndex, _: Tables) -> list[str]:
    return [_index(body, body.name, body.columns, body.unique)]


def _delete_index(body: DropIndex, _: Tables) -> list[str]:
    return [_drop_index(body, body.name)]


def _cluster(body: Cluster, tables: Tables) -> list[str]:
    table = known(body, tables)
    for other in tables.values():
        if refers_to(other, (table.schema_name, table.name)):
            raise ActionError(
                f"a foreign key of {other.name!r} refers to {table.name!r}: DuckDB lets its rows not be rewritten"
            )
    if not body.keys:
        raise ActionError("a table is clustered by at least one column")
    place, held = _place(body), name("temp", "main", f"{table.name} in order")
    columns = ", ".join(name(column.name) for column in table.columns if not column.generated)
    before, after = _without_indexes(body, table.indexes)
    return [
        "BEGIN TRANSACTION",
        *before,
        f"CREATE TEMP TABLE {held} AS SELECT {columns} FROM {place}",
        f"DELETE FROM {place}",
        f"INSERT INTO {place} ({columns}) SELECT {columns} FROM {held}{_order(body.keys)}",
        f"DROP TABLE {held}",
        *after,
        "COMMIT",
        "CHECKPOINT",
    ]


def _change_type(body: ChangeType, tables: Tables) -> list[str]:
    table = known(body, tables)
    for constraint in table.constraints:
        if body.column in constraint.columns and constraint.kind != "not null":
            raise ActionError(
                f"{body.column!r} of {table.name!r} is in a {constraint.kind} constraint: DuckDB keeps its type"
            )
    # DuckDB 2.0 takes an index for dropped only once that is committed, so this is no transaction.
    before, after = _without_indexes(body, table.indexes)
    column, place, enum = name(body.column), _place(body), name(body.schema_name, f"{body.table} {body.column}")
    values = f"SELECT DISTINCT CAST({column} AS VARCHAR) FROM {place} WHERE {column} IS NOT NULL ORDER BY 1"
    to_type = enum if body.to_type == "ENUM" else body.to_type
    return [
        *([f"CREATE TYPE {enum} AS ENUM ({values})"] if body.to_type == "ENUM" else []),
        *before,
        f"ALTER TABLE {place} ALTER COLUMN {column} SET DATA TYPE {to_type}",
        *after,
        *([f"DROP TYPE IF EXISTS {enum}"] if body.from_type == "ENUM" else []),
    ]


def _add_column(body: AddColumn, _: Tables) -> list[str]:
    place, column = _place(body), name(body.column)
    return [
        "BEGIN TRANSACTION",
        f"ALTER TABLE {place} ADD COLUMN {column} {sql_type(body.type)}",
        f"UPDATE {place} SET {column} = {expression(body.expression)}",
        "COMMIT",
    ]


def _drop_column(body: DropColumn, tables: Tables) -> list[str]:
    table = known(body, tables)
    if any(body.column in index.columns for index in table.indexes):
        raise ActionError(f"the column {body.column!r} of {body.table!r} is in an index: drop that first")
    before, after = _without_indexes(body, table.indexes)
    return [*before, f"ALTER TABLE {_place(body)} DROP COLUMN {name(body.column)}", *after]


def _rename_table(body: RenameTable, tables: Tables) -> list[str]:
    table = known(body, tables)
    _expect_no_reference(body, tables)
    before, _ = _without_indexes(body, table.indexes)
    _, after = _without_indexes(body.model_copy(update={"table": body.to}), table.indexes)
    return [*before, f"ALTER TABLE {_place(body)} RENAME TO {name(body.to)}", *after]


def _rename_column(body: RenameColumn, tables: Tables) -> list[str]:
    table = known(body, tables)
    _expect_no_reference(body, tables)
    if any(body.column in index.columns for index in table.indexes):
        raise ActionError(f"the column {body.column!r} of {body.table!r} is in an index: drop that first")
    before, after = _without_indexes(body, table.indexes)
    return [*before, f"ALTER TABLE {_place(body)} RENAME COLUMN {name(body.column)} TO {name(body.to)}", *after]


def _expect_no_reference(body: OnTable, tables: Tables) -> None:
    for other in tables.values():
        if refers_to(other, (body.schema_name, body.table)):
            raise ActionError(
                f"a foreign key of {other.name!r} refers to {body.table!r}: DuckDB lets it not be renamed"
            )


def _drop_table(body: DropTable, _: Tables) -> list[str]:
    return [f"DROP TABLE {_place(body)}"]


def _create_summary(body: CreateSummary, _: Tables) -> list[str]:
    known_aliases = [body.alias]
    source = f"{_place(body)} AS {name(body.alias)}"
    for join in body.joins:
        pairs = (f"{_column(left, known_aliases)} = {name(join.alias, right)}" for left, right in join.on)
        if not join.on:
            raise ActionError(f"the join with {join.table!r} has no condition")
        source += f" JOIN {name(join.schema_name, join.table)} AS {name(join.alias)} ON {' AND '.join(pairs)}"
        known_aliases.append(join.alias)
    groups = [f"{expression(one.expression)} AS {name(one.name)}" for one in body.group_by]
    selected = groups + [f"{_aggregate(one)} AS {name(one.name)}" for one in body.aggregates]
    if not selected:
        raise ActionError("a summary has at least one column")
    grouped = f" GROUP BY {', '.join(str(number + 1) for number in range(len(groups)))}" if groups else ""
    target = name(body.schema_name, body.name)
    return [f"CREATE TABLE {target} AS SELECT {', '.join(selected)} FROM {source}{grouped}"]


def _rewrite(body: Rewrite, _: Tables) -> list[str]:
    return [body.statement]


def _convert_file(body: ConvertFile, _: Tables) -> list[str]:
    return [convert_file(body.file, f"{body.file}.parquet", body.keys)]


_RENDERERS: dict[type[Body], Callable[[Any, Tables], list[str]]] = {
    CreateIndex: _create_index,
    DropIndex: _delete_index,
    Cluster: _cluster,
    ChangeType: _change_type,
    AddColumn: _add_column,
    RenameTable: _rename_table,
    RenameColumn: _rename_column,
    DropColumn: _drop_column,
    DropTable: _drop_table,
    CreateSummary: _create_summary,
    Rewrite: _rewrite,
    ConvertFile: _convert_file,
}


def _place(body: OnTable) -> str:
    return name(body.schema_name, body.table)


def _index(body: OnTable, index: str, columns: Sequence[str], unique: bool) -> str:
    if not columns:
        raise ActionError(f"the index {index!r} has no columns")
    return f"CREATE {'UNIQUE ' * unique}INDEX {name(index)} ON {_place(body)} ({', '.join(map(name, columns))})"


def _drop_index(body: OnTable, index: str) -> str:
    return f"DROP INDEX {name(body.schema_name, index)}"


def _without_indexes(body: OnTable, indexes: Sequence[Index]) -> tuple[list[str], list[str]]:
    """Statements that drop them, and that make them again."""
    for index in indexes:
        if index.expression:
            raise ActionError(
                f"the index {index.name!r} of {body.table!r} is on an expression, which could not be made again: "
                "drop it first"
            )
    return (
        [_drop_index(body, index.name) for index in indexes],
        [_index(body, index.name, index.columns, index.unique) for index in indexes],
    )


def _order(keys: Sequence[SortKey]) -> str:
    return " ORDER BY " + ", ".join(name(key.column) + " DESC" * key.descending for key in keys) if keys else ""


def _column(text: str, aliases: Sequence[str]) -> str:
    """`alias.column`; of several aliases that fit, which dots in names allow, the longest."""
    fitting = [alias for alias in aliases if text.startswith(alias + ".")]
    if not fitting:
        raise ActionError(f"{text!r} names no table of the summary")
    alias = max(fitting, key=len)
    return name(alias, text[len(alias) + 1 :])


def _aggregate(one: Aggregate) -> str:
    if one.argument is None:
        if one.function != "count":
            raise ActionError(f"{one.function} needs an argument")
        return "count(*)"
    return f"{one.function}({expression(one.argument)})"
