"""Aggregates put together from the aggregates of smaller groups.

count = sum of counts, sum = sum of sums, min and max of theirs, avg = sum of sums / sum of counts. A sum with
constants in it is taken apart: sum(a * ($1 - b)) is sum($1 * sum(a) - sum(a * b)), as long as neither a nor b is
NULL. A sum of CASE WHEN ... ELSE ... END over group keys keeps its CASE.
Source: Gupta, Harinarayan, Quass, "Aggregate-Query Processing in Data Warehousing Environments", VLDB 1995.
"""

from collections.abc import Container
from dataclasses import dataclass, field
from itertools import chain, count, product
from typing import Literal

from sqlglot import exp

from schemas.actions import Aggregate, Named
from schemas.expressions import ColumnRef, Expression, Operation
from schemas.records import Column

from .filters import is_constant
from .grouping import Atom, Grouping
from .reading import Reading, own_nodes
from .statement import reselected, substituted

NUMBERS = tuple(
    "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT FLOAT DOUBLE DECIMAL".split()
)

Function = Literal["count", "sum", "min", "max"]


@dataclass(slots=True)
class Summary:
    """A table of aggregates by group, as it takes shape. `not_null` are columns that must hold no NULL."""

    schema_name: str
    name: str
    keys: dict[str, Named]
    aggregates: dict[str, Aggregate] = field(default_factory=dict)
    not_null: set[str] = field(default_factory=set)

    def key(self, atom: Atom) -> exp.Expr | None:
        """The atom, computed from a group key."""
        if named := self.keys.get(atom.key):
            return exp.column(named.name)
        if named := self.keys.get(column_key(atom)):
            columns = [node for node in own_nodes(atom.node) if isinstance(node, exp.Column)]
            return substituted(atom.node, {id(node): exp.column(named.name) for node in columns})
        return None

    def aggregate(self, function: Function, argument: Expression | None = None) -> exp.Expr:
        key = f"{function} {argument.model_dump_json() if argument else ''}"
        if key not in self.aggregates:
            name = "row_count" if argument is None else "_".join([function, *(ref.name for ref in _refs(argument))])
            name = free_name(name, self.names)
            self.aggregates[key] = Aggregate(name=name, function=function, argument=argument)
        return exp.column(self.aggregates[key].name)

    @property
    def names(self) -> set[str]:
        return {one.name.lower() for one in self.keys.values()} | {one.name.lower() for one in self.aggregates.values()}


def free_name(name: str, taken: Container[str]) -> str:
    """The name, with a number behind it if it is taken in lower case."""
    candidates = chain([name], (f"{name}_{number}" for number in count(2)))
    return next(one for one in candidates if one.lower() not in taken)


def column_key(atom: Atom) -> str:
    refs = [ref for ref in _refs(atom.expression) if ref.name == atom.origin.column.name]
    return refs[0].model_dump_json()


def answered(grouping: Grouping, summary: Summary) -> exp.Expr | str:
    """The statement on the summary, which gets the aggregates that it needs; or why it cannot be answered."""
    replacements: dict[int, exp.Expr] = {}
    for atom in grouping.atoms:
        if (key := summary.key(atom)) is None:
            return f"{atom.origin.column.name} is no group key"
        replacements[id(atom.node)] = key
    rollup = _Rollup(grouping, summary)
    for node in grouping.aggregates():
        rolled = rollup.of(node)
        if isinstance(rolled, str):
            return rolled
        replacements[id(node)] = rolled
    aliases = {expression.alias.lower() for expression in grouping.block.node.expressions if expression.alias}
    own = {column.name.lower() for table in grouping.tables for column in table.columns}
    if clash := aliases & summary.names - own:
        return f"its alias {min(clash)} is a column of the summary"
    return _on_summary(grouping, summary, replacements)


def _on_summary(grouping: Grouping, summary: Summary, replacements: dict[int, exp.Expr]) -> exp.Expr:
    schema = exp.to_identifier(summary.schema_name) if summary.schema_name != "main" else None
    table = exp.Table(this=exp.to_identifier(summary.name), db=schema)
    new = reselected(grouping.block.node, replacements, table, grouping.kept)
    return substituted(grouping.query.reading.tree, {id(grouping.block.node): new})


class _Rollup:
    def __init__(self, grouping: Grouping, summary: Summary) -> None:
        self.grouping = grouping
        self.summary = summary
        self.is_global = not grouping.block.node.args.get("group")

    def of(self, node: exp.Expr) -> exp.Expr | str:
        """An aggregate, with its FILTER if it has one, over the summary's rows."""
        if not isinstance(node, exp.Filter):
            return self._rolled(node, None)
        condition = self._condition(node.expression.this)
        return self._rolled(node.this, condition) if condition else "a FILTER is on no group key"

    def _rolled(self, node: exp.Expr, condition: exp.Expr | None) -> exp.Expr | str:
        """Of a count that no row reaches it is 0, not NULL."""
        argument = node.this or exp.Star()  # count() is count(*)
        match node:
            case exp.Count() if isinstance(argument, exp.Distinct) and len(argument.expressions) == 1:
                key = self._condition(argument.expressions[0])
                return (
                    _filtered(exp.Count(this=exp.Distinct(expressions=[key])), condition) if key else _not_key(argument)
                )
            case exp.Count() | exp.Sum() | exp.Avg() | exp.Min() | exp.Max() if (
                isinstance(argument, exp.Distinct | exp.Order) or node.expressions
            ):
                return f"{node.key} of distinct or of ordered values cannot be made from those of smaller groups"
            case exp.Count():
                counts = self._count(argument)
                if counts is None:
                    return "it counts what is no expression of columns"
                total = _filtered(exp.Sum(this=counts), condition)
                if self.is_global or condition:
                    total = exp.Coalesce(this=total, expressions=[exp.Literal.number(0)])
                return exp.cast(total, "BIGINT")
            case exp.Sum():
                sums = self._sum(argument)
                return _filtered(exp.Sum(this=sums), condition) if sums else _not_key(argument)
            case exp.Avg():
                sums, counts = self._sum(argument), self._count(argument)
                if sums is None or counts is None or not is_number(argument, self.grouping.query.reading):
                    return "it averages what is no number made of columns"
                total, number = (_filtered(exp.Sum(this=one), condition) for one in (sums, counts))
                return quotient(total, number, node)
            case exp.Min() | exp.Max():
                if (expression := self.grouping.typed(argument)) is None:
                    return _not_key(argument)
                function: Function = "min" if isinstance(node, exp.Min) else "max"
                return _filtered(type(node)(this=self.summary.aggregate(function, expression)), condition)
        return f"{node.key} cannot be rolled up"

    def _condition(self, node: exp.Expr) -> exp.Expr | None:
        """An expression of group keys, over the summary's columns."""
        replacements = {}
        for atom in self.grouping.atoms_in(node) or ():
            if (key := self.summary.key(atom)) is None:
                return None
            replacements[id(atom.node)] = key
        return substituted(node, replacements) if replacements else None

    def _count(self, argument: exp.Expr) -> exp.Expr | None:
        if isinstance(argument, exp.Star):
            return self.summary.aggregate("count")
        expression = self.grouping.typed(argument)
        return self.summary.aggregate("count", expression) if expression else None

    def _sum(self, argument: exp.Expr) -> exp.Expr | None:
        """What one row of the summary adds to the sum."""
        argument = argument.unnest()
        if isinstance(argument, exp.Case) and argument.this is None:
            return self._case(argument)
        terms = _terms(argument, self.grouping)
        if terms is None:
            return None
        if len(terms) > 1:
            columns = _columns_of(argument, self.grouping.query.reading)
            if any(column.null_share > 0 for column in columns):
                return None
            self.summary.not_null |= {column.name for column in columns if column.nullable}
        total: exp.Expr | None = None
        for term in terms:
            value = self.summary.aggregate("sum", term.product) if term.product else self.summary.aggregate("count")
            for factor in term.factors:
                value = exp.Mul(this=exp.paren(factor) if factor.find(exp.Binary) else factor.copy(), expression=value)
            for divisor in term.divisors:
                value = exp.Div(this=value, expression=exp.paren(divisor), typed=False, safe=False)
            if total is None:
                total = exp.Neg(this=value) if term.negative else value
            else:
                total = (exp.Sub if term.negative else exp.Add)(this=total, expression=value)
        return total

    def _case(self, case: exp.Case) -> exp.Expr | None:
        branches = []
        for branch in case.args["ifs"]:
            condition, value = self._condition(branch.this), self._branch(branch.args["true"])
            if condition is None or value is None:
                return None
            branches.append(exp.If(this=condition, true=value))
        default = self._branch(case.args["default"]) if case.args.get("default") else None
        if default is None and case.args.get("default"):
            return None
        return exp.Case(ifs=branches, default=default)

    def _branch(self, node: exp.Expr) -> exp.Expr | None:
        return node.copy() if isinstance(node, exp.Null) else self._sum(node)


@dataclass(slots=True)
class _Term:
    """`product` of columns, times constant factors, by constant divisors. Without a product, a constant."""

    product: Expression | None = None
    factors: list[exp.Expr] = field(default_factory=list)
    divisors: list[exp.Expr] = field(default_factory=list)
    negative: bool = False


def _terms(node: exp.Expr, grouping: Grouping) -> list[_Term] | None:
    """The sum of products that an expression is, None if it is none."""
    node = node.unnest()
    if is_constant(node):
        return [_Term(factors=[node])]
    if expression := grouping.typed(node):
        return [_Term(expression)]
    match node:
        case exp.Add() | exp.Sub():
            left, right = _terms(node.left, grouping), _terms(node.right, grouping)
            if left is None or right is None:
                return None
            return [*left, *(_negated(term) if isinstance(node, exp.Sub) else term for term in right)]
        case exp.Mul():
            left, right = _terms(node.left, grouping), _terms(node.right, grouping)
            if left is None or right is None:
                return None
            return [_multiplied(one, other) for one, other in product(left, right)]
        case exp.Div() if is_constant(node.right):
            if (terms := _terms(node.left, grouping)) is not None:
                return [
                    _Term(term.product, term.factors, [*term.divisors, node.right], term.negative) for term in terms
                ]
        case exp.Neg():
            if (terms := _terms(node.this, grouping)) is not None:
                return [_negated(term) for term in terms]
    return None


def _negated(term: _Term) -> _Term:
    return _Term(term.product, term.factors, term.divisors, not term.negative)


def _multiplied(one: _Term, other: _Term) -> _Term:
    products = [term.product for term in (one, other) if term.product]
    return _Term(
        Operation(operator="*", left=products[0], right=products[1])
        if len(products) == 2
        else next(iter(products), None),
        [*one.factors, *other.factors],
        [*one.divisors, *other.divisors],
        one.negative != other.negative,
    )


def quotient(total: exp.Expr, number: exp.Expr, instead: exp.Expr) -> exp.Expr:
    """In parentheses, unless it stands alone where it takes an aggregate's place."""
    found = exp.Div(this=total, expression=number, typed=False, safe=False)
    holder = instead.parent.parent if isinstance(instead.parent, exp.Filter) else instead.parent
    return found if isinstance(holder, exp.Select | exp.Alias) else exp.paren(found)


def is_number(node: exp.Expr, reading: Reading) -> bool:
    """Whether all that it is made of are numbers; avg of a date is none."""
    columns = _columns_of(node, reading)
    return isinstance(node, exp.DateDiff) or all(column.type.startswith(NUMBERS) for column in columns)


def _columns_of(node: exp.Expr, reading: Reading) -> list[Column]:
    return [origin.column for part in own_nodes(node) if (origin := reading.origin(part))]


def _filtered(aggregate: exp.Expr, condition: exp.Expr | None) -> exp.Expr:
    return exp.Filter(this=aggregate, expression=exp.Where(this=condition.copy())) if condition else aggregate


def _not_key(argument: exp.Expr) -> str:
    names = sorted({node.name for node in argument.find_all(exp.Column)})
    return f"an aggregate of {', '.join(names)} cannot be made from those of smaller groups"


def _refs(expression: Expression) -> list[ColumnRef]:
    if isinstance(expression, ColumnRef):
        return [expression]
    children = [value for value in vars(expression).values() if not isinstance(value, str | int)]
    flat = [one for child in children for one in (child if isinstance(child, list) else [child])]
    return [ref for child in flat for ref in _refs(child)]
