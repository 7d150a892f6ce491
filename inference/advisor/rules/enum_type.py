"""A VARCHAR of few distinct values as an ENUM.

Measured at 10M rows (DuckDB 2.0.0): 0.7-3.6x and no space saved, for the texts are kept in a dictionary anyway. So
it is proposed for the one column of a table that costs most, where nothing writes it, and measured.
"""

from schemas.actions import ChangeType
from schemas.records import Column, Table

from ..rule import Findings, Rule, of_the_time, time_of
from ..workload import Query, Workload, slowest

ROWS = 1_000_000
VALUES = 250
"""One byte a row."""


def _search(rule: Rule, workload: Workload) -> Findings:
    for table in workload.tables.base():
        if table.rows < ROWS or workload.tables.referencing(table):
            continue
        used = [(column, _users(workload, table, column)) for column in table.columns if _is_eligible(table, column)]
        used = [(column, users) for column, users in used if users]
        if not used:
            continue
        written = {name for query in workload.writes_of(table) for name in query.reading.assigned}
        fixed = [(column, users) for column, users in used if column.name.lower() not in written]
        column, users = max(fixed or used, key=lambda pair: time_of(pair[1]))
        title = f"{table.name}.{column.name} as ENUM"
        if not fixed:
            yield rule.refusal(title, "it is written, and a value that the type does not have would be refused", users)
            continue
        yield rule.candidate(
            title,
            f"{column.distinct} distinct values in {table.rows:,} rows; {of_the_time(workload, users)} filter or group "
            "by it, and no write of it was seen.",
            [
                ChangeType(
                    schema_name=table.schema_name,
                    table=table.name,
                    column=column.name,
                    from_type=column.type,
                    to_type="ENUM",
                )
            ],
            gaining=slowest(users),
            affected=[*workload.users_of(table, column), *workload.writes_of(table)],
            equality="data",
            equality_reason="as long as no other value is stored: one that the type does not have is refused",
        )


def _is_eligible(table: Table, column: Column) -> bool:
    held = any(column.name in constraint.columns for constraint in table.constraints if constraint.kind != "not null")
    held |= any(column.name in index.columns for index in table.indexes)
    return column.type == "VARCHAR" and column.holds is None and 1 < column.distinct <= VALUES and not held


def _users(workload: Workload, table: Table, column: Column) -> list[Query]:
    """Slow reads that do more with it than return it."""
    return [
        query
        for query in workload.users_of(table, column)
        if query.is_read and query.is_slow and query.reading.nodes_of(table, column)
    ]


RULE = Rule("ENUM", 1.3, _search)
