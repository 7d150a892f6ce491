"""Which connections there are, on which database each is, and whose that is."""

import os
from collections.abc import Callable

import duckdb

from .calls import Connection, DuckDB, connections
from .databases import MEMORY, place_of
from .recorder import Recorder

Find = Callable[[str], tuple[Recorder, str] | None]

_connect = duckdb.connect
_execute = DuckDB.execute
_fetchall = DuckDB.fetchall
_cursor = DuckDB.cursor
_close = DuckDB.close

_find: Find | None = None


def watch(find: Find | None) -> None:
    """From now on `find` says whose a place is: the recorder and the database's name, None if nobody's.

    Without a `find` nothing is captured.
    """
    global _find
    _find = find
    for known in list(connections.values()):
        known.leave()
        _assign(known)


def leave_all() -> None:
    """Ends what is open, as at the exit of the process."""
    for known in list(connections.values()):
        known.leave()


def forget_open_results() -> None:
    """In a forked child: what was open is the parent's."""
    for known in connections.values():
        known.release()


def opened(connection: DuckDB, database: object) -> None:
    """`duckdb.connect(database)` has returned the connection."""
    if isinstance(database, str | os.PathLike) and database != ":default:" and id(connection) not in connections:
        known = _add(connection, place_of(database), fresh=True)
        if known.log is not None:
            known.log.opened += 1


def duplicated(connection: DuckDB, cursor: DuckDB) -> None:
    if (known := connections.get(id(connection)) or meet(connection)) is not None:
        twin = connections[id(cursor)] = Connection(cursor, known.place, fresh=True)
        twin.log, twin.database = known.log, known.database
        if twin.log is not None:
            twin.log.opened += 1


_default_place: str | None = None


def called_by_default(connection: DuckDB) -> None:
    """The module's default connection, which is asked once which database it is on."""
    global _default_place
    if id(connection) in connections:
        return
    if _default_place is not None:
        _add(connection, _default_place, fresh=False)
    elif (known := meet(connection)) is not None:
        _default_place = known.place


def default_changed() -> None:
    global _default_place
    _default_place = None
    for known in list(connections.values()):
        if known.held is not None:
            known.leave()


def private_connection() -> DuckDB:
    """A database of ours in memory, for work beside the product."""
    return unobserved(_connect(":memory:", config={"threads": 1}))


def unobserved(connection: DuckDB) -> DuckDB:
    """The same connection, as one of ours: nothing that runs on it or on its cursors is captured."""
    _add(connection, None, fresh=False)
    return connection


def meet(connection: DuckDB) -> Connection | None:
    """A connection that was opened where we did not see it: a cursor of it tells which database it is on."""
    if _find is None:
        return None
    try:
        cursor = _cursor(connection)
        _execute(cursor, "SELECT path FROM duckdb_databases() WHERE database_name = current_database()")
        [(path,)] = _fetchall(cursor)
        _close(cursor)
    except duckdb.Error:
        return None  # closed: the product's own call will tell
    known = _add(connection, MEMORY if path is None else place_of(path), fresh=False)
    if known.log is not None:
        known.log.met += 1
    return known


def _add(connection: DuckDB, place: str | None, *, fresh: bool) -> Connection:
    known = connections[id(connection)] = Connection(connection, place, fresh=fresh)
    _assign(known)
    return known


def _assign(known: Connection) -> None:
    """To the product whose database this is."""
    found = None if known.place is None or _find is None else _find(known.place)
    known.log, known.database = found or (None, "")
