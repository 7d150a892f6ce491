"""What runs on the product's connections, from a call to the last row that the product fetches.

This part runs in the product's threads, between two calls of DuckDB that have emptied the processor's caches: what
it does for each run is written flat, and all that can wait is left to the recorder's thread.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from random import random
from time import perf_counter_ns
from typing import Any
from weakref import ref

import duckdb

from .databases import MEMORY, place_of
from .profiler import AVAILABLE, Profiler
from .recorder import FAMILIAR, LONG_TEXT, SLOW, Parameters, Recorder, Run
from .versions import VERSION

PROFILED_SHARE = 0.05
PROFILE_GAP_NS = 100_000_000
"""Least time between two runs profiled by chance, so that a busy product's 99th percentile does not show them."""
MOST_VALUES = 64
LARGEST_VALUES = 1_024
"""Characters or bytes of all the parameters of one run that are kept for measuring."""

DuckDB = duckdb.DuckDBPyConnection
Find = Callable[[str], tuple[Recorder, str] | None]

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
    """A run that has not ended. `begun` is when DuckDB was called last, by `perf_counter_ns`."""

    connection: "Connection"
    reader: "Reader"
    begun: int
    size: int | None = None
    """Rows that are asked for now, None for one."""
    profiled = False

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
            call.connection.record(call)


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
        """The default connection's Python object, which DuckDB makes anew for each call, while a result is open."""

    def release(self) -> None:
        self.call = self.held = None

    def assign(self) -> None:
        """To the product whose database this is."""
        found = None if self.place is None or _find is None else _find(self.place)
        self.log, self.database = found or (None, "")

    def record(self, call: Call) -> None:
        if self.log is not None:
            self.log.runs.append(call)

    def end(self, call: Call) -> None:
        """The result was read to its end."""
        if call.profiled and self.profiler is not None and (connection := self.reference()) is not None:
            call.profile = self.profiler.take(connection)
        self.record(call)

    def sort(self, call: Call) -> None:
        """The run is over where the statement returns no rows to be read."""
        text = call.text
        script = (semicolon := text.find(";")) >= 0 and bool(text[semicolon + 1 :].strip())
        if script or _DONE.match(text) is None:
            self.call = call
            if not script:
                return
        else:
            if AVAILABLE and (connection := self.reference()) is not None and (changed := connection.rowcount) >= 0:
                call.rows = changed
            self.end(call)
        if self.profiler is not None:
            self.profiler.notice(text, whole=script)

    def stop_profiler(self, connection: DuckDB) -> None:
        if self.profiler is not None and self.profiler.on:
            self.profiler.switch_off(connection)

    def sample(self, connection: DuckDB, call: Call, slow: bool) -> None:
        """Switches DuckDB's profiler on for slow statements and for some of the others."""
        profiler, log = self.profiler, self.log
        if profiler is None or log is None or self.call is not None:
            return
        if not slow:
            if call.begun < log.next_profile_ns:
                return
            log.next_profile_ns = call.begun + PROFILE_GAP_NS
        call.profiled = profiler.switch_on(connection, call.text)
        call.started_ns = call.begun = perf_counter_ns()


connections: dict[int, Connection] = {}
_find: Find | None = None


def begin(connection: DuckDB, query: Any, parameters: Any, profile: bool) -> Call | None:
    """None where the connection is on no product's database."""
    if (known := connections.get(id(connection))) is None and (known := meet(connection)) is None:
        return None
    if known.log is None:
        return None
    text = query if type(query) is str else getattr(query, "query", None)
    return start(known, known, connection, text, parameters, profile) if isinstance(text, str) else None


def start(
    reader: Reader, known: Connection, connection: DuckDB | None, text: str, parameters: Any, profile: bool
) -> Call | None:
    log = known.log
    if log is None or ((len(log.runs) >= log.quiet or len(text) > LONG_TEXT) and not log.admits(text)):
        return None
    call = Call()
    call.reader = reader
    call.connection = known
    call.database = known.database
    call.text = text
    if (label := _label.get()) is not None:
        call.route = label
    habits = log.habits.get(text, 0)
    chance = random()  # noqa: S311 - a sample
    if not habits & FAMILIAR or chance < PROFILED_SHARE:
        call.parameters = kept(parameters)
    call.started_ns = call.begun = perf_counter_ns()
    if profile and connection is not None:
        if known.call is not None and known.call.profiled:  # its result was not read to its end
            known.stop_profiler(connection)
        if habits & SLOW or chance < PROFILED_SHARE:
            known.sample(connection, call, bool(habits & SLOW))
    return call


def executed(call: Call, _result: Any) -> None:
    call.spent_ns = perf_counter_ns() - call.begun
    known = call.connection
    if known.call is not None:
        known.leave()
    if (first := call.text[:6]) == "SELECT" or first == "select":
        known.call = call
    else:
        known.sort(call)


def done(call: Call, _result: object) -> None:
    """Of what has no result to be read."""
    call.pause()
    call.connection.leave()
    call.connection.record(call)


def fetched(call: Call, rows: int | None, last: bool) -> None:
    call.spent_ns += perf_counter_ns() - call.begun
    if rows is not None:
        call.rows = rows + (call.rows or 0)
    if last:
        call.reader.release()
        call.connection.end(call)


def failed(call: Call, error: BaseException) -> None:
    call.pause()
    call.error = type(error).__name__
    reader, known = call.reader, call.connection
    if reader.call is call:
        reader.release()
    elif VERSION < (2, 0) or not isinstance(error, duckdb.ParserException):
        # since 2.0 what does not parse leaves an open result as it is
        reader.leave()
    if call.profiled and (connection := known.reference()) is not None:
        known.stop_profiler(connection)
    known.record(call)


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


def opened(connection: DuckDB, database: object) -> None:
    """`duckdb.connect(database)` has returned the connection."""
    if isinstance(database, str | os.PathLike) and database != ":default:" and id(connection) not in connections:
        _add(connection, place_of(database), fresh=True)


def duplicated(connection: DuckDB, cursor: DuckDB) -> None:
    if (known := connections.get(id(connection)) or meet(connection)) is not None:
        _add(cursor, known.place, fresh=True)


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


def profiled_by_product(connection: DuckDB) -> None:
    """The product switches the profiler on itself."""
    if (known := connections.get(id(connection))) is not None and known.profiler is not None:
        known.profiler.theirs = True
        if known.call is None:
            known.profiler.hand_over(connection)


def private_connection() -> DuckDB:
    """A database of ours in memory, for work beside the product."""
    return unobserved(_connect(":memory:", config={"threads": 1}))


def unobserved(connection: DuckDB) -> DuckDB:
    """The same connection, as one of ours: nothing that runs on it or on its cursors is captured."""
    _add(connection, None, fresh=False)
    return connection


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


def kept(parameters: Any) -> Parameters | None:
    """A copy that may wait: small values alone, since a run must not keep the product's data alive."""
    if parameters is None:
        return ()
    if not isinstance(parameters, (list, tuple, dict)) or len(parameters) > MOST_VALUES:
        return None
    room = LARGEST_VALUES
    for value in parameters.values() if isinstance(parameters, dict) else parameters:
        if isinstance(value, (str, bytes)):
            room -= len(value)
            if room < 0:
                return None
        elif type(value).__name__ not in _SMALL:
            return None
    return dict(parameters) if isinstance(parameters, dict) else tuple(parameters)


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
