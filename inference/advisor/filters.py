"""The conditions that reach a scan: what an index or the order of a table could answer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

from .reading import Block, Origin, Reading, Scan, own_nodes
from .statement import conjuncts, disjuncts

Kind = Literal["eq", "in", "lower", "upper", "like", "null", "other"]
"""`other` is any condition that a min, a max or an index cannot answer, such as a function of the column."""

RANGES = frozenset(("lower", "upper"))
_COMPARISONS: dict[type[exp.Expr], tuple[Kind, Kind]] = {
    exp.EQ: ("eq", "eq"),
    exp.GT: ("lower", "upper"),
    exp.GTE: ("lower", "upper"),
    exp.LT: ("upper", "lower"),
    exp.LTE: ("upper", "lower"),
}
"""The kind with the column on the left, and on the right."""


@dataclass(frozen=True, slots=True)
class Filter:
    """`inferred` filters are those on a column that an inner join makes equal to this one; DuckDB infers them too."""

    origin: Origin
    kind: Kind
    node: exp.Expr
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class Conditions:
    """All filters of a statement, the pairs that inner joins make equal, and the scans under a top-N.

    DuckDB 2.0 gives the scan of the first ORDER BY key of a top-N a filter of its own at run time, which keeps
    an index from being used (measured: 0.97x with an index on the filtered column).
    """

    filters: tuple[Filter, ...]
    joins: tuple[tuple[Origin, Origin], ...]
    top_n: frozenset[Scan]

    def of(self, scan: Scan) -> list[Filter]:
        return [one for one in self.filters if one.origin.scan is scan]


def conditions(reading: Reading) -> Conditions:
    filters: list[Filter] = []
    joins: list[tuple[Origin, Origin]] = []
    for block in reading.blocks:
        for condition in _conditions_of(block):
            if pair := _pair(condition, reading):
                joins.append(pair)
            else:
                filters += _classified(condition, reading)
    filters += list(_inferred(filters, joins))
    top_n = frozenset(scan for block in reading.blocks if (scan := _top_n(block, reading)))
    return Conditions(tuple(filters), tuple(joins), top_n)


def is_constant(node: exp.Expr) -> bool:
    """Whether its value is known before the rows are read."""
    return not any(isinstance(part, exp.Column | exp.Query | exp.AggFunc | exp.Window) for part in own_nodes(node))


def _conditions_of(block: Block) -> Iterator[exp.Expr]:
    """Conditions that every row of the result fulfils; of an outer join only those in WHERE."""
    if where := block.node.args.get("where"):
        yield from conjuncts(where.this)
    for join in block.node.args.get("joins") or ():
        if join.args.get("on") and not join.side and not join.method and join.kind in ("", "INNER", "SEMI"):
            yield from conjuncts(join.args["on"])


def _pair(condition: exp.Expr, reading: Reading) -> tuple[Origin, Origin] | None:
    if isinstance(condition, exp.EQ):
        left, right = reading.origin(condition.left.unnest()), reading.origin(condition.right.unnest())
        if left and right:
            return left, right
    return None


def _classified(condition: exp.Expr, reading: Reading) -> Iterator[Filter]:
    match condition:
        case exp.EQ() | exp.GT() | exp.GTE() | exp.LT() | exp.LTE():
            left, right = condition.left.unnest(), condition.right.unnest()
            kinds = _COMPARISONS[type(condition)]
            for node, other, kind in ((left, right, kinds[0]), (right, left, kinds[1])):
                if (origin := reading.origin(node)) and is_constant(other):
                    yield Filter(origin, kind, condition)
                    return
        case exp.Between():
            ends = condition.args["low"], condition.args["high"]
            if (origin := reading.origin(condition.this.unnest())) and all(map(is_constant, ends)):
                yield Filter(origin, "lower", condition)
                yield Filter(origin, "upper", condition)
                return
        case exp.In():
            origin = reading.origin(condition.this.unnest())
            if origin and not condition.args.get("query") and all(map(is_constant, condition.expressions)):
                yield Filter(origin, "in", condition)
                return
        case exp.Like():
            if (origin := reading.origin(condition.this.unnest())) and is_constant(condition.expression):
                yield Filter(origin, "like", condition)
                return
        case exp.Is():
            if origin := reading.origin(condition.this.unnest()):
                yield Filter(origin, "null", condition)
                return
        case exp.Or() if origin := _same_column(condition, reading):
            yield Filter(origin, "in", condition)
            return
    found = dict.fromkeys(origin for part in own_nodes(condition) if (origin := reading.origin(part)))
    yield from (Filter(origin, "other", condition) for origin in found)


def _same_column(condition: exp.Or, reading: Reading) -> Origin | None:
    """The column of `x = 1 OR x = 2`, which DuckDB answers as an IN."""
    origins = set()
    for arm in disjuncts(condition):
        found = list(_classified(arm, reading))
        if len(found) != 1 or found[0].kind not in ("eq", "in"):
            return None
        origins.add(found[0].origin)
    return origins.pop() if len(origins) == 1 else None


def _inferred(filters: Iterable[Filter], joins: Iterable[tuple[Origin, Origin]]) -> Iterator[Filter]:
    equal: dict[Origin, set[Origin]] = {}
    for left, right in joins:
        together = equal.get(left, {left}) | equal.get(right, {right})
        equal |= dict.fromkeys(together, together)
    for one in filters:
        if one.kind in ("eq", "in", "lower", "upper"):
            for other in equal.get(one.origin, set()) - {one.origin}:
                yield Filter(other, one.kind, one.node, inferred=True)


def _top_n(block: Block, reading: Reading) -> Scan | None:
    node = block.node
    order, limit = node.args.get("order"), node.args.get("limit")
    if not (order and limit and order.expressions) or node.args.get("group") or node.args.get("distinct"):
        return None
    origin = reading.origin(order.expressions[0].this)
    return origin.scan if origin else None
