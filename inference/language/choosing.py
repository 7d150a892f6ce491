"""Reading a request as a row of choices, and which choices there are at each: a small state machine.

A choice is one of: NOTHING, a kind, a table, a column of that table, END, AND (a second operation follows). What is
not allowed cannot be chosen, so whatever a network says, what comes out is an operation on the catalog, or none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .reading import COLUMNS, KINDS, MOST_OPERATIONS, Operation, Table

NOTHING = 0
END, AND = len(KINDS) + 1, len(KINDS) + 2
FIRST = len(KINDS) + 3
"""The first of the catalog's candidates: its tables, then all tables' columns, each table with as many places."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Of a catalog, which choice is which table or column; `wide` places are kept for the columns of a table."""

    tables: tuple[Table, ...]

    @property
    def wide(self) -> int:
        """Columns of the table that has most."""
        return max((len(table.columns) for table in self.tables), default=0)

    @property
    def candidates(self) -> int:
        return len(self.tables) * (1 + self.wide)

    def column(self, table: int, column: int) -> int:
        return len(self.tables) + table * self.wide + column

    def columns(self, table: int) -> list[int]:
        return [self.column(table, column) for column in range(len(self.tables[table].columns))]


@dataclass(slots=True)
class Chosen:
    """An operation as far as it is read. Tables and columns are numbers of candidates."""

    kind: int
    table: int | None = None
    columns: list[int] = field(default_factory=list)

    @property
    def candidates(self) -> list[int]:
        return [*([] if self.table is None else [self.table]), *self.columns]


class Choosing:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.chosen: list[Chosen] = []
        self._is_new = True
        self.is_done = not layout.tables

    @property
    def current(self) -> Chosen | None:
        """What is being read; None where a kind comes next."""
        return None if self._is_new else self.chosen[-1]

    @property
    def before(self) -> Chosen | None:
        """The operation before the one that is being read."""
        rest = self.chosen if self._is_new else self.chosen[:-1]
        return rest[-1] if rest else None

    def allowed(self) -> list[int]:
        """At least one, as long as it is not done."""
        if self.is_done:
            return []
        now = self.current
        if now is None:
            kinds = [1 + place for place, kind in enumerate(KINDS) if COLUMNS[kind].least <= self._layout.wide]
            return [*([] if self.chosen else [NOTHING]), *kinds]
        least, most = COLUMNS[KINDS[now.kind - 1]]
        if now.table is None:
            all_ = range(len(self._layout.tables))
            return [FIRST + table for table in all_ if len(self._layout.tables[table].columns) >= least]
        ends = [END] if len(self.chosen) == MOST_OPERATIONS else [END, AND]
        rest = [] if len(now.columns) == most else self._layout.columns(now.table)
        more = [FIRST + column for column in rest if column not in now.columns]
        return [*(ends if len(now.columns) >= least or not more else []), *more]

    def choose(self, choice: int) -> None:
        """Raises ValueError for what is not allowed."""
        if choice not in self.allowed():
            raise ValueError(f"{choice} cannot be chosen here")
        now = self.current
        if now is None:
            self.is_done = choice == NOTHING
            if choice != NOTHING:
                self.chosen.append(Chosen(choice))
                self._is_new = False
        elif now.table is None:
            now.table = choice - FIRST
        elif choice in (END, AND):
            self._is_new = choice == AND
            self.is_done = choice == END
        else:
            now.columns.append(choice - FIRST)

    def operations(self) -> tuple[Operation, ...]:
        """What was read, each once."""
        found = []
        for one in self.chosen:
            if one.table is not None:
                table = self._layout.tables[one.table]
                first = self._layout.column(one.table, 0)
                columns = tuple(table.columns[column - first][0] for column in one.columns)
                found.append(Operation(kind=KINDS[one.kind - 1], table=table.name, columns=columns))
        return tuple(dict.fromkeys(found))


def choices(layout: Layout, operations: Sequence[Operation]) -> Iterator[int]:
    """The row of choices that reads as these operations of the layout's catalog."""
    if not operations:
        yield NOTHING
    names = [table.name for table in layout.tables]
    for place, one in enumerate(operations):
        table = names.index(one.table)
        columns = [name for name, _ in layout.tables[table].columns]
        yield 1 + KINDS.index(one.kind)
        yield FIRST + table
        yield from (FIRST + layout.column(table, columns.index(name)) for name in one.columns)
        yield END if place == len(operations) - 1 else AND
