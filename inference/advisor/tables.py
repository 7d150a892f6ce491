"""The catalog as the rules ask it. Names have no case, as in DuckDB."""

from collections.abc import Iterator, Sequence

from schemas.records import Column, Table
from schemas.render import Name

IN_ORDER = 0.99
"""Share of neighbouring values that must go up (or down)."""


def name_of(table: Table) -> Name:
    return table.schema_name, table.name


def column_of(table: Table, name: str) -> Column | None:
    return next((column for column in table.columns if column.name.lower() == name.lower()), None)


class Tables:
    def __init__(self, tables: Sequence[Table]) -> None:
        self.all = tables
        self._by_name = {(table.schema_name.lower(), table.name.lower()): table for table in self.all}

    def find(self, schema: str, name: str) -> Table | None:
        """Without a schema it is `main`'s, or the only one of that name."""
        if schema:
            return self._by_name.get((schema.lower(), name.lower()))
        if found := self._by_name.get(("main", name.lower())):
            return found
        others = [table for table in self.all if table.name.lower() == name.lower()]
        return others[0] if len(others) == 1 else None

    def base(self) -> Iterator[Table]:
        return (table for table in self.all if table.kind == "table")

    def views(self) -> Iterator[Table]:
        return (table for table in self.all if table.kind == "view")

    def referencing(self, table: Table) -> list[Table]:
        """Tables with a foreign key to this one: they keep it from being replaced."""
        return [
            other
            for other in self.all
            for constraint in other.constraints
            if constraint.references and constraint.references.lower().split(".")[-1] == table.name.lower()
        ]


def unique_keys(table: Table) -> list[frozenset[str]]:
    """Sets of columns (in lower case) of which no two rows hold the same values, for none of them may be NULL."""
    required = {column.name.lower() for column in table.columns if not column.nullable}
    keys = []
    for constraint in table.constraints:
        columns = frozenset(name.lower() for name in constraint.columns)
        if constraint.kind == "primary key" or (constraint.kind == "unique" and columns <= required):
            keys.append(columns)
    for index in table.indexes:
        columns = frozenset(name.lower() for name in index.columns)
        if index.unique and not index.expression and columns <= required:
            keys.append(columns)
    return keys


def in_order(column: Column) -> bool:
    """Whether the rows come in the column's order, up or down, so that row groups are skipped by it."""
    return column.ordered >= IN_ORDER or 0 <= column.ordered <= 1 - IN_ORDER


def rows_per_value(table: Table, column: Column) -> float:
    """How many rows an equality finds if all values are as frequent; all rows where nothing is known."""
    if column.distinct <= 0:
        return float(table.rows)
    return table.rows * (1 - column.null_share) / column.distinct
