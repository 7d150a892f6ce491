"""Aggregating queries over inner joins of tables: the form that a summary can answer."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from schemas.actions import Join
from schemas.expressions import ColumnRef, Expression
from schemas.records import Table

from .expression import typed
from .reading import Block, Origin, Scan, nodes_of, own_nodes
from .statement import conjuncts, may_aggregate, parts
from .workload import Query


@dataclass(frozen=True, slots=True)
class Atom:
    """A part of an expression that depends on one column alone, the largest such part."""

    node: exp.Expr
    origin: Origin
    expression: Expression

    @property
    def key(self) -> str:
        return self.expression.model_dump_json()

    @property
    def is_column(self) -> bool:
        return isinstance(self.expression, ColumnRef)


@dataclass(slots=True)
class Grouping:
    """One aggregating SELECT of a query. `kept` are its conditions that are no joins."""

    query: Query
    block: Block
    base: Scan
    joins: list[Join]
    kept: list[exp.Expr]
    atoms: list[Atom] = field(default_factory=list)

    @property
    def tables(self) -> list[Table]:
        return [source.table for source in self.block.sources.values() if isinstance(source, Scan)]

    @property
    def aliases(self) -> dict[Scan, str]:
        return _aliases(self.block)

    @property
    def structure(self) -> str:
        """The same for all that read the same tables joined in the same way."""
        return f"{self.base.table.schema_name}.{self.base.table.name} {[join.model_dump_json() for join in self.joins]}"

    def typed(self, node: exp.Expr) -> Expression | None:
        aliases = self.aliases

        def ref(origin: Origin) -> ColumnRef | None:
            alias = aliases.get(origin.scan)
            return ColumnRef(name=origin.column.name, table=alias) if alias else None

        return typed(node, self.query.reading, ref)

    def atoms_in(self, node: exp.Expr) -> Iterator[Atom] | None:
        """None where a column is no column of the block's own tables."""
        found: list[Atom] = []
        return iter(found) if self._collect(node, found) else None

    def aggregates(self) -> Iterator[exp.Expr]:
        """Aggregates outside of one another, each with its FILTER."""
        for node in nodes_of(self.block.node):
            if isinstance(node, exp.AggFunc) and not node.find_ancestor(exp.AggFunc):
                yield node.parent if isinstance(node.parent, exp.Filter) else node

    def _collect(self, node: exp.Expr, found: list[Atom]) -> bool:
        origins = {
            id(part): self.query.reading.origin(part) for part in own_nodes(node) if isinstance(part, exp.Column)
        }
        distinct = set(origins.values())
        if not origins:
            return True
        is_value = not isinstance(node, exp.Alias | exp.Ordered)
        if is_value and len(distinct) == 1 and (origin := distinct.pop()) and (expression := self.typed(node)):
            found.append(Atom(node, origin, expression))
            return True
        if isinstance(node, exp.Column):
            return self._is_alias(node)
        return all(self._collect(child, found) for child in node.iter_expressions())

    def _is_alias(self, node: exp.Column) -> bool:
        return not node.table and any(
            expression.alias.lower() == node.name.lower() for expression in self.block.node.expressions
        )


def grouping(query: Query) -> Grouping | str:
    """The first aggregating SELECT of the statement that has the form, or why there is none."""
    reason = "it does not aggregate"
    nodes = set(map(id, query.reading.tree.walk()))
    for block in query.reading.blocks:
        if id(block.node) in nodes and isinstance(block.node, exp.Select) and _aggregates(block.node):
            found = _of(query, block)
            if isinstance(found, Grouping):
                return found
            reason = found
    return reason


def _of(query: Query, block: Block) -> Grouping | str:
    node = block.node
    scans = [source for source in block.sources.values() if isinstance(source, Scan) and source.table.kind == "table"]
    if len(scans) != len(block.sources) or not scans:
        return "it aggregates a subquery or a view"
    group = node.args.get("group")
    if group and group.find(exp.Rollup, exp.Cube, exp.GroupingSets):
        return "it groups in several ways at once"
    if any(isinstance(part, exp.Query | exp.Window | exp.Star) for part in nodes_of(node) if not _counts_all(part)):
        return "it holds a subquery, a window or a *"
    if any(may_aggregate(part) for part in nodes_of(node)):
        return "it calls a function that may be an aggregate of its own"
    if node.args.get("distinct") or node.args.get("qualify"):
        return "it is DISTINCT or has QUALIFY"
    for join in node.args.get("joins") or ():
        if join.side or join.method or join.args.get("using") or join.kind not in ("", "INNER", "CROSS"):
            return "it has a join that is no inner join"
    pairs: list[tuple[Origin, Origin]] = []
    kept = []
    for condition in _all_conditions(node):
        origins = [
            query.reading.origin(side.unnest())
            for side in (condition.args.get("this"), condition.args.get("expression"))
            if isinstance(side, exp.Expr)
        ]
        left, right = origins if len(origins) == 2 else (None, None)
        if (
            isinstance(condition, exp.EQ)
            and left
            and right
            and left.scan is not right.scan
            and {left.scan, right.scan} <= set(scans)
        ):
            pairs.append((left, right))
        else:
            kept.append(condition)
    base = max(scans, key=lambda scan: (scan.table.rows, scan.alias))
    joins = _joins(base, scans, pairs, _aliases(block))
    if joins is None:
        return "its tables are not all joined by equal columns"
    found = Grouping(query, block, base, joins, kept)
    return found if (reason := _fill(found)) is None else reason


def _fill(found: Grouping) -> str | None:
    """Finds the atoms that must be there besides the aggregates: of groups, filters and outputs."""
    inside = {id(part) for aggregate in found.aggregates() for part in aggregate.walk()}
    group = found.block.node.args.get("group")
    select = found.block.node
    whole = [*select.expressions, *found.kept, *(group.expressions if group else ()), *parts(select, "having", "order")]
    pieces = [piece for part in whole for piece in _outside(part, inside)]
    pieces += [piece for aggregate in found.aggregates() for piece in _keys_of(aggregate)]
    for piece in pieces:
        atoms = found.atoms_in(piece)
        if atoms is None:
            return "it names a column from outside"
        found.atoms += atoms
    return None


def _keys_of(aggregate: exp.Expr) -> Iterator[exp.Expr]:
    """What an aggregate needs as a group key: the values of a DISTINCT, the conditions of FILTER and CASE."""
    if isinstance(aggregate, exp.Filter):
        yield aggregate.expression.this
        aggregate = aggregate.this
    argument = aggregate.this
    if isinstance(argument, exp.Distinct):
        yield from argument.expressions
    elif isinstance(argument, exp.Case) and argument.this is None:
        yield from (branch.this for branch in argument.args["ifs"])


def _outside(node: exp.Expr, inside: set[int]) -> Iterator[exp.Expr]:
    """The largest parts that hold no aggregate."""
    if id(node) in inside:
        return
    if any(id(part) in inside for part in node.walk()):
        for child in node.iter_expressions():
            yield from _outside(child, inside)
    else:
        yield node


def _joins(
    base: Scan, scans: list[Scan], pairs: list[tuple[Origin, Origin]], aliases: dict[Scan, str]
) -> list[Join] | None:
    """The joins in the order in which each finds its partner among those before; None if one finds none."""
    joined = [base]
    joins = []
    rest = sorted((scan for scan in scans if scan is not base), key=lambda scan: aliases[scan])
    while rest:
        for scan in rest:
            on = sorted(
                (f"{aliases[other.scan]}.{other.column.name}", own.column.name)
                for left, right in pairs
                for own, other in ((left, right), (right, left))
                if own.scan is scan and other.scan in joined
            )
            if on:
                break
        else:
            return None
        joins.append(Join(schema_name=scan.table.schema_name, table=scan.table.name, alias=aliases[scan], on=on))
        joined.append(scan)
        rest.remove(scan)
    return joins


def _aliases(block: Block) -> dict[Scan, str]:
    """The table's name, so that the same join has the same text; the alias where a table comes twice."""
    scans = [source for source in block.sources.values() if isinstance(source, Scan)]
    names = [scan.table.name.lower() for scan in scans]
    return {scan: scan.table.name if names.count(scan.table.name.lower()) == 1 else scan.alias for scan in scans}


def _aggregates(node: exp.Select) -> bool:
    return bool(node.args.get("group")) or any(isinstance(part, exp.AggFunc) for part in nodes_of(node))


def _all_conditions(node: exp.Expr) -> Iterator[exp.Expr]:
    if where := node.args.get("where"):
        yield from conjuncts(where.this)
    for join in node.args.get("joins") or ():
        yield from conjuncts(join.args.get("on"))


def _counts_all(node: exp.Expr) -> bool:
    return isinstance(node, exp.Star) and isinstance(node.parent, exp.Count)
