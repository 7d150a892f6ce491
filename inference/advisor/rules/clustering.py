"""The rows of a table in the order of the columns that queries filter by.

A row group of 122,880 rows is skipped where its minimum and maximum exclude the filter. At 10M rows and in no
order before (DuckDB 2.0.0, 2 threads, warm) a range of 7 days gained 13x, of a year 6.7x, an equality 12-43x,
five values 8-15x; the rewrite took 10-12 s. Needs about 10 row groups. Queries on a column whose order is lost
were 12x slower, and TPC-H by date gained 1.7 % in total: so every query of the table is measured with it.
"""

from collections import defaultdict
from collections.abc import Sequence

from schemas.actions import Cluster, SortKey
from schemas.records import Column, Table

from ..filters import Kind
from ..rule import Finding, Findings, Rule, listed, of_the_time, written
from ..tables import column_of, in_order, unique_keys
from ..workload import Query, Workload, slowest

ROW_GROUPS = 10
KEYS = 3
WORTH = 0.01
"""Share of the workload's time that must filter by a column to order a table by it."""

WITH_KEYS = (1, 4)
"""The oldest DuckDB that was seen to rewrite a table with a key in place (1.2.2 was seen to refuse it)."""

NOT_SORTED = ("STRUCT", "MAP", "UNION", "VARIANT", "BLOB", "JSON")

IN_ORDER_ALREADY = "its rows are in that order already"

Uses = dict[str, dict[str, tuple[Query, float]]]
"""By column and fingerprint: the query, and the part of the table that its filter should skip."""


def _search(rule: Rule, workload: Workload) -> Findings:
    for table in workload.tables.base():
        uses = _uses(workload, table) if table.row_groups > 1 else {}
        if not uses:
            continue
        queries = [query for column in uses.values() for query, _ in column.values()]
        if table.row_groups < ROW_GROUPS:
            yield rule.refusal(
                f"Cluster {table.name}",
                f"its {table.rows:,} rows are {table.row_groups} row groups: skipping pays from about {ROW_GROUPS}",
                queries,
            )
        elif problem := _kept_as_it_is(workload, table):
            yield rule.refusal(f"Cluster {table.name}", problem, queries)
        else:
            yield from _of_table(rule, workload, table, uses)


def asked(workload: Workload, table: Table, columns: Sequence[Column]) -> Finding:
    """The order that somebody names: measuring tells whether it pays, where it can be had and a slow query filters."""
    names, uses = [column.name for column in columns], _uses(workload, table)
    queries = [query for name in names for query, _ in uses[name].values()]
    title = f"Cluster {table.name} by {listed(names)}"
    if problem := _kept_as_it_is(workload, table):
        return RULE.refusal(title, problem, queries)
    if wrong := [column for column in columns if column.type.startswith(NOT_SORTED)]:
        return RULE.refusal(title, f"rows are in no order by {wrong[0].type}", queries)
    if len(columns) == 1 and in_order(columns[0]):
        return RULE.refusal(title, IN_ORDER_ALREADY, queries)
    if not queries:
        return RULE.refusal(title, f"no query that takes more than 1 ms filters it by {listed(names)}", [])
    return _candidate(RULE, workload, table, columns, uses)


def _kept_as_it_is(workload: Workload, table: Table) -> str | None:
    if workload.version < WITH_KEYS and unique_keys(table):
        return "this version of DuckDB cannot rewrite the rows of a table with a key"
    if keeping := workload.tables.referencing(table):
        return f"foreign keys of {listed(sorted({other.name for other in keeping}))} keep it from being replaced"
    return None


def _of_table(rule: Rule, workload: Workload, table: Table, uses: Uses) -> Findings:
    saved = {name: sum(query.shape.total_us * part for query, part in found.values()) for name, found in uses.items()}
    useful = []
    for name in sorted(uses, key=lambda name: saved[name], reverse=True):
        column = column_of(table, name)
        queries = [query for query, _ in uses[name].values()]
        if column is None or saved[name] < WORTH * workload.total_us:
            continue
        if in_order(column):
            yield rule.refusal(f"Cluster {table.name} by {name}", IN_ORDER_ALREADY, queries)
        else:
            useful.append(column)
    keys = [[column] for column in useful[:KEYS]]
    if (pair := _pair(table, useful, uses)) is not None:
        keys.append(pair)
    for columns in keys:
        yield _candidate(rule, workload, table, columns, uses)


def _uses(workload: Workload, table: Table) -> Uses:
    found: Uses = defaultdict(dict)
    for query in workload.reads_of(table):
        if not query.is_slow:
            continue
        for scan in query.scans_of(table):
            kinds: dict[str, set[Kind]] = defaultdict(set)
            columns: dict[str, Column] = {}
            for one in query.conditions.of(scan):
                kinds[one.origin.column.name].add(one.kind)
                columns[one.origin.column.name] = one.origin.column
            for name, on_column in kinds.items():
                part = _skipped(columns[name], on_column)
                if part and not columns[name].type.startswith(NOT_SORTED):
                    found[name][query.shape.fingerprint] = query, part
    return found


def _skipped(column: Column, kinds: set[Kind]) -> float:
    """The part of the rows that such a filter leaves out, as far as it is known without its values."""
    if kinds & {"eq", "in"}:
        return 1 - 1 / column.distinct if column.distinct > 0 else 0.5
    return {0: 0.0, 1: 0.4, 2: 0.8}[len(kinds & {"lower", "upper"})]


def _pair(table: Table, useful: list[Column], uses: Uses) -> list[Column] | None:
    """A column of few values first, each of several row groups, then what most of its queries filter besides."""
    for first in useful:
        if not 1 < first.distinct <= table.row_groups / 4:
            continue
        second = max(
            (column for column in useful if column.distinct > table.row_groups),
            key=lambda column: len(uses[column.name].keys() & uses[first.name].keys()),
            default=None,
        )
        if second and uses[second.name].keys() & uses[first.name].keys():
            return [first, second]
    return None


def _candidate(rule: Rule, workload: Workload, table: Table, columns: Sequence[Column], uses: Uses) -> Finding:
    gaining = slowest({shape: query for column in columns for shape, (query, _) in uses[column.name].items()}.values())
    parts = [part for column in columns for _, part in uses[column.name].values()]
    names = [column.name for column in columns]
    lost = [
        column.name
        for column in table.columns
        if in_order(column) and column.distinct > table.row_groups and column.name not in names
    ]
    reason = (
        f"{of_the_time(workload, gaining)} with {table.name} filtered by {listed(names)}; its rows are in no such order"
    )
    if lost:
        reason += f"; now they are in the order of {listed(lost)}, which gets lost"
    return rule.candidate(
        f"Cluster {table.name} by {listed(names)}",
        f"{reason}; {written(workload, [table])}, and new rows come last.",
        [Cluster(schema_name=table.schema_name, table=table.name, keys=[SortKey(column=name) for name in names])],
        gaining=gaining,
        part=sum(parts) / len(parts),
        affected=[*workload.reads_of(table), *workload.writes_of(table)],
        equality="physical",
        equality_reason="the same rows in another order, which only shows where a query sets none of its own",
    )


RULE = Rule("clustering", 7.0, _search)
