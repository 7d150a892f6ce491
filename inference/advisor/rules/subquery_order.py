"""ORDER BY without LIMIT in a subquery whose order nobody sees.

Measured on DuckDB 2.0.0: under an aggregate 3-21x, under another ORDER BY 13x, inside IN 2.4x. SQL keeps no order
of a subquery; but DuckDB does where nothing sorts or groups above it, so that there it is left alone.
"""

from sqlglot import exp

from ..reading import nodes_of
from ..rewriting import Rewriting, Rewritten
from ..statement import may_aggregate
from ..workload import Query, Workload

ORDERLESS = (
    exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.LogicalAnd, exp.LogicalOr, exp.Median, exp.Quantile,
    exp.PercentileCont, exp.PercentileDisc, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop,
    exp.ApproxDistinct, exp.Corr, exp.CountIf,
)  # fmt: skip
"""Aggregates that do not depend on the order of their rows (sums of floats but for rounding)."""


def _transform(query: Query, _: Workload) -> Rewritten | None:
    tree = query.reading.tree
    unseen = {
        id(select.args["order"])
        for select in tree.find_all(exp.Select)
        if select.args.get("order")
        and not any(select.args.get(name) for name in ("limit", "offset", "distinct"))
        and _is_unseen(select, tree)
    }
    if not unseen:
        return None
    copy = tree.copy()
    for order in [twin for one, twin in zip(tree.walk(), copy.walk(), strict=True) if id(one) in unseen]:
        order.pop()
    return Rewritten(
        copy,
        "no ORDER BY in a subquery",
        "the rows are sorted and the order is not used",
        "logic",
        "what stands above groups, sorts or only looks whether a row is there, so that the inner order is lost anyway",
    )


def _is_unseen(select: exp.Select, tree: exp.Expr) -> bool:
    holder = select.parent
    if isinstance(holder, exp.Exists) or (isinstance(holder, exp.Subquery) and isinstance(holder.parent, exp.Exists)):
        return True
    if isinstance(holder, exp.In) or (isinstance(holder, exp.Subquery) and isinstance(holder.parent, exp.In)):
        return True
    if isinstance(holder, exp.CTE):
        references = [table for table in tree.find_all(exp.Table) if table.name.lower() == holder.alias.lower()]
        return bool(references) and all(_loses_order(table.parent_select) for table in references)
    if isinstance(holder, exp.Subquery) and isinstance(holder.parent, exp.From | exp.Join):
        return _loses_order(holder.parent_select)
    return False


def _loses_order(above: exp.Expr | None) -> bool:
    """Whether a SELECT groups or sorts the rows that it reads, and nothing in it depends on how they come."""
    if not isinstance(above, exp.Select):
        return False
    nodes = list(nodes_of(above))
    aggregates = [node for node in nodes if isinstance(node, exp.AggFunc)]
    if any(isinstance(node, exp.Window) or may_aggregate(node) for node in nodes):
        return False
    if any(not isinstance(node, ORDERLESS) for node in aggregates):
        return False
    aggregated = above.args.get("group") or aggregates
    return bool(aggregated or (above.args.get("order") and not above.args.get("limit")))


REWRITING = Rewriting("ORDER BY in a subquery", 8.0, _transform)
