"""The runs that have not ended, and the connections that they are on."""

from functools import partial
from time import perf_counter_ns
from weakref import ref

import duckdb

from .profiler import AVAILABLE, Profiler
from .recorder import Recorder, Run

DuckDB = duckdb.DuckDBPyConnection


class Call(Run):
    """A run that has not ended."""

    connection: "Connection"
    relation: "Reader | None" = None
    """What holds the result open where that is not the connection."""
    begun: int
    """When DuckDB was called last, by `perf_counter_ns`."""
    size: int | None = None
    """Rows that are asked for now, None for one."""
    profiled = False
    writing = False
    """`writers` waits for its end."""

    @property
    def reader(self) -> "Reader":
        return self.relation or self.connection

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
            self.call = None
            call.connection.end(call)


class Connection(Reader):
    """What is known of one of the product's connections; it does not keep that alive."""

    __slots__ = (
        "_fresh", "closed", "database", "held", "log", "place", "profiler", "reference", "transaction", "writing",
        "wrote",
    )  # fmt: skip

    def __init__(self, connection: DuckDB, place: str | None, *, fresh: bool) -> None:
        self.call = None
        self.place = place
        """None for a connection of ours, which is never captured."""
        self.log: Recorder | None = None
        self.database = ""
        self.profiler: Profiler | None = None
        self.reference = ref(connection, partial(_forget, id(connection)))
        self.held: DuckDB | None = None
        """The default connection's Python object, which DuckDB makes anew for each call, while a result is open."""
        self._fresh = fresh
        self.writing = 0
        """Statements that run and may write."""
        self.transaction = False
        self.wrote = False
        """The transaction has written."""
        self.closed = False

    def release(self) -> None:
        self.call = self.held = None

    def leave(self) -> None:
        if (call := self.call) is not None:
            self.call = self.held = None
            if call.profiled:
                self.stop_profiler()
            if (log := self.log) is not None:
                call.database = self.database
                log.runs.append(call)

    def end(self, call: Call) -> None:
        """The result was read to its end."""
        if call.profiled and self.profiler is not None and (connection := self.reference()) is not None:
            call.profile = self.profiler.take(connection)
        if (log := self.log) is not None:
            call.database = self.database
            log.runs.append(call)

    def start_profiler(self, connection: DuckDB, statement: str) -> bool:
        """Where that can be done and no result is open; whether it was."""
        if not AVAILABLE or self.call is not None:
            return False
        if self.profiler is None:
            self.profiler = Profiler(fresh=self._fresh)
        return self.profiler.switch_on(connection, statement)

    def stop_profiler(self) -> None:
        if self.profiler is not None and self.profiler.on and (connection := self.reference()) is not None:
            self.profiler.switch_off(connection)

    def leave_profiler_alone(self) -> Profiler:
        """The product uses it itself."""
        if self.profiler is None:
            self.profiler = Profiler(fresh=self._fresh)
        self.profiler.theirs = True
        return self.profiler


connections: dict[int, Connection] = {}


def _forget(key: int, _reference: object) -> None:
    if (known := connections.pop(key, None)) is not None:
        known.leave()
