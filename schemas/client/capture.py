"""What runs on the product's connections, from a call to the last row that the product fetches.

This part runs in the product's threads. It takes times and keeps references; reading statements is the recorder's
work, in a thread of its own. Nothing here raises into the product: where ours breaks, a run is missing from the
log, and that is told once.
"""

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial, wraps
from random import random
from time import perf_counter_ns
from typing import ParamSpec, TypeVar
from weakref import ref

import duckdb

from .databases import MEMORY, place_of
from .profiler import AVAILABLE, Profiler
from .recorder import Parameters, Recorder, Run
from .versions import VERSION

PROFILED_SHARE = 0.05
PROFILE_GAP_NS = 100_000_000
"""Least time between two runs profiled by chance, so that a busy product's 99th percentile does not show them."""
MOST_VALUES = 64
LARGEST_VALUES = 1_024
"""Characters or bytes of all the parameters of one run that are kept for measuring."""

P = ParamSpec("P")
T = TypeVar("T")
DuckDB = duckdb.DuckDBPyConnection
Find = Callable[[str], tuple[Recorder, str] | None]

logger = logging.getLogger("duckdb_sidecar")

_connect = duckdb.connect
_execute = DuckDB.execute
_fetchall = DuckDB.fetchall
_cursor = DuckDB.cursor
_close = DuckDB.close

# these have done their work when execute returns; others are read by fetching
_DONE = re.compile(
    r"\s*(?:insert|update|delete|merge|truncate|create|drop|alter|comment|copy|begin|start|commit|end|rollback|abort|"
    r"set|reset|use|pragma|attach|detach|checkpoint|vacuum|analyze|load|install|export|import)\b",
    re.IGNORECASE,
)
_SMALL = frozenset({"int", "float", "bool", "NoneType", "date", "datetime", "time", "timedelta", "Decimal", "UUID"})
_label: ContextVar[str | None] = ContextVar("duckdb_sidecar_route", default=None)


@contextmanager
def route(name: str) -> Iterator[None]:
    """Labels what runs inside with the product's own name for it, such as `GET /orders`; also a decorator.

    It follows `asyncio` tasks and `asyncio.to_thread`; other threads set their own.
    """
    token = _label.set(name)
    try:
        yield
    finally:
        _label.reset(token)


class Call(Run):
    """A run that has not ended. `begun` is a reading of `perf_counter_ns`."""

    __slots__ = ("begun", "connection", "log", "profiled")

    def __init__(self, connection: "Connection", log: Recorder, text: str, parameters: Parameters | None) -> None:
        super().__init__(connection.database, text, parameters, _label.get())
        self.connection = connection
        self.log = log
        self.profiled = False
        self.begun = perf_counter_ns()

    def pause(self) -> None:
        """DuckDB has returned to the product."""
        self.spent_ns += perf_counter_ns() - self.begun


class Reader:
    """Whatever holds an open result: a connection, or before 2.0 a relation."""

    __slots__ = ("call",)

    def __init__(self) -> None:
        self.call: Call | None = None

    def release(self) -> None:
        """No result is open any more."""
        self.call = None

    def leave(self) -> None:
        """The product goes on without reading the rest."""
        if (call := self.call) is not None:
            self.release()
            call.log.record(call)


class Connection(Reader):
    """What is known of one of the product's connections; it does not keep that alive."""

    __slots__ = ("database", "held", "log", "place", "profiler", "reference")

    def __init__(self, connection: DuckDB, place: str | None, *, fresh: bool) -> None:
        super().__init__()
        self.place = place
        """None for a connection of ours, which is never captured."""
        self.log: Recorder | None = None
        self.database = ""
        self.profiler = Profiler(fresh=fresh) if AVAILABLE else None
        self.reference = ref(connection, partial(_forget, id(connection)))
        self.held: DuckDB | None = None
        """DuckDB makes the default connection's Python object anew for each call: it is kept while a result is open."""

    def release(self) -> None:
        super().release()
        self.held = None

    def assign(self) -> None:
        """To the product whose database this is."""
        found = None if self.place is None or _find is None else _find(self.place)
        self.log, self.database = found or (None, "")

    def sample(self, connection: DuckDB, call: Call) -> None:
        """Switches DuckDB's profiler on for slow statements and for some of the others."""
        if (profiler := self.profiler) is None:
            return
        if profiler.on:  # the last result was not read to its end
            profiler.switch_off(connection)
        if self.call is not None:
            return
        if call.text not in call.log.slow:
            if random() >= PROFILED_SHARE or call.begun < call.log.next_profile_ns:  # noqa: S311 - a sample
                return
            call.log.next_profile_ns = call.begun + PROFILE_GAP_NS
        call.profiled = profiler.switch_on(connection, call.text)
        call.begun = perf_counter_ns()

    def end(self, connection: DuckDB | None, call: Call) -> None:
        """The result was read to its end."""
        if call.profiled and self.profiler is not None and connection is not None:
            call.profile = self.profiler.take(connection)
        call.log.record(call)


connections: dict[int, Connection] = {}
_find: Find | None = None


def watch(find: Find | None) -> None:
    """From now on `find` says whose a place is: the recorder and the database's name, None if nobody's.

    Without a `find` nothing is captured.
    """
    global _find
    _find = find
    for known in list(connections.values()):
        known.leave()
        known.assign()


def leave_all() -> None:
    """Ends what is open, as at the exit of the process."""
    for known in list(connections.values()):
        known.leave()


def forget_open_results() -> None:
    """In a forked child: what was open is the parent's."""
    for known in connections.values():
        known.release()


def guarded(function: Callable[P, T]) -> Callable[P, T | None]:
    """None in the place of an exception."""

    @wraps(function)
    def guard(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the product's call goes on whatever breaks in ours
            _tell(type(error).__name__)
            return None

    return guard


@cache
def _tell(error: str) -> None:
    logger.warning("a run was not captured (told once for %s)", error, exc_info=True)


@guarded
def opened(connection: DuckDB, database: object) -> None:
    """`duckdb.connect(database)` has returned the connection."""
    if isinstance(database, str | os.PathLike) and database != ":default:" and id(connection) not in connections:
        _add(connection, place_of(database), fresh=True)


_default_place: str | None = None


@guarded
def called_by_default(connection: DuckDB) -> None:
    """The module's default connection, which is asked once which database it is on."""
    global _default_place
    if id(connection) in connections:
        return
    if _default_place is not None:
        _add(connection, _default_place, fresh=False)
    elif (known := meet(connection)) is not None:
        _default_place = known.place


@guarded
def hold(connection: DuckDB) -> None:
    if (known := connections.get(id(connection))) is not None and known.call is not None:
        known.held = connection


def default_changed() -> None:
    global _default_place
    _default_place = None
    for known in list(connections.values()):
        if known.held is not None:
            known.leave()


@guarded
def duplicated(connection: DuckDB, cursor: DuckDB) -> None:
    if (known := connections.get(id(connection))) is not None:
        _add(cursor, known.place, fresh=True)


@guarded
def left(connection: DuckDB) -> None:
    """The connection closes, or does something else that ends its result."""
    if (known := connections.get(id(connection))) is not None:
        known.leave()


@guarded
def begin(connection: DuckDB, query: object, parameters: object, profile: bool) -> Call | None:
    """None where the connection is on no product's database."""
    if (known := connections.get(id(connection)) or meet(connection)) is None or known.log is None:
        return None
    text = query if type(query) is str else getattr(query, "query", None)
    return start(known, connection, text, kept(parameters), profile) if isinstance(text, str) else None


def start(
    known: Connection, connection: DuckDB | None, text: str, parameters: Parameters | None, profile: bool
) -> Call | None:
    if (log := known.log) is None:
        return None
    call = Call(known, log, text, parameters)
    if profile and connection is not None:
        known.sample(connection, call)
    return call


@guarded
def executed(connection: DuckDB, call: Call) -> None:
    call.pause()
    known, text = call.connection, call.text
    known.leave()
    script = (semicolon := text.find(";")) >= 0 and bool(text[semicolon + 1 :].strip())
    if not script and _DONE.match(text) is not None:
        if AVAILABLE and (changed := connection.rowcount) >= 0:
            call.rows = changed
        known.end(connection, call)
    else:
        known.call = call
        if not script:
            return
    if known.profiler is not None:
        known.profiler.notice(text, whole=script)


@guarded
def done(call: Call, rows: int | None) -> None:
    """Of what has no result to be read."""
    call.pause()
    call.rows = rows
    call.connection.leave()
    call.log.record(call)


def fetched(reader: Reader, connection: DuckDB | None, call: Call, rows: int | None, last: bool) -> None:
    call.pause()
    if rows is not None:
        call.rows = rows + (call.rows or 0)
    if last:
        reader.release()
        call.connection.end(connection, call)


@guarded
def failed(reader: Reader, connection: DuckDB | None, call: Call, error: BaseException) -> None:
    call.pause()
    call.error = type(error).__name__
    if reader.call is call:
        reader.release()
    elif not (VERSION >= (2, 0) and isinstance(error, duckdb.ParserException)):
        # before 2.0 what does not parse ends an open result as well
        reader.leave()
    profiler = call.connection.profiler
    if profiler is not None and profiler.on and connection is not None:
        profiler.switch_off(connection)
    call.log.record(call)


@guarded
def hand_over_profiler(connection: DuckDB) -> None:
    """The product switches the profiler on itself."""
    if (known := connections.get(id(connection))) is not None and known.profiler is not None:
        known.profiler.theirs = True
        if known.call is None:
            known.profiler.hand_over(connection)


def unobserved(connection: DuckDB) -> DuckDB:
    """The same connection, as one of ours: nothing that runs on it or on its cursors is captured."""
    _add(connection, None, fresh=False)
    return connection


def private_connection() -> DuckDB:
    """A database of ours in memory, for work beside the product."""
    return unobserved(_connect(":memory:", config={"threads": 1}))


def live_cursor(place: str) -> DuckDB | None:
    """A cursor of ours on the database, None while the product has no connection to it.

    A cursor is a connection of its own: what runs on it leaves the results of the product's connections alone.
    """
    for known in list(connections.values()):
        connection = known.reference()
        if known.place == place and connection is not None:
            try:
                return unobserved(_cursor(connection))
            except duckdb.Error:
                continue  # closed
    return None


def _add(connection: DuckDB, place: str | None, *, fresh: bool) -> Connection:
    known = connections[id(connection)] = Connection(connection, place, fresh=fresh)
    known.assign()
    if known.log is not None:
        if fresh:
            known.log.opened += 1
        else:
            known.log.met += 1
    return known


def _forget(key: int, _reference: object) -> None:
    if (known := connections.pop(key, None)) is not None:
        known.leave()


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
    return _add(connection, MEMORY if path is None else place_of(path), fresh=False)


def kept(parameters: object) -> Parameters | None:
    """A copy that may wait for the recorder: small values alone, since a run must not keep the product's data alive."""
    if parameters is None:
        return ()
    if not isinstance(parameters, list | tuple | dict) or len(parameters) > MOST_VALUES:
        return None
    room = LARGEST_VALUES
    for value in parameters.values() if isinstance(parameters, dict) else parameters:
        if isinstance(value, str | bytes):
            room -= len(value)
            if room < 0:
                return None
        elif type(value).__name__ not in _SMALL:
            return None
    return dict(parameters) if isinstance(parameters, dict) else tuple(parameters)
