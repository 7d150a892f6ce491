"""Indexes, columns and tables that nothing uses.

An index that no query can use costs every write (inserts 1.3-2.1x, deletes 14-33x: 10M rows, DuckDB 2.0.0). Proposed
only where the team declares that the log shows every use, for a window that spans a monthly report, without drops
and without a statement that could not be read. What is dropped is gone: so a table or column is put out of sight first.
"""

from collections.abc import Iterator

from schemas.actions import DropColumn, DropIndex, DropTable, RenameColumn, RenameTable
from schemas.errors import Unreadable
from schemas.records import Column, Index, Table

from ..resolve import resolve
from ..rule import Finding, Findings, Rule, written
from ..statement import parse_view
from ..tables import name_of
from ..workload import Query, Workload

DAYS = 35
DAY_S = 86_400


def _search(rule: Rule, workload: Workload) -> Findings:
    reason = _not_sure(workload)
    for table in workload.tables.base():
        unused_indexes = [index for index in table.indexes if not _is_used(workload, table, index)]
        if not workload.reads_of(table) and not workload.writes_of(table) and not workload.tables.referencing(table):
            title = f"Drop the table {table.name}"
            problem = _needed_by_view(workload, table) or reason
            yield rule.refusal(title, problem, []) if problem else _drop_table(rule, workload, table, title)
            continue
        for index in unused_indexes:
            title = f"Drop the index {index.name} of {table.name}"
            yield rule.refusal(title, reason, []) if reason else _drop_index(rule, workload, table, index, title)
        if not reason:
            yield from _columns(rule, workload, table)


def _not_sure(workload: Workload) -> str | None:
    """Why "unused" cannot be known."""
    coverage = workload.catalog.coverage
    days = workload.window_s / DAY_S
    if not coverage.full:
        return "nothing used it in the window, but that the log shows every use is not declared"
    if days < DAYS:
        return f"nothing used it in {days:.0f} days: {DAYS} are needed to see a month's work"
    if workload.dropped:
        return f"nothing seen used it, but {workload.dropped:,} runs were dropped from the log"
    if workload.unreadable:
        return f"nothing seen used it, but {len(workload.unreadable)} statements could not be read"
    return None


def _needed_by_view(workload: Workload, table: Table) -> str | None:
    for view in workload.tables.all:
        if view.kind == "view":
            try:
                reading = resolve(parse_view(view.statement or ""), workload.tables)
            except Unreadable as problem:
                return f"whether the view {view.name} reads it is not known: {problem}"
            if name_of(table) in reading.touched():
                return f"the view {view.name} reads it"
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
        f"Nothing read or wrote it in {workload.window_s / DAY_S:.0f} days of full coverage; it takes about "
        f"{table.bytes / 1e6:,.0f} MB.",
        [
            RenameTable(schema_name=table.schema_name, table=table.name, to=_out_of_sight(table.name)),
            DropTable(schema_name=table.schema_name, table=_out_of_sight(table.name)),
        ],
        gaining=[],
        affected=[],
        equality="data",
        equality_reason="no statement of the window names it; once it is dropped, its rows are gone",
    )


def _drop_index(rule: Rule, workload: Workload, table: Table, index: Index, title: str) -> Finding:
    writes = workload.writes_of(table)
    return rule.candidate(
        title,
        f"No query of the window filters {index.columns[0]} by equality; {written(workload, [table])}.",
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
    if named := _needed_by_view(workload, table):
        yield rule.refusal(f"Drop a column of {table.name}", named, [])
        return
    positional: list[Query] = [query for query in workload.writes_of(table) if query.reading.positional]
    starred = any(name_of(table) in query.reading.starred for query in workload.queries)
    for column in table.columns:
        if workload.users_of(table, column) or starred or _is_held(table, column):
            continue
        title = f"Drop the column {table.name}.{column.name}"
        if positional:
            yield rule.refusal(title, "an INSERT that names no columns gives it a value", positional)
            continue
        writers = [one for one in workload.writes_of(table) if column.name.lower() in one.reading.assigned]
        if writers:
            yield rule.refusal(title, "it is written, though nothing reads it", writers)
            continue
        yield rule.candidate(
            title,
            f"Nothing named it in {workload.window_s / DAY_S:.0f} days of full coverage.",
            [
                RenameColumn(
                    schema_name=table.schema_name, table=table.name, column=column.name, to=_out_of_sight(column.name)
                ),
                DropColumn(schema_name=table.schema_name, table=table.name, column=_out_of_sight(column.name)),
            ],
            gaining=[],
            affected=workload.writes_of(table),
            equality="data",
            equality_reason="no statement of the window names it; once it is dropped, its values are gone",
        )


def _out_of_sight(name: str) -> str:
    return f"{name} to drop"


def _is_held(table: Table, column: Column) -> bool:
    constrained = any(column.name in one.columns for one in table.constraints if one.kind != "not null")
    return constrained or any(column.name in index.columns for index in table.indexes) or column.generated


RULE = Rule("unused", 1.5, _search)
