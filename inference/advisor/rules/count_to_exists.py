"""`(SELECT count(*) ...) > $1`, where $1 is 0, as EXISTS.

EXISTS stops at the first row: 14x for a count of its own, 1.5-2.3x where it is correlated (DuckDB 2.0.0; 2.0-2.7x
on 1.4.4 and 1.2.2). The stripped statement does not show that the constant is 0; the clone does, for the statements
that were seen.
"""

from sqlglot import exp

from ..rewriting import Rewriting, Rewritten
from ..statement import is_placeholder, substituted
from ..workload import Query, Workload


def _transform(query: Query, _: Workload) -> Rewritten | None:
    tree = query.reading.tree
    replacements: dict[int, exp.Expr] = {}
    for node in tree.find_all(exp.GT, exp.LT):
        counted, constant = (node.left, node.right) if isinstance(node, exp.GT) else (node.right, node.left)
        if not is_placeholder(constant):
            continue
        if isinstance(counted, exp.Subquery) and isinstance(counted.this, exp.Select) and _counts_rows(counted.this):
            replacements[id(node)] = _exists(counted.this)
        elif isinstance(counted, exp.Count) and (select := _only_output(node)):
            if not isinstance(counted.this, exp.Star):
                continue
            name = node.parent.alias if isinstance(node.parent, exp.Alias) else ""
            answer = exp.Select(expressions=[exp.alias_(_exists(select), name) if name else _exists(select)])
            replacements[id(select)] = answer
    if not replacements:
        return None
    return Rewritten(
        substituted(tree, replacements),
        "EXISTS instead of a count",
        "all rows are counted to learn whether there is one",
        "data",
        "the same only while the constant that the count is compared with is 0, as in the statements compared",
    )


def _counts_rows(select: exp.Select) -> bool:
    return len(select.expressions) == 1 and _is_count(select.expressions[0].unalias()) and _is_plain(select)


def _only_output(node: exp.Expr) -> exp.Select | None:
    """The SELECT of which the comparison is the one output."""
    holder = node.parent if isinstance(node.parent, exp.Alias) else node
    select = holder.parent
    if isinstance(select, exp.Select) and select.expressions == [holder] and _is_plain(select):
        return select
    return None


def _is_plain(select: exp.Select) -> bool:
    others = ("group", "having", "limit", "offset", "distinct", "qualify", "order", "with_", "windows")
    return select.args.get("from_") is not None and not any(select.args.get(name) for name in others)


def _is_count(node: exp.Expr) -> bool:
    return isinstance(node, exp.Count) and isinstance(node.this, exp.Star)


def _exists(select: exp.Select) -> exp.Expr:
    inner = select.copy()
    inner.set("expressions", [exp.Literal.number(1)])
    return exp.Exists(this=inner)


REWRITING = Rewriting("count to EXISTS", 2.5, _transform)
