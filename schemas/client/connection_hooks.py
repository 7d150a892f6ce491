"""The hooks of a connection's methods; `patches` says which method has which."""

from time import perf_counter_ns
from typing import Any, cast
from weakref import WeakKeyDictionary, ref

from . import capture, lent, watching, writers
from .calls import Call, DuckDB, connections
from .capture import begin
from .relations import made, produced
from .wrapper import Args, Hooks, Kwargs, argument


def nothing(_call: object, _result: object) -> None: ...


# Statements


def _begin_statement(args: Args, kwargs: Kwargs) -> Call | None:
    parameters = argument(args, kwargs, 2, "parameters")
    call = begin(args[0], argument(args, kwargs, 1, "query"), parameters)
    return None if call is None else capture.unusual(call, args[0], parameters)


def _begin_repeated(args: Args, kwargs: Kwargs) -> Call | None:
    """executemany is one run; of its parameters the first set is kept."""
    sets = argument(args, kwargs, 2, "parameters")
    first = sets[0] if isinstance(sets, list) and sets else object()
    return begin(args[0], argument(args, kwargs, 1, "query"), first)


def _begin_append(args: Args, kwargs: Kwargs) -> Call | None:
    table, rows = argument(args, kwargs, 1, "table_name"), argument(args, kwargs, 2, "df")
    call = begin(args[0], f"INSERT INTO {table} SELECT * FROM df", None)  # noqa: S608 - is read, not run
    if call is not None:
        call.rows = count(rows)
    return call


def _begin_lazy(args: Args, kwargs: Kwargs) -> Call | None:
    return begin(args[0], argument(args, kwargs, 1, "query"), kwargs.get("params"))


def fixed(text: str) -> Hooks:
    """A method that is a statement by another name."""
    return Hooks(lambda args, _kwargs: begin(args[0], text, None), capture.done, capture.failed)


def _executed(call: Call, result: object) -> None:
    call.pause()
    capture.executed(call, result)


STATEMENT = Hooks(_begin_statement, _executed, capture.failed)
REPEATED = Hooks(_begin_repeated, _executed, capture.failed)
APPEND = Hooks(_begin_append, capture.done, capture.failed)
LAZY = Hooks(_begin_lazy, produced, capture.failed)

# Fetching


def reading(args: Args, _kwargs: Kwargs) -> Call | None:
    """The run whose result is open."""
    if (known := connections.get(id(args[0]))) is None or (call := known.call) is None:
        return None
    call.begun = perf_counter_ns()
    return call


def _reading_some(args: Args, kwargs: Kwargs) -> Call | None:
    if (call := reading(args, kwargs)) is not None:
        call.size = argument(args, kwargs, 1, "size")
    return call


def fetched_one(call: Call, row: Any) -> None:
    capture.fetched(call, int(row is not None), row is None)


def fetched_some(call: Call, rows: Any) -> None:
    capture.fetched(call, len(rows), len(rows) < (1 if call.size is None else call.size))


def fetched_chunk(call: Call, rows: Any) -> None:
    capture.fetched(call, len(rows), len(rows) == 0)


def fetched_whole(call: Call, result: Any) -> None:
    capture.fetched(call, count(result), True)


def count(result: Any) -> int | None:
    """The rows of what a fetch has returned, None where they are read later."""
    if isinstance(result, dict):  # of columns
        return next((len(column) for column in result.values()), 0)
    # the type is asked, since a data frame looks for a column first
    return len(result) if hasattr(type(result), "__len__") else None


ONE = Hooks(reading, fetched_one, capture.failed)
SOME = Hooks(_reading_some, fetched_some, capture.failed)
CHUNK = Hooks(reading, fetched_chunk, capture.failed)
WHOLE = Hooks(reading, fetched_whole, capture.failed)

# What makes other objects


def _subject(args: Args, _kwargs: Kwargs) -> Any:
    return args[0]


def _whole_or_source(args: Args, kwargs: Kwargs) -> Any:
    """`duckdb.df` and `duckdb.arrow` fetch, or make a relation of the object that they are given."""
    return args[0] if len(args) > 1 or "df" in kwargs or "arrow_object" in kwargs else reading(args, kwargs)


def _fetched_or_made(call: Any, result: Any) -> None:
    (fetched_whole if isinstance(call, Call) else made)(call, result)


def _failed_if_fetching(call: Any, error: BaseException) -> None:
    if isinstance(call, Call):
        capture.failed(call, error)


SOURCE = Hooks(_subject, made, nothing)
WHOLE_OR_SOURCE = Hooks(_whole_or_source, _fetched_or_made, _failed_if_fetching)
CURSOR = Hooks(_subject, watching.duplicated, nothing)


def _connecting(args: Args, kwargs: Kwargs) -> object:
    return argument(args, kwargs, 0, "database") or ":memory:"


def _closing(args: Args, _kwargs: Kwargs) -> DuckDB | None:
    if (known := connections.get(id(args[0]))) is None or known.place is None:
        return None
    known.leave()
    lent.call_back(args[0])
    return cast(DuckDB, args[0])


def _closed(connection: DuckDB, _result: object) -> None:
    lent.closed(connection)
    if (known := connections.get(id(connection))) is not None:
        writers.closed(known)


CONNECT = Hooks(_connecting, lambda database, connection: watching.opened(connection, database), nothing)
CLOSE = Hooks(_closing, _closed, _closed)
SET_DEFAULT = Hooks(lambda _args, _kwargs: watching.default_changed(), nothing, nothing)
ENABLE_PROFILING = Hooks(lambda args, _kwargs: capture.leave_profiler(args[0]), nothing, nothing)

# Appenders

_appenders: WeakKeyDictionary[Any, tuple[ref[DuckDB], str]] = WeakKeyDictionary()


def _begin_appender(args: Args, kwargs: Kwargs) -> tuple[DuckDB, object]:
    return args[0], argument(args, kwargs, 1, "table")


def _appender_made(made_on: tuple[DuckDB, object], appender: Any) -> None:
    connection, table = made_on
    _appenders[appender] = ref(connection), f"INSERT INTO {table} SELECT * FROM appender"  # noqa: S608 - is read


def _begin_flush(args: Args, _kwargs: Kwargs) -> Call | None:
    """One insert of the rows that were appended since the last; how many they are DuckDB does not say."""
    reference, text = _appenders.get(args[0], (None, ""))
    connection = None if reference is None else reference()
    return None if connection is None else begin(connection, text, None)


APPENDER = Hooks(_begin_appender, _appender_made, nothing)
FLUSH = Hooks(_begin_flush, capture.done, capture.failed)
