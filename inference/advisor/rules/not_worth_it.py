"""What others would advise, and DuckDB does by itself or the statement alone cannot tell: said, never proposed.

Measured without gain on 1.2.2, 1.4.4 and 2.0.0 at 3M rows: a LIKE prefix as a range (0.9-1.2x), decorrelation of a
subquery (0.8-1.3x), a condition on a group key moved from HAVING to WHERE (0.9-1.3x). OFFSET paging gains 2.3x by a
condition on the last key of the page before (2,341x on 1.4.4), `SELECT *` 19-24x by naming the columns: but
which key and which columns only the caller knows. Subqueries and CTEs with `SELECT *` gained nothing (0.9-1.2x).
"""

from collections import defaultdict
from collections.abc import Iterator

from sqlglot import exp

from ..rule import Findings, Rule, of_the_time
from ..workload import Query, Workload

WIDE = 8
"""Columns from which on it matters which are read."""


def _search(rule: Rule, workload: Workload) -> Findings:
    found: dict[tuple[str, str], list[Query]] = defaultdict(list)
    for query in workload.reads:
        if query.is_slow:
            for expected in _expected(query):
                found[expected].append(query)
    for (title, reason), queries in found.items():
        yield rule.refusal(title, f"{of_the_time(workload, queries)}: {reason}", queries)


def _expected(query: Query) -> Iterator[tuple[str, str]]:
    tree = query.reading.tree
    if isinstance(tree, exp.Select):
        if tree.args.get("offset"):
            yield (
                "Keyset instead of OFFSET",
                "a page by OFFSET sorts all pages before it; a condition on the last key of the page before does not, "
                "but only the caller knows that key",
            )
        columns = sum(len(scan.table.columns) for scan in query.reading.scans)
        if any(isinstance(one, exp.Star) for one in tree.expressions) and columns >= WIDE and query.reading.scans:
            yield (
                f"Fewer columns than SELECT * of {query.reading.scans[0].table.name}",
                f"all {columns} columns are read; which of them the caller needs does not show in the statement",
            )
        if tree.args.get("having") and _filters_a_key(tree):
            yield "HAVING to WHERE", "DuckDB moves a condition on a group key below the grouping by itself"
    if any(one.kind == "like" for one in query.conditions.filters):
        yield "LIKE as a range", "whether the pattern is a prefix does not show, and DuckDB makes a range of one itself"
    for subquery in tree.find_all(exp.Subquery):
        holder = subquery.parent
        correlated = any(
            block.node is subquery.this and _is_correlated(block.node, query) for block in query.reading.blocks
        )
        if correlated and not isinstance(holder, exp.From | exp.Join):
            yield "A join instead of a correlated subquery", "DuckDB decorrelates every subquery by itself"
            break


def _filters_a_key(tree: exp.Select) -> bool:
    return not tree.args["having"].find(exp.AggFunc)


def _is_correlated(node: exp.Expr, query: Query) -> bool:
    """Whether it names a column of a table that it does not read itself."""
    own = {id(scan) for block in query.reading.blocks if block.node is node for scan in block.sources.values()}
    origins = [query.reading.origin(column) for column in node.find_all(exp.Column)]
    return any(origin and id(origin.scan) not in own for origin in origins)


RULE = Rule("not worth it", 1.0, _search)
