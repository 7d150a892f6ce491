"""Connections of ours to a database of the product: cursors of its own connections, for there is no other way in.

They keep the database open, and before 2.0 DuckDB closes them with the connection that they were made from, at which
a statement that runs hangs for ever. So they are called back when the product closes that connection.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event as Signal
from threading import Lock
from time import monotonic

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
_closing: set[int] = set()
"""The ids of connections that the product is closing."""
_lock = Lock()


@contextmanager
def lend(place: str) -> Iterator[Lent | None]:
    """A connection to the database at `place`, None while the product has none itself.

    What runs on it leaves the results of the product's connections alone.
    """
    if (lent := _made(place)) is None:
        yield None
        return
    try:
        yield lent
    finally:
        _close(lent.connection)
        _lent.discard(lent)
        lent.returned.set()


def count(place: str) -> int:
    """Of ours, to the database at `place`."""
    theirs = [connections.get(one.theirs) for one in list(_lent)]
    return sum(known is not None and known.place == place for known in theirs)


def call_back(theirs: DuckDB) -> None:
    """The product is about to close its connection: returns when ours are closed, or after `PATIENCE_S`."""
    with _lock:
        _closing.add(id(theirs))
        lent = [one for one in list(_lent) if one.theirs == id(theirs)]
    deadline = monotonic() + PATIENCE_S
    for one in lent:
        one.called_back = True
        while not one.returned.wait(AGAIN_S) and monotonic() < deadline:
            with suppress(duckdb.Error):  # closed, and about to be returned
                one.connection.interrupt()


def closed(theirs: DuckDB) -> None:
    _closing.discard(id(theirs))


def _made(place: str) -> Lent | None:
    with _lock:
        for known in list(connections.values()):
            theirs = known.reference()
            if known.place == place and theirs is not None and id(theirs) not in _closing:
                try:
                    lent = Lent(id(theirs), unobserved(_cursor(theirs)))
                except duckdb.Error:
                    continue  # closed
                _lent.add(lent)
                return lent
    return None


def forget_all() -> None:
    """In a forked child: they are the parent's."""
    global _lock
    _lock = Lock()
    _lent.clear()
    _closing.clear()


os.register_at_fork(after_in_child=forget_all)
