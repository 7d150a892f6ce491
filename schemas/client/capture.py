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
from .recorder import SLOW, Parameters, Recorder, Run
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
        """DuckDB makes the default connection's Python object anew for each call: it is kept while a result is open."""

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
    if (log := known.log) is None:
        return None
    text = query if type(query) is str else getattr(query, "query", None)
    if not isinstance(text, str):
        return None
    return start(known, log, connection, text, parameters, profile)
