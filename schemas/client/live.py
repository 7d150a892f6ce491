"""Where a product's database is read."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb

from ..errors import CloneError
from .lent import Lent, lend


class Database(Protocol):
    def connection(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Raises CloneError, duckdb.Error where there is none now."""

    def is_open(self) -> bool:
        """Whether the product still works with it, so that reading may go on."""


class LiveDatabase:
    """In the product's own process, while the product works with it."""

    def __init__(self, place: str) -> None:
        """`place` is a file's path, or a name in memory."""
        self._place = place
        self._lent: set[Lent] = set()

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with lend(self._place) as lent:
            if lent is None:
                raise CloneError("the product does not have the database open: ask again when it has")
            self._lent.add(lent)
            try:
                yield lent.connection
            finally:
                self._lent.discard(lent)

    def is_open(self) -> bool:
        if any(lent.called_back for lent in list(self._lent)):
            return False
        with lend(self._place) as lent:
            return lent is not None


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
