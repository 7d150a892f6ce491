"""How the methods of a connection are followed; `wrap` says which is of which kind."""

from time import perf_counter_ns
from typing import Any
from weakref import WeakKeyDictionary, ref

from . import capture
from .capture import Call, Connection, DuckDB, begin, connections, guarded
from .invocation import Invocation, Kind, Last, Rows, always, count
from .relations import made, produced


def performed(invocation: Invocation, connection: DuckDB, call: Call | None) -> Any:
    try:
        return invocation.perform()
    except BaseException as error:
        if call is not None:
            capture.failed(call.connection, connection, call, error)
        raise


def statement(invocation: Invocation) -> Any:
    connection: DuckDB = invocation.subject
    call = begin(connection, invocation.argument(0, "query"), invocation.argument(1, "parameters"), True)
    result = performed(invocation, connection, call)
    if call is not None:
        capture.executed(connection, call)
    return result


def repeated(invocation: Invocation) -> Any:
    """executemany is one run; of its parameters the first set is kept."""
    connection: DuckDB = invocation.subject
    sets = invocation.argument(1, "parameters")
    first = sets[0] if isinstance(sets, list) and sets else object()
    call = begin(connection, invocation.argument(0, "query"), first, True)
    result = performed(invocation, connection, call)
    if call is not None:
        capture.executed(connection, call)
    return result


def fixed(text: str) -> Kind:
    """A method that is a statement by another name."""

    def kind(invocation: Invocation) -> Any:
        call = begin(invocation.subject, text, None, False)
        result = performed(invocation, invocation.subject, call)
        if call is not None:
            capture.done(call, None)
        return result

    return kind


def append(invocation: Invocation) -> Any:
    text = f"INSERT INTO {invocation.argument(0, 'table_name')!s} SELECT * FROM df"
    call = begin(invocation.subject, text, None, False)
    result = performed(invocation, invocation.subject, call)
    if call is not None:
        capture.done(call, guarded(count)(invocation.argument(1, "df")))
    return result


def lazy(invocation: Invocation) -> Any:
    """`con.sql`: what only reads runs when its rows are read."""
    call = begin(invocation.subject, invocation.argument(0, "query"), invocation.kwargs.get("params"), False)
    result = performed(invocation, invocation.subject, call)
    if call is not None:
        produced(result, call)
    return result


def source(invocation: Invocation) -> Any:
    """What makes a relation and runs nothing yet."""
    result = invocation.perform()
    made(result, invocation.subject)
    return result


def fetch(rows: Rows, last: Last, *, plainly: bool = False) -> Kind:
    @guarded
    def fetched(known: Connection, call: Call, result: Any, invocation: Invocation) -> None:
        capture.fetched(known, invocation.subject, call, rows(result), last(result, invocation))

    def kind(invocation: Invocation) -> Any:
        perform = invocation.perform_plainly if plainly else invocation.perform
        known = connections.get(id(invocation.subject))
        if known is None or (call := known.call) is None:
            return perform()
        call.begun = perf_counter_ns()
        try:
            result = perform()
        except BaseException as error:
            capture.failed(known, invocation.subject, call, error)
            raise
        fetched(known, call, result, invocation)
        return result

    return kind


whole = fetch(count, always)


def whole_or_source(invocation: Invocation) -> Any:
    """`duckdb.df` and `duckdb.arrow` fetch, or make a relation of the object that they are given."""
    given = invocation.args or "df" in invocation.kwargs or "arrow_object" in invocation.kwargs
    return (source if given else whole)(invocation)


def cursor(invocation: Invocation) -> Any:
    result = invocation.perform_plainly()
    capture.duplicated(invocation.subject, result)
    return result


def close(invocation: Invocation) -> Any:
    capture.left(invocation.subject)
    return invocation.perform_plainly()


def connect(invocation: Invocation) -> Any:
    result = invocation.perform_plainly()
    capture.opened(result, invocation.argument(0, "database") or ":memory:")
    return result


def set_default_connection(invocation: Invocation) -> Any:
    capture.default_changed()
    return invocation.perform_plainly()


def enable_profiling(invocation: Invocation) -> Any:
    capture.hand_over_profiler(invocation.subject)
    return invocation.perform_plainly()


_appenders: WeakKeyDictionary[Any, tuple[ref[DuckDB], str]] = WeakKeyDictionary()


def appender(invocation: Invocation) -> Any:
    result = invocation.perform_plainly()
    text = f"INSERT INTO {invocation.argument(0, 'table')!s} SELECT * FROM appender"
    _appenders[result] = ref(invocation.subject), text
    return result


def flush(invocation: Invocation) -> Any:
    """One insert of the rows that were appended since the last; how many they are DuckDB does not say."""
    reference, text = _appenders.get(invocation.subject, (None, ""))
    if reference is None or (connection := reference()) is None:
        return invocation.perform_plainly()
    call = begin(connection, text, None, False)
    result = performed(invocation, connection, call)
    if call is not None:
        capture.done(call, None)
    return result
