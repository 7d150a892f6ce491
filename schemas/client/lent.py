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
    """`called_back` says that the product closes the connection that this one was made from."""

    def __init__(self, theirs: int, connection: DuckDB) -> None:
        self.theirs = theirs
        self.connection = connection
        self.called_back = False
        self.returned = Signal()


_lent: set[Lent] = set()


@contextmanager
def lend(place: str) -> Iterator[Lent | None]:
    """A connection to the database at `place`, None while the product has none itself.

    What runs on it leaves the results of the product's connections alone.
    """
    lent = _made(place)
    if lent is None:
        yield None
        return
    _lent.add(lent)
    try:
        yield lent
    finally:
        _close(lent.connection)
        _lent.discard(lent)
        lent.returned.set()


def call_back(theirs: DuckDB) -> None:
    """The product is about to close its connection: returns when ours are closed, or after `PATIENCE_S`."""
    for lent in [one for one in list(_lent) if one.theirs == id(theirs)]:
        lent.called_back = True
        for _ in range(round(PATIENCE_S / AGAIN_S)):
            lent.connection.interrupt()
            if lent.returned.wait(AGAIN_S):
                break


def _made(place: str) -> Lent | None:
    for known in list(connections.values()):
        theirs = known.reference()
        if known.place == place and theirs is not None:
            try:
                return Lent(id(theirs), unobserved(_cursor(theirs)))
            except duckdb.Error:
                continue  # closed
    return None
