"""Rules that give a statement another text with the same result."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sqlglot import exp

from schemas.actions import Rewrite

from .rule import Finding, Findings, Rule, of_the_time
from .statement import render
from .workload import Query, Workload

EQUALITIES = ("logic", "constraint", "data")
"""From what holds always to what holds today; several rewrites together are as good as the weakest."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """`what` says in a few words what was changed, `because` why that is faster."""

    tree: exp.Expr
    what: str
    because: str
    equality: str
    equality_reason: str


Transform = Callable[[Query, Workload], Rewritten | None]


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A rule that looks at one query at a time."""

    name: str
    typical_gain: float
    transform: Transform

    def rule(self) -> Rule:
        return Rule(self.name, self.typical_gain, self._search)

    def _search(self, rule: Rule, workload: Workload) -> Findings:
        for query in workload.reads:
            if query.can_be_rewritten and (found := self.transform(query, workload)):
                yield _candidate(rule, workload, query, [found])


def together(rewritings: Iterable[Rewriting]) -> Rule:
    """The rule that applies all of several rewrites that one query takes: each alone is measured as well."""
    known = list(rewritings)

    def search(rule: Rule, workload: Workload) -> Findings:
        for query in workload.reads:
            if not query.can_be_rewritten:
                continue
            applied: list[Rewritten] = []
            current = query
            for rewriting in known:
                if found := rewriting.transform(current, workload):
                    applied.append(found)
                    current = workload.read(query.shape.model_copy(update={"statement": render(found.tree)}))
            if len(applied) > 1:
                yield _candidate(rule, workload, query, applied)

    return Rule("several rewrites", max((one.typical_gain for one in known), default=1.0), search)


def _candidate(rule: Rule, workload: Workload, query: Query, applied: list[Rewritten]) -> Finding:
    what = " and ".join(found.what for found in applied)
    statement = render(applied[-1].tree)
    return rule.candidate(
        f"Rewrite: {what}",
        f"{of_the_time(workload, [query])}: {'; '.join(dict.fromkeys(found.because for found in applied))}.",
        [Rewrite(fingerprint=query.shape.fingerprint, statement=statement)],
        gaining=[query],
        affected=[],
        equality=max((found.equality for found in applied), key=EQUALITIES.index),
        equality_reason="; ".join(dict.fromkeys(found.equality_reason for found in applied)),
    )


def in_filters(query: Query) -> Iterator[exp.Expr]:
    """Conditions of which only TRUE counts, so that NULL and FALSE are the same: below AND and OR alone."""
    for holder in query.reading.tree.find_all(exp.Where, exp.Having, exp.Join, exp.If):
        condition = holder.args.get("on") if isinstance(holder, exp.Join) else holder.this
        compared = isinstance(holder, exp.If) and isinstance(holder.parent, exp.Case) and holder.parent.this
        if isinstance(condition, exp.Expr) and not compared:
            yield from _monotone(condition)


def _monotone(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.And | exp.Or | exp.Paren):
        for child in node.iter_expressions():
            yield from _monotone(child)
    else:
        yield node


STEADY = (
    exp.Placeholder, exp.Literal, exp.Cast, exp.DataType, exp.DataTypeParam, exp.Interval, exp.Var, exp.Paren,
    exp.Add, exp.Sub, exp.Neg, exp.CurrentDate,
)  # fmt: skip


def is_steady(node: exp.Expr) -> bool:
    """A constant that may be written several times: each time it has the same value."""
    return all(isinstance(part, STEADY) for part in node.walk())


def comparison(node: exp.Expr) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """An equality with a steady constant: the other side and the constant."""
    if isinstance(node, exp.EQ):
        left, right = node.left.unnest(), node.right.unnest()
        for side, constant in ((left, right), (right, left)):
            if is_steady(constant) and not is_steady(side):
                yield side, constant
