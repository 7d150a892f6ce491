"""Connections of ours to a database of the product: cursors of its own connections, for there is no other way in.

They keep the database open, and before 2.0 DuckDB closes them with the connection that they were made from, at which
a statement that runs hangs for ever. So they are called back when the product closes that connection.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event as Signal

import duckdb

from .calls import DuckDB, connections
from .watching import unobserved

PATIENCE_S = 1.0
AGAIN_S = 0.01
"""Between two interrupts, since one that comes between two statements has no effect."""

_cursor = DuckDB.cursor
_close = DuckDB.close


class Lent:
    def __init__(self, connection: DuckDB) -> None:
        self.connection = connection
        self.called_back = False
        self.returned = Signal()


_lent: dict[int, list[Lent]] = {}
"""By the id of the product's connection."""


@contextmanager
def lend(place: str) -> Iterator[Lent | None]:
    """A connection to the database at the place, None while the product has none itself.

    What runs on it leaves the results of the product's connections alone.
    """
    for known in list(connections.values()):
        theirs = known.reference()
        if known.place != place or theirs is None:
            continue
        try:
            lent = Lent(unobserved(_cursor(theirs)))
        except duckdb.Error:
            continue  # closed
        key = id(theirs)
        _lent.setdefault(key, []).append(lent)
        del theirs  # the product may drop it meanwhile
        try:
            yield lent
        finally:
            _close(lent.connection)
            lent.returned.set()
            _lent[key].remove(lent)
        return
    yield None


def call_back(theirs: DuckDB) -> None:
    """The product is about to close its connection: returns when ours are closed, or after `PATIENCE_S`."""
    for lent in list(_lent.pop(id(theirs), ())):
        lent.called_back = True
        for _ in range(round(PATIENCE_S / AGAIN_S)):
            lent.connection.interrupt()
            if lent.returned.wait(AGAIN_S):
                break
