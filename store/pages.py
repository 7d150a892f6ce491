"""Long lists a page at a time, each beginning after the last row of the one before (a cursor, not an offset)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from .knowledge import zoned

Place = Sequence[int | str]
"""Of a row in its list: the values of the columns that the list is ordered by."""


@dataclass(frozen=True, slots=True)
class Page:
    """`after` is the place of its last row where more come, else None."""

    rows: list[dict[str, Any]]
    after: Place | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A query, and the columns by which its rows are ordered, the highest first. What no row shares comes last.

    `shown` is what is selected of the rows of a page.
    """

    query: str
    order: tuple[str, ...]
    shown: str = "*"

    def page(self, tx: DuckDBPyConnection, values: Sequence[object], after: Place | None, most: int) -> Page:
        """`values` are the query's. Raises ValueError for a place in another list."""
        order = ", ".join(f"{name} DESC" for name in self.order)
        beyond, place = "", list(after or ())
        if after is not None:
            beyond = f"WHERE ({', '.join(self.order)}) < ({', '.join('?' for _ in self.order)})"
        query = (
            f"SELECT {self.shown} FROM (SELECT * FROM ({self.query}) {beyond} ORDER BY {order} LIMIT {most + 1}) "  # noqa: S608 - of constants
            f"ORDER BY {order}"
        )
        try:
            found = tx.execute(query, [*values, *place])
        except (duckdb.ProgrammingError, duckdb.DataError, OverflowError) as error:
            if after is None:
                raise
            raise ValueError(f"{list(after)} is no place in this list") from error
        names = [column[0] for column in found.description or []]
        rows = [dict(zip(names, zoned(row), strict=True)) for row in found.fetchall()]
        last = [rows[most - 1][name] for name in self.order] if len(rows) > most else None
        return Page(rows[:most], last)
