"""Indexes, columns and tables that nothing uses.

An index that no query can use costs every write (inserts 1.3-2.1x, deletes 14-33x: 10M rows, DuckDB 2.0.0). Proposed
only where nothing speaks for a use that was not seen (see `schemas.records.Usage`). What is dropped is gone: so a table
or column is put out of sight first.

Statements of the workload are read; all others are known by the names in them. Such a statement may take any column of
a table that it names, as `SELECT *` or an INSERT by position does, and find rows by any column that it names.
"""

from collections import Counter
from collections.abc import Iterator, Set

from schemas.actions import DropColumn, DropIndex, DropTable, RenameColumn, RenameTable
from schemas.records import Column, Index, Table

from ..naming import named
from ..rule import Finding, Findings, Rule, written
from ..tables import name_of
from ..workload import Query, Workload

OUT_OF_SIGHT = " to drop"


def _search(rule: Rule, workload: Workload) -> Findings:
    doubt = f"nothing seen used it, but {workload.usage.doubt}" if workload.usage.doubt else None
    elsewhere = _named_elsewhere(workload)
    used = elsewhere | named((shape.statement for shape in workload.shapes.values()), workload.tables.all)
    used |= {name.lower() for _, name in workload.touched(workload.queries)}
    alike = Counter(table.name.lower() for table in workload.tables.all)
    for table in workload.tables.base():
        name = table.name.lower()
        if name.endswith(OUT_OF_SIGHT):
            continue
        if name not in used and not workload.tables.referencing(table):
            title = f"Drop the table {table.name}"
            problem = _needed_by_view(workload, table) or doubt
            yield rule.refusal(title, problem, []) if problem else _drop_table(rule, workload, table, title)
            continue
        if alike[name] > 1:  # which one a statement means depends on the search path
            continue
        for index in table.indexes:
            if not _is_used(workload, table, index) and not {name, index.columns[0].lower()} <= elsewhere:
                title = f"Drop the index {index.name} of {table.name}"
                yield rule.refusal(title, doubt, []) if doubt else _drop_index(rule, workload, table, index, title)
        if not doubt and name not in elsewhere:
            yield from _columns(rule, workload, table)


def _named_elsewhere(workload: Workload) -> Set[str]:
    """In whatever is not read: statements, macros, triggers, and the views that these name."""
    tables, views = workload.tables.all, list(workload.tables.views())
    unread = [workload.shapes[fingerprint].statement for fingerprint in workload.unreadable]
    found = named([*unread, *workload.catalog.routines], tables) | set(workload.usage.named)
    while reached := [view for view in views if view.name.lower() in found]:
        found |= named((view.statement or "" for view in reached), tables)
        views = [view for view in views if view not in reached]
    return found


def _needed_by_view(workload: Workload, table: Table) -> str | None:
    for view in workload.tables.views():
        if not view.statement:
            return f"what the view {view.name} reads is not known"
        if table.name.lower() in named([view.statement], [table]):
            return f"the view {view.name} names it"
    return None


def _is_used(workload: Workload, table: Table, index: Index) -> bool:
    """An index scan needs an equality on its first column; a unique index is a constraint as well."""
    if index.unique or index.expression:
        return True
    return any(
        one.kind in ("eq", "in") and one.origin.column.name.lower() == index.columns[0].lower()
        for query in workload.queries
        for scan in query.scans_of(table)
        for one in query.conditions.of(scan)
    )


def _drop_table(rule: Rule, workload: Workload, table: Table, title: str) -> Finding:
    return rule.candidate(
        title,
        f"Nothing read or wrote it in {workload.known_days} days of full coverage; it takes about "
        f"{table.bytes / 1e6:,.0f} MB.",
        [
            RenameTable(schema_name=table.schema_name, table=table.name, to=_out_of_sight(table.name)),
            DropTable(schema_name=table.schema_name, table=_out_of_sight(table.name)),
        ],
        gaining=[],
        affected=[],
        equality="data",
        equality_reason="no statement names it; once it is dropped, its rows are gone",
    )


def _drop_index(rule: Rule, workload: Workload, table: Table, index: Index, title: str) -> Finding:
    writes = workload.writes_of(table)
    return rule.candidate(
        title,
        f"No query of {workload.known_days} days filters {index.columns[0]} by equality; {written(workload, [table])}.",
        [
            DropIndex(
                schema_name=table.schema_name,
                table=table.name,
                name=index.name,
                columns=index.columns,
                unique=index.unique,
            )
        ],
        gaining=writes,
        affected=writes,
        equality="physical",
        equality_reason="an index changes how rows are found, not which",
    )


def _columns(rule: Rule, workload: Workload, table: Table) -> Iterator[Finding]:
    if problem := _needed_by_view(workload, table):
        yield rule.refusal(f"Drop a column of {table.name}", problem, [])
        return
    positional: list[Query] = [query for query in workload.writes_of(table) if query.reading.positional]
    touching = [query for query in workload.queries if name_of(table) in query.reading.touched()]
    mentioned = named((query.shape.statement for query in touching), [table])
    for column in table.columns:
        if column.name.endswith(OUT_OF_SIGHT) or workload.users_of(table, column) or _is_held(table, column):
            continue
        title = f"Drop the column {table.name}.{column.name}"
        if positional:
            yield rule.refusal(title, "an INSERT that names no columns gives it a value", positional)
            continue
        writers = [one for one in workload.writes_of(table) if column.name.lower() in one.reading.assigned]
        if writers:
            yield rule.refusal(title, "it is written, though nothing reads it", writers)
            continue
        if column.name.lower() in mentioned:  # in a part that the reading passes over
            continue
        yield rule.candidate(
            title,
            f"Nothing named it in {workload.known_days} days of full coverage.",
            [
                RenameColumn(
                    schema_name=table.schema_name, table=table.name, column=column.name, to=_out_of_sight(column.name)
                ),
                DropColumn(schema_name=table.schema_name, table=table.name, column=_out_of_sight(column.name)),
            ],
            gaining=[],
            affected=workload.writes_of(table),
            equality="data",
            equality_reason="no statement names it; once it is dropped, its values are gone",
        )


def _out_of_sight(name: str) -> str:
    return name + OUT_OF_SIGHT


def _is_held(table: Table, column: Column) -> bool:
    constrained = any(column.name in one.columns for one in table.constraints if one.kind != "not null")
    return constrained or any(column.name in index.columns for index in table.indexes) or column.generated


RULE = Rule("unused", 1.5, _search)
