"""What runs on the product's connections, from a call to the last row that the product fetches.

This part runs in the product's threads, between two calls of DuckDB that have emptied the processor's caches: what
it does for each run is written flat, and all that can wait is left to the recorder's thread.
"""

import re
from time import perf_counter_ns
from typing import Any

import duckdb

from .calls import Call, Connection, DuckDB, connections
from .profiler import AVAILABLE, concerns_profiler
from .recorder import FAMILIAR, LONG_TEXT, SLOW, Parameters
from .route import label
from .versions import VERSION
from .watching import meet
from .writers import enter, leave

MOST_VALUES = 64
LARGEST_VALUES = 1_024
"""Characters or bytes of all the parameters of one run that are kept for measuring."""

# these have done their work when execute returns; others are read by fetching
_DONE = re.compile(
    r"\s*(?:insert|update|delete|merge|truncate|create|drop|alter|comment|copy|begin|start|commit|end|rollback|abort|"
    r"set|reset|use|pragma|attach|detach|checkpoint|vacuum|analyze|load|install|export|import)\b",
    re.IGNORECASE,
)
_SMALL = frozenset({"int", "float", "bool", "NoneType", "date", "datetime", "time", "timedelta", "Decimal", "UUID"})


def begin(connection: DuckDB, query: Any, parameters: Any) -> Call | None:
    """A run that is not profiled; None where the connection is on no product's database."""
    known = connections.get(id(connection)) or meet(connection)
    text = query if type(query) is str else getattr(query, "query", None)
    if known is None or not isinstance(text, str):
        return None
    return start(known, text, kept(parameters))


def start(known: Connection, text: str, parameters: Parameters | None) -> Call | None:
    log = known.log
    if log is None:
        return None
    writing = enter(known, text)
    if (len(log.runs) >= log.quiet or len(text) > LONG_TEXT) and not log.admits(text):
        if writing:  # it runs unseen, and is not waited for
            leave(known, text, failed=False)
        return None
    call = Call()
    call.connection = known
    call.text = text
    call.parameters = parameters
    call.route = label.get()
    call.writing = writing
    call.started_ns = call.begun = perf_counter_ns()
    return call


def has_left(call: Call, *, failed: bool = False) -> None:
    """The statement has ended, whatever becomes of its result."""
    if call.writing:
        call.writing = False
        leave(call.connection, call.text, failed=failed)


def unusual(call: Call, connection: DuckDB, parameters: Any) -> Call | None:
    """The run of a text that has not been seen often, or of which a sample is due, or while many others wait."""
    query, log = call.text, call.connection.log
    text = query if type(query) is str else getattr(query, "query", None)
    if log is None or not isinstance(text, str):
        return None
    if (len(log.runs) >= log.quiet or len(text) > LONG_TEXT) and not log.admits(text):
        has_left(call)  # it runs unseen, and is not waited for
        return None
    call.text = text
    if call.connection.profiler is not None and concerns_profiler(text, whole=False):
        leave_profiler(connection)
    if sample(call, connection) or not log.habits.get(text, 0) & FAMILIAR:
        call.parameters = kept(parameters)
    call.started_ns = call.begun = perf_counter_ns()
    return call


def sample(call: Call, connection: DuckDB) -> bool:
    """Whether the run is one of the sample. It and the first of slow statements are profiled."""
    known = call.connection
    if (log := known.log) is None:
        return False
    due = log.is_due(call.started_ns)
    if due or log.habits.get(call.text, 0) & SLOW:
        call.profiled = known.start_profiler(connection, call.text)
    return due


def leave_profiler(connection: DuckDB) -> None:
    """The product is about to use the profiler itself."""
    if (known := connections.get(id(connection))) is not None:
        profiler = known.leave_profiler_alone()
        if known.call is None:
            profiler.hand_over(connection)


def executed(call: Call, _result: object) -> None:
    known, text = call.connection, call.text
    has_left(call)
    known.leave()
    script = (semicolon := text.find(";")) >= 0 and bool(text[semicolon + 1 :].strip())
    if script or _DONE.match(text) is None:
        known.call = call
        if not script:
            return
    else:
        if AVAILABLE and (connection := known.reference()) is not None and (changed := connection.rowcount) >= 0:
            call.rows = changed
        known.end(call)
    if concerns_profiler(text, whole=script):
        known.leave_profiler_alone()


def done(call: Call, _result: object) -> None:
    """Of what has no result to be read."""
    has_left(call)
    call.pause()
    call.connection.leave()
    call.connection.end(call)


def fetched(call: Call, rows: int | None, last: bool) -> None:
    has_left(call)
    call.spent_ns += perf_counter_ns() - call.begun
    if rows is not None:
        call.rows = rows + (call.rows or 0)
    if last:
        call.reader.release()
        call.connection.end(call)


def failed(call: Call, error: BaseException) -> None:
    has_left(call, failed=True)
    call.pause()
    call.error = type(error).__name__
    reader, known = call.reader, call.connection
    if reader.call is call:
        reader.release()
    elif VERSION < (2, 0) or not isinstance(error, duckdb.ParserException):
        # since 2.0 what does not parse leaves an open result as it is
        reader.leave()
    if call.profiled:
        known.stop_profiler()
    call.profiled = False
    known.end(call)


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
