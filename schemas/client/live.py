"""The product's database while the product works with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from ..errors import CloneError
from .capture import live_cursor


@dataclass(frozen=True, slots=True)
class LiveDatabase:
    """At `place`, a file's path or a name in memory."""

    place: str

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of ours; it keeps the database open, so it must not be held for long.

        Raises CloneError where the product has closed the database.
        """
        if (cursor := live_cursor(self.place)) is None:
            raise CloneError("the product does not have the database open: ask again when it has")
        try:
            yield cursor
        finally:
            cursor.close()

    def is_open(self) -> bool:
        """Whether the product itself has a connection to it."""
        if (cursor := live_cursor(self.place)) is None:
            return False
        cursor.close()
        return True
