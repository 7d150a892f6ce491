"""An ART index on a column that queries filter by equality, alone, for few rows.

Pays 7-13x at 10M rows and 2-5x at 3M (DuckDB 2.0.0, 2 threads, warm). An index scan is chosen at run time, and
only where one column of the table is filtered, by an equality or IN, for at most max(2,048 rows, 0.1 %) of it.
Measured as pure cost: a range (1.0x), five distinct values (0.91-0.95x), a second filter (0.97-0.99x), a top-N
(0.97x). Costs 8-23 bytes a row, inserts 1.3-2.1x, deletes 14-33x slower. Where the rows are in the column's order
already, minimum and maximum of the row groups leave 1 ms or less to save.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from schemas.actions import CreateIndex
from schemas.records import Column, Table

from ..filters import RANGES
from ..rule import Finding, Findings, Rule, listed, of_the_time, written
from ..tables import in_order, name_of, rows_per_value
from ..workload import Query, Workload, slowest

ROWS = 2_048
SHARE = 0.001
"""An index scan is chosen up to this many rows, or this share of the table. Source: DuckDB's settings
`index_scan_max_count` and `index_scan_percentage`."""

ROW_GROUPS = 2
"""What is smaller is scanned within a millisecond. Measured: 0.9 ms for an equality on 100,000 rows."""

TINY = 10_000
"""Of smaller tables nobody expects an index."""

NOT_INDEXABLE = ("STRUCT", "MAP", "UNION", "VARIANT", "BIT", "INTERVAL")


@dataclass(slots=True)
class _Use:
    table: Table
    column: Column
    alone: list[Query] = field(default_factory=list)
    with_others: list[Query] = field(default_factory=list)
    under_top_n: list[Query] = field(default_factory=list)
    ranges: list[Query] = field(default_factory=list)

    def everywhere(self) -> list[Query]:
        return [*self.alone, *self.with_others, *self.under_top_n, *self.ranges]


def _search(rule: Rule, workload: Workload) -> Findings:
    for use in _uses(workload):
        if _is_there(use.table, [use.column.name]):
            continue
        reason = _refused(use)
        if reason is None:
            yield _candidate(rule, workload, use)
        elif any(query.is_slow for query in use.everywhere()):
            yield rule.refusal(f"Index {use.table.name}.{use.column.name}", reason, use.everywhere())


def _uses(workload: Workload) -> list[_Use]:
    found: dict[tuple[object, str], _Use] = {}
    for query in workload.reads:
        for scan in query.reading.scans:
            if scan.table.kind != "table" or scan.table.rows < TINY:
                continue
            kinds = defaultdict(set)
            for one in query.conditions.of(scan):
                kinds[one.origin.column.name].add(one.kind)
            for name, on_column in kinds.items():
                column = next(column for column in scan.table.columns if column.name == name)
                use = found.setdefault((name_of(scan.table), name), _Use(scan.table, column))
                if not on_column & {"eq", "in"}:
                    if on_column & RANGES:
                        use.ranges.append(query)
                elif len(kinds) > 1 or len(on_column) > 1:
                    use.with_others.append(query)
                elif scan in query.conditions.top_n:
                    use.under_top_n.append(query)
                else:
                    use.alone.append(query)
    return [use for use in found.values() if use.everywhere()]


def _refused(use: _Use) -> str | None:
    table, column = use.table, use.column
    most = max(ROWS, SHARE * table.rows)
    found = rows_per_value(table, column)
    if not (use.alone or use.with_others or use.under_top_n):
        return "it is filtered by ranges only, for which DuckDB scans an index only if next to no row is found"
    if table.row_groups < ROW_GROUPS:
        return f"its {table.rows:,} rows are scanned within a millisecond"
    if column.distinct < 0:
        return "how many distinct values it has is not known"
    if found > most:
        return (
            f"{column.distinct:,} distinct values, so that an equality finds about {found:,.0f} rows: "
            f"an index is never scanned for more than {most:,.0f}"
        )
    if not use.alone and use.with_others:
        return "it is filtered together with another column only, and then DuckDB scans no index"
    if not use.alone:
        return "it is filtered under ORDER BY ... LIMIT only, and then DuckDB 2.0 scans no index"
    if in_order(column):
        return "the rows are in its order: all but one or two row groups are skipped without an index"
    if not _is_indexable(column):
        return f"no index can be made on {column.type}"
    if not any(query.is_slow for query in use.alone):
        return f"its queries take {max(query.shape.p95_us for query in use.alone) / 1000:.1f} ms: nothing to gain"
    return None


def _candidate(rule: Rule, workload: Workload, use: _Use) -> Finding:
    table, column = use.table, use.column
    gaining = slowest(query for query in use.alone if query.is_slow)
    reason = (
        f"{of_the_time(workload, gaining)} with {table.name} filtered by {column.name} alone, for about "
        f"{max(rows_per_value(table, column), 1):,.0f} of {table.rows:,} rows; {written(workload, [table])}."
    )
    return _index(rule, workload, table, [column.name], reason, gaining, use.alone)


def asked(workload: Workload, table: Table, columns: Sequence[Column]) -> Finding:
    """The index that somebody names: measuring tells whether it pays, where it can be made and a slow query filters."""
    names = [column.name for column in columns]
    gaining = slowest(
        query
        for query in workload.reads_of(table)
        if query.is_slow
        and any(one.origin.column is columns[0] for scan in query.scans_of(table) for one in query.conditions.of(scan))
    )
    title = f"Index {table.name}.{listed(names)}"
    if _is_there(table, names):
        return RULE.refusal(title, "there is one already", gaining)
    if wrong := [column for column in columns if not _is_indexable(column)]:
        return RULE.refusal(title, f"no index can be made on {wrong[0].type}", gaining)
    if not gaining:
        return RULE.refusal(title, f"no query that takes more than 1 ms filters {table.name} by {names[0]}", [])
    reason = (
        f"Asked for. {of_the_time(workload, gaining)} with {table.name} filtered by {names[0]}; "
        f"{written(workload, [table])}."
    )
    return _index(RULE, workload, table, names, reason, gaining, gaining)


def _index(
    rule: Rule, workload: Workload, table: Table, names: list[str], reason: str, gaining: list[Query],
    used_by: Iterable[Query],
) -> Finding:  # fmt: skip
    name = "_".join([table.name, *names, "idx"])
    return rule.candidate(
        f"Index {table.name}.{listed(names)}",
        reason,
        [CreateIndex(schema_name=table.schema_name, table=table.name, name=name, columns=names)],
        gaining=gaining,
        affected=[*used_by, *workload.writes_of(table)],
        equality="physical",
        equality_reason="an index changes how rows are found, not which",
    )


def _is_there(table: Table, names: list[str]) -> bool:
    return any(index.columns == names for index in table.indexes) or any(
        constraint.kind in ("primary key", "unique") and constraint.columns == names for constraint in table.constraints
    )


def _is_indexable(column: Column) -> bool:
    return not (column.type.startswith(NOT_INDEXABLE) or column.type.endswith("]"))


RULE = Rule("selective index", 4.0, _search)
