"""A stored column for a costly expression that queries compute again and again.

Measured at 1M rows (DuckDB 2.0.0): a field of a JSON text 26-38x, functions of long texts 27x, strftime 13x,
date_trunc 3x; lower() of a text of few values nothing (0.9x), for it is computed once a value. A generated column of
DuckDB is virtual and gained nothing (1.1-1.2x), so that the column is a plain one that writers must keep.
"""

from collections import defaultdict
from dataclasses import dataclass

from sqlglot import exp

from schemas.actions import AddColumn, Body, Rewrite
from schemas.expressions import Call, ColumnRef, Constant, Expression
from schemas.records import Table

from ..expression import typed
from ..reading import Origin
from ..rollup import free_name
from ..rule import Finding, Findings, Rule, of_the_time, time_of, written
from ..statement import render, substituted
from ..tables import name_of
from ..workload import Query, Workload, slowest

ROWS = 200_000
DICTIONARY = 10_000
"""Up to about so many distinct texts, a function is computed once for each."""

TYPES = {
    "json_extract_string": "VARCHAR", "strftime": "VARCHAR", "upper": "VARCHAR", "lower": "VARCHAR",
    "substring": "VARCHAR", "trim": "VARCHAR", "date_trunc": "TIMESTAMP",
}  # fmt: skip
"""The type of what a function returns (date_trunc also of a DATE, in DuckDB 2.0)."""

ANY_VALUES = ("json_extract_string", "strftime")
"""What is costly whatever the number of distinct values."""


@dataclass(slots=True)
class _Use:
    table: Table
    expression: Call
    nodes: list[tuple[Query, exp.Expr]]


def _search(rule: Rule, workload: Workload) -> Findings:
    for use in _uses(workload).values():
        queries = [query for query, _ in use.nodes]
        title = f"A column of {use.table.name} for {_words(use.expression)}"
        if problem := _problem(workload, use.table):
            yield rule.refusal(title, problem, queries)
        else:
            yield _candidate(rule, workload, use, title)


def _uses(workload: Workload) -> dict[tuple[object, str], _Use]:
    found: dict[tuple[object, str], _Use] = {}
    for query in workload.reads:
        if not query.can_be_rewritten:
            continue
        for node in query.reading.tree.find_all(exp.Func):
            table, expression = _computed(node, query)
            if table is None or expression is None or not _is_outermost(node, query):
                continue
            key = name_of(table), expression.model_dump_json()
            found.setdefault(key, _Use(table, expression, [])).nodes.append((query, node))
    ordered = sorted(found.items(), key=lambda item: -time_of(query for query, _ in item[1].nodes))
    return dict(ordered)


def _computed(node: exp.Expr, query: Query) -> tuple[Table | None, Call | None]:
    """The table and the call, if it is costly and made of one large table's columns."""
    origins: set[Origin] = {origin for part in node.find_all(exp.Column) if (origin := query.reading.origin(part))}
    tables = {name_of(origin.scan.table): origin.scan.table for origin in origins}
    if len(tables) != 1 or len({origin.scan for origin in origins}) != 1:
        return None, None
    table = next(iter(tables.values()))
    expression = typed(node, query.reading, lambda origin: ColumnRef(name=origin.column.name))
    if (
        table.kind != "table"
        or table.rows < ROWS
        or not isinstance(expression, Call)
        or expression.function not in TYPES
    ):
        return None, None
    long_texts = any(o.column.type == "VARCHAR" and not 0 <= o.column.distinct <= DICTIONARY for o in origins)
    dates = expression.function == "date_trunc" and all(o.column.type in ("DATE", "TIMESTAMP") for o in origins)
    costly = expression.function in ANY_VALUES or dates or (long_texts and expression.function != "date_trunc")
    zoned = any("TIME ZONE" in origin.column.type for origin in origins)
    return (table, expression) if costly and not zoned else (None, None)


def _is_outermost(node: exp.Expr, query: Query) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Func | exp.Paren) and not isinstance(parent, exp.AggFunc):
        if _computed(parent, query)[1]:
            return False
        parent = parent.parent
    return True


def _problem(workload: Workload, table: Table) -> str | None:
    if any(query.reading.positional for query in workload.writes_of(table)):
        return f"an INSERT into {table.name} names no columns and would fail with one more"
    if any(name_of(table) in query.reading.starred for query in workload.reads):
        return f"{table.name} is read with SELECT *, which would return one more column"
    return None


def _candidate(rule: Rule, workload: Workload, use: _Use, title: str) -> Finding:
    table = use.table
    taken = {column.name.lower() for column in table.columns}
    name = free_name("_".join([*_columns(use.expression), _suffix(use.expression)]), taken)
    replaced: dict[Query, dict[int, exp.Expr]] = defaultdict(dict)
    for query, node in use.nodes:
        column = next(node.find_all(exp.Column))
        replaced[query][id(node)] = exp.column(name, table=column.args.get("table"))
    actions: list[Body] = [
        AddColumn(
            schema_name=table.schema_name,
            table=table.name,
            column=name,
            type=TYPES[use.expression.function],
            expression=use.expression,
        )
    ]
    for query, replacements in replaced.items():
        statement = render(substituted(query.reading.tree, replacements))
        actions.append(Rewrite(fingerprint=query.shape.fingerprint, statement=statement))
    writes = workload.writes_of(table)
    return rule.candidate(
        title,
        f"{of_the_time(workload, replaced)} compute it from {table.rows:,} rows; {written(workload, [table])}"
        + (", and whoever writes has to set the column as well." if writes else "."),
        actions,
        gaining=slowest(replaced),
        affected=writes,
        equality="data",
        equality_reason="as long as every writer sets the column to the value of its expression",
    )


def _columns(expression: Expression) -> list[str]:
    if isinstance(expression, ColumnRef):
        return [expression.name]
    return [name for one in expression.arguments for name in _columns(one)] if isinstance(expression, Call) else []


def _suffix(call: Call) -> str:
    texts = [str(one.value) for one in call.arguments if isinstance(one, Constant)]
    letters = ["".join(character for character in text if character.isalnum()) for text in texts]
    return "_".join(one.lower() for one in letters if one) or call.function


def _words(call: Call) -> str:
    columns = ", ".join(_columns(call))
    constants = ", ".join(str(one.value) for one in call.arguments if isinstance(one, Constant))
    return f"{call.function} of {columns}" + (f" ({constants})" if constants else "")


RULE = Rule("computed column", 10.0, _search)
