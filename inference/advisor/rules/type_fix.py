"""A VARCHAR that holds numbers, dates, timestamps or UUIDs, as what it holds.

Measured at 10M rows (DuckDB 2.0.0): queries that cast 17-46x for numbers, 3.5-12x for dates, an equality on a UUID
16x; less space too. Texts and numbers differ in order and in what may be done with them, so every use of the column
in the workload is looked at: one that needs text refuses the change, one that only returns it is rewritten.
"""

from collections.abc import Iterator
from typing import Literal

from sqlglot import exp

from schemas.actions import Body, ChangeType, Rewrite
from schemas.records import Column, Table

from ..rule import Finding, Findings, Rule, of_the_time, written
from ..statement import render, substituted
from ..tables import name_of
from ..workload import Query, Workload, slowest

Target = Literal["BIGINT", "DATE", "TIMESTAMP", "UUID"]
TARGETS: dict[str, Target] = {"integer": "BIGINT", "date": "DATE", "timestamp": "TIMESTAMP", "uuid": "UUID"}

ROWS = 100_000

Use = Literal["gains", "neutral", "output"]
_COMPARISONS = (exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ, exp.In)
_RANGES = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)
_NEUTRAL = (exp.Is, exp.Count, exp.Distinct, exp.Group)


def _search(rule: Rule, workload: Workload) -> Findings:
    for table in workload.tables.base():
        for column in table.columns:
            target = TARGETS.get(column.holds or "")
            users = workload.users_of(table, column)
            if target is None or table.rows < ROWS or not users:
                continue
            problem = _problem(workload, table, column, users)
            title = f"{table.name}.{column.name} as {target} instead of {column.type}"
            if problem is not None:
                yield rule.refusal(title, problem, users)
            elif gaining := [query for query in users if query.is_slow and _gains(query, table, column)]:
                yield _candidate(rule, workload, table, column, target, slowest(gaining), users)


def _problem(workload: Workload, table: Table, column: Column, users: list[Query]) -> str | None:
    if any(column.name in constraint.columns for constraint in table.constraints if constraint.kind != "not null"):
        return "it is part of a key or of a check"
    if any(column.name in index.columns for index in table.indexes):
        return "an index is made on it"
    if workload.tables.referencing(table):
        return "a foreign key of another table keeps it from being replaced"
    if any(name_of(table) in query.reading.starred for query in users if query.is_read):
        return "a SELECT * returns it as text"
    for query in users:
        own = set(map(id, query.reading.tree.walk()))
        for node in query.reading.nodes_of(table, column):
            use = _use(node, column)
            if use not in ("gains", "neutral", "output"):
                return use
            if (use == "output" or _parsed(node)) and (id(node) not in own or not query.is_faithful):
                return "it is returned as text by a statement that cannot be rewritten"
    return None


def _use(node: exp.Column, column: Column) -> str:
    """How the column is used there, or why that needs a text."""
    holder = node.parent
    while isinstance(holder, exp.Paren):
        holder = holder.parent
    if isinstance(holder, exp.Cast):
        return "gains" if not holder.is_type("VARCHAR", "TEXT") else "neutral"
    if isinstance(holder, _COMPARISONS) or _parsed(node):
        others = [other for other in holder.find_all(exp.Column) if other is not node] if holder else []
        return "it is compared with another column" if others or (holder and holder.find(exp.Query)) else "gains"
    if isinstance(holder, _RANGES):
        return "the order of texts is not that of numbers" if column.holds == "integer" else "gains"
    if isinstance(holder, exp.Ordered):
        return "it is sorted as text" if column.holds == "integer" else "gains"
    if isinstance(holder, _NEUTRAL) or (isinstance(holder, exp.EQ) and isinstance(holder.parent, exp.Update)):
        return "gains" if isinstance(holder, exp.Group) else "neutral"
    if isinstance(holder, exp.Alias | exp.Select):
        return _passed_on(holder)
    return f"{holder.key if holder else 'a statement'} needs it as text"


def _passed_on(holder: exp.Expr) -> str:
    select = holder if isinstance(holder, exp.Select) else holder.parent
    if not isinstance(select, exp.Select):
        return "it is passed on as text"
    if select.parent is None:
        return "output"
    if isinstance(select.parent, exp.Exists):
        return "neutral"
    kept = any(select.args.get(name) for name in ("limit", "offset", "qualify", "windows")) or select.find(exp.Window)
    inner = isinstance(select.parent, exp.CTE) or isinstance(select.parent.parent, exp.From | exp.Join)
    return "it is passed on as text by a subquery" if kept or not inner else "neutral"


def _parsed(node: exp.Column) -> bool:
    return isinstance(node.parent, exp.StrToTime) and node.parent.this is node


def _gains(query: Query, table: Table, column: Column) -> bool:
    return any(_use(node, column) == "gains" for node in query.reading.nodes_of(table, column))


def _candidate(
    rule: Rule,
    workload: Workload,
    table: Table,
    column: Column,
    target: Target,
    gaining: list[Query],
    users: list[Query],
) -> Finding:
    change = ChangeType(
        schema_name=table.schema_name, table=table.name, column=column.name, from_type=column.type, to_type=target
    )
    actions: list[Body] = [change, *_rewrites(users, table, column)]
    return rule.candidate(
        f"{table.name}.{column.name} as {target} instead of {column.type}",
        f"Every text in it that was sampled is a {column.holds}. {of_the_time(workload, gaining)} cast, compare, sort "
        f"or group it; {written(workload, [table])}.",
        actions,
        gaining=gaining,
        affected=[*users, *workload.writes_of(table)],
        equality="data",
        equality_reason=f"as long as every value is a {column.holds} written in the usual way; other texts can no "
        "longer be stored, and comparing with one is an error instead of finding nothing",
    )


def _rewrites(users: list[Query], table: Table, column: Column) -> Iterator[Rewrite]:
    """Those that return it go on returning text, those that parse it need not any more."""
    for query in users:
        replacements: dict[int, exp.Expr] = {}
        for node in query.reading.nodes_of(table, column):
            if _use(node, column) == "output":
                text = exp.cast(node.copy(), "VARCHAR")
                named = isinstance(node.parent, exp.Alias)
                replacements[id(node)] = text if named else exp.alias_(text, node.name)
            elif _parsed(node) and node.parent:
                replacements[id(node.parent)] = exp.cast(node.copy(), "TIMESTAMP")
        if replacements:
            statement = render(substituted(query.reading.tree, replacements))
            yield Rewrite(fingerprint=query.shape.fingerprint, statement=statement)


RULE = Rule("type fix", 5.0, _search)
