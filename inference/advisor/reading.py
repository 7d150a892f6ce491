"""What a statement reads: the tables and columns that its names mean, and the parts of its tree that they stand in."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from schemas.records import Column, Table
from schemas.render import Name

from .statement import parts
from .tables import name_of

CLAUSES = ("expressions", "where", "group", "having", "qualify", "order", "distinct", "limit", "offset", "windows")


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """One place where a statement reads a table or a file."""

    table: Table
    alias: str


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """A column of a scan."""

    scan: Scan
    column: Column

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin) and self.scan is other.scan and self.column.name == other.column.name

    def __hash__(self) -> int:
        return hash((self.scan, self.column.name))


@dataclass(slots=True)
class Derived:
    """A subquery, CTE or view. An output that passes a column on as it is has an origin.

    Only where a filter on the output is also one on the origin: not past a LIMIT, a window or a set operation.
    `open` means that there may be outputs of unknown names.
    """

    outputs: dict[str, Origin | None] = field(default_factory=dict)
    open: bool = False


Source = Scan | Derived


@dataclass(slots=True, eq=False)
class Block:
    """One SELECT (or the changing part of a write) with the sources that its names refer to."""

    node: exp.Expr
    sources: dict[str, Source] = field(default_factory=dict)
    outer: "Block | None" = None


@dataclass(slots=True)
class Reading:
    """What a statement reads and writes. `columns` has the column nodes and their origins by `id`.

    `used` are columns that some expression names, `starred` tables of which a `*` takes all. `views` are read
    through. `positional` says that an INSERT names no columns.
    """

    tree: exp.Expr
    blocks: list[Block] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    columns: dict[int, tuple[exp.Column, Origin]] = field(default_factory=dict)
    used: set[tuple[Name, str]] = field(default_factory=set)
    starred: set[Name] = field(default_factory=set)
    views: set[Name] = field(default_factory=set)
    written: Table | None = None
    assigned: frozenset[str] = frozenset()
    positional: bool = False

    def origin(self, node: exp.Expr | None) -> Origin | None:
        found = self.columns.get(id(node))
        return found[1] if found else None

    def nodes_of(self, table: Table, column: Column) -> list[exp.Column]:
        """Where the statement, or a view that it reads, names the column."""
        found = self.columns.values()
        return [node for node, origin in found if origin.scan.table is table and origin.column is column]

    def touched(self) -> set[Name]:
        names = {name_of(scan.table) for scan in self.scans} | self.views
        return names | {name_of(self.written)} if self.written else names


def own_nodes(node: exp.Expr) -> Iterator[exp.Expr]:
    """The node and what is below it, without what lies inside nested queries; these themselves are yielded."""
    yield node
    if not isinstance(node, exp.Query):
        for child in node.iter_expressions():
            yield from own_nodes(child)


def nodes_of(select: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes of its clauses and join conditions, without those of its sources."""
    conditions = [condition for join in parts(select, "joins") for condition in parts(join, "on")]
    for part in (*parts(select, *CLAUSES), *conditions):
        yield from own_nodes(part)
