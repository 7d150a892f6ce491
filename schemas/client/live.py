"""Where a product's database is read."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb

from ..errors import CloneError
from .watching import live_cursor


class Database(Protocol):
    def connection(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Raises CloneError, duckdb.Error where there is none now."""

    def is_open(self) -> bool:
        """Whether reading may go on."""


@dataclass(frozen=True, slots=True)
class LiveDatabase:
    """In the product's own process, while the product works with it; `place` is a file's path or a name in memory."""

    place: str

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """It keeps the database open, so it must not be held for long once the product has closed it."""
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


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """A file that nobody writes; whoever renews it puts another in its place."""

    file: Path

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(self.file, read_only=True) as connection:
            yield connection

    def is_open(self) -> bool:
        return True
