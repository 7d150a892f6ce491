"""execute, fetchall and fetchone, which a product calls a thousand times a second.

DuckDB leaves the processor's caches without any of our code in them, so that each function called here costs about
as much as ten lines: what is usual is written flat, and all else is left to `capture`.
"""

from time import perf_counter_ns
from typing import Any

from . import capture, watching, writers
from .calls import Call, connections
from .recorder import FAMILIAR
from .route import label as route_label
from .wrapper import Function, below_ours, spared


def execute(original: Function) -> Function:
    known_at, label, clock, new, usual = connections.get, route_label.get, perf_counter_ns, Call, FAMILIAR
    meet, unusual, executed, failed = watching.meet, capture.unusual, capture.executed, capture.failed
    spare, below, enter, leave = spared, below_ours, writers.enter, writers.leave

    def wrapper(self: Any, query: Any, parameters: Any = None) -> Any:
        call = None
        writes = False
        try:
            known = known_at(id(self)) or meet(self)
            if known is not None and (log := known.log) is not None:
                if type(query) is not str or query[:6] != "SELECT" or ";" in query:
                    writes = enter(known, query)
                call = new()
                call.connection = known
                call.text = query
                if (route := label()) is not None:
                    call.route = route
                call.started_ns = begun = clock()
                if log.habits.get(query) != usual or begun >= log.due_ns or len(log.runs) >= log.quiet:
                    call = unusual(call, self, parameters)
        except Exception as fault:  # noqa: BLE001 - the product's call goes on whatever breaks in ours
            call = spare(fault)
        try:
            result = original(self, query, parameters)
        except BaseException as error:
            if writes and known is not None:
                leave(known, query, failed=True)
            if call is not None:
                try:
                    call.begun = call.started_ns
                    failed(call, error)
                except Exception as fault:  # noqa: BLE001
                    spare(fault)
            error.__traceback__ = below(error.__traceback__)
            raise
        if writes and known is not None:
            leave(known, query, failed=False)
        if call is not None and known is not None:
            try:
                call.spent_ns = clock() - call.started_ns
                if known.call is not None:
                    known.leave()
                if call.text[:6] == "SELECT":
                    known.call = call
                else:
                    executed(call, result)
            except Exception as fault:  # noqa: BLE001
                spare(fault)
        return result

    return wrapper


def fetchall(original: Function) -> Function:
    known_at, clock, failed, spare, below = connections.get, perf_counter_ns, capture.failed, spared, below_ours

    def wrapper(self: Any) -> Any:
        known = known_at(id(self))
        call = None if known is None else known.call
        begun = clock()
        try:
            rows = original(self)
        except BaseException as error:
            if call is not None:
                try:
                    call.begun = begun
                    failed(call, error)
                except Exception as fault:  # noqa: BLE001 - the product's call goes on whatever breaks in ours
                    spare(fault)
            error.__traceback__ = below(error.__traceback__)
            raise
        if call is not None and known is not None:
            try:
                call.spent_ns += clock() - begun
                call.rows = len(rows) + (call.rows or 0)
                known.call = known.held = None
                if call.profiled or (log := known.log) is None:
                    known.end(call)
                else:
                    call.database = known.database
                    log.runs.append(call)
            except Exception as fault:  # noqa: BLE001
                spare(fault)
        return rows

    return wrapper


def fetchone(original: Function) -> Function:
    known_at, clock, failed, spare, below = connections.get, perf_counter_ns, capture.failed, spared, below_ours

    def wrapper(self: Any) -> Any:
        known = known_at(id(self))
        call = None if known is None else known.call
        begun = clock()
        try:
            row = original(self)
        except BaseException as error:
            if call is not None:
                try:
                    call.begun = begun
                    failed(call, error)
                except Exception as fault:  # noqa: BLE001 - the product's call goes on whatever breaks in ours
                    spare(fault)
            error.__traceback__ = below(error.__traceback__)
            raise
        if call is not None and known is not None:
            try:
                call.spent_ns += clock() - begun
                if row is None:
                    known.call = known.held = None
                    known.end(call)
                else:
                    call.rows = 1 + (call.rows or 0)
            except Exception as fault:  # noqa: BLE001
                spare(fault)
        return row

    return wrapper
