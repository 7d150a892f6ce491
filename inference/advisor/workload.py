"""The workload and the catalog as the rules see them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from schemas.errors import Unreadable
from schemas.records import AnalysisRequest, Column, Table, WorkloadShape
from schemas.render import Name

from .filters import Conditions, conditions
from .reading import Reading, Scan
from .resolve import resolve
from .statement import faithful, parse
from .tables import Tables, name_of

WRITES = frozenset(("insert", "update", "delete"))

SAVED_AT_LEAST_US = 1_000
"""A gain counts from 1 ms a run; what runs shorter has nothing to gain."""


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A shape that could be read."""

    shape: WorkloadShape
    reading: Reading
    conditions: Conditions

    @property
    def is_read(self) -> bool:
        return self.reading.written is None

    @property
    def is_slow(self) -> bool:
        """Slow enough to have something to gain."""
        return self.shape.p95_us > SAVED_AT_LEAST_US

    @property
    def is_faithful(self) -> bool:
        """Whether the tree can be written out again as another statement."""
        return self.is_read and faithful(self.shape.statement)

    @property
    def can_be_rewritten(self) -> bool:
        return self.is_slow and self.is_faithful

    def scans_of(self, table: Table) -> list[Scan]:
        return [scan for scan in self.reading.scans if scan.table is table]


class Workload:
    """`unreadable` are the shapes that no rule could look at, with the reason; `known_days` those of the `usage`."""

    def __init__(self, request: AnalysisRequest) -> None:
        self.catalog = request.catalog
        self.tables = Tables(request.catalog.tables)
        self.window_s = (request.window_end - request.window_start).total_seconds()
        self.usage = request.usage
        self.known_days = (request.window_end - request.usage.since).days
        self.shapes = {shape.fingerprint: shape for shape in request.workload}
        self.queries: list[Query] = []
        self.unreadable: dict[str, str] = {}
        for shape in sorted(request.workload, key=lambda shape: (-shape.total_us, shape.fingerprint)):
            try:
                self.queries.append(self.read(shape))
            except Unreadable as reason:
                self.unreadable[shape.fingerprint] = str(reason)

    def read(self, shape: WorkloadShape) -> Query:
        """Raises: Unreadable."""
        reading = resolve(parse(shape.statement), self.tables)
        return Query(shape, reading, conditions(reading))

    @property
    def reads(self) -> Iterator[Query]:
        return (query for query in self.queries if query.is_read)

    @cached_property
    def version(self) -> tuple[int, ...]:
        """DuckDB's, as numbers."""
        parts = self.catalog.duckdb_version.lstrip("v").split(".")
        return tuple(int("".join(filter(str.isdigit, part)) or 0) for part in parts[:3])

    @cached_property
    def total_us(self) -> int:
        return sum(shape.total_us for shape in self.shapes.values())

    def share(self, queries: Iterable[Query]) -> float:
        """The part of all time spent that these take."""
        return sum(query.shape.total_us for query in queries) / (self.total_us or 1)

    def reads_of(self, table: Table) -> list[Query]:
        return [query for query in self.reads if query.scans_of(table)]

    def writes_of(self, table: Table) -> list[Query]:
        return [query for query in self.queries if query.reading.written is table]

    def users_of(self, table: Table, column: Column) -> list[Query]:
        """Queries and writes in which some expression names the column, or a `*` takes it."""
        name = name_of(table)
        return [
            query
            for query in self.queries
            if (name, column.name.lower()) in query.reading.used or name in query.reading.starred
        ]

    def touched(self, queries: Iterable[Query]) -> set[Name]:
        return {name for query in queries for name in query.reading.touched()}


def slowest(
    queries: Iterable[Query], key: Callable[[Query], float] = lambda query: query.shape.total_us
) -> list[Query]:
    return sorted(queries, key=key, reverse=True)
