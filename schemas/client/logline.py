"""One line of a log that a product in another language writes: a JSON object that tells of one run.

============ ========================================================================================================
statement    as the product ran it, with its literals; also `query` or `sql`
parameters   of its placeholders, a list or an object: for measuring alone, they go nowhere else
time         of the call, ISO 8601, UTC where it names no zone; also `timestamp`; without it, when the line was read
latency_us   from the call to the last row fetched; or `latency_ms`; without it the run counts and weighs nothing
rows         fetched, or changed by a write
error        the class of the error, one word; also `error_class`; of a message no more is taken than its class
route        a label of the caller's, without data
dropped      runs that the product lost since the line before
============ ========================================================================================================

All but `statement` may be left out or null, and other names are ignored. Latencies, rows and times that cannot be
are brought inside what can, as the agent `observe` does with what records claim.
"""

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from ..errors import RecordError
from .capture import kept
from .recorder import Run

NAMES = {
    "statement": ("statement", "query", "sql"),
    "time": ("time", "timestamp"),
    "error": ("error_class", "error"),
    "frequency": ("frequency", "count", "calls"),
}
AHEAD_US = 300_000_000
BEHIND_US = 7 * 86_400_000_000
"""A run may claim to be so much later or earlier than now."""
LARGEST_LATENCY_US = 86_400_000_000
LARGEST_COUNT = 2**40
LONGEST = 200
"""Characters of a route or a class."""
NO_CLASS = "Error"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLASS = r"(?:[A-Za-z_]\w*(?:\.|::))*[A-Z]\w*"
_A_CLASS = re.compile(_CLASS, re.ASCII)
_CLASS_OF_MESSAGE = re.compile(rf"({_CLASS}(?:Error|Exception)|Error|Exception): ", re.ASCII)
_OF_DUCKDB = {
    "Binder": "BinderException",
    "Catalog": "CatalogException",
    "Connection": "ConnectionException",
    "Constraint": "ConstraintException",
    "Conversion": "ConversionException",
    "Dependency": "DependencyException",
    "FATAL": "FatalException",
    "HTTP": "HTTPException",
    "INTERNAL": "InternalException",
    "INTERRUPT": "InterruptException",
    "IO": "IOException",
    "Invalid Input": "InvalidInputException",
    "Invalid type": "InvalidTypeException",
    "Mismatch Type": "TypeMismatchException",
    "Not implemented": "NotImplementedException",
    "Out of Memory": "OutOfMemoryException",
    "Out of Range": "OutOfRangeException",
    "Parser": "ParserException",
    "Permission": "PermissionException",
    "Resource In Use": "ResourceInUseException",
    "Sequence": "SequenceException",
    "Serialization": "SerializationException",
    "Syntax": "SyntaxException",
    "TransactionContext": "TransactionException",
}
"""How DuckDB begins a message, before " Error", and the class by which our client knows the same in Python."""
_MESSAGE_OF_DUCKDB = re.compile(rf"({'|'.join(_OF_DUCKDB)}) Error(?:: |$)")


def read(line: bytes, database: str, now_us: int) -> tuple[Run, int]:
    """The run, and how many the product lost before it. Raises RecordError, whose message holds nothing of the line."""
    values = _object(line)
    if _inside(_named(values, "frequency", 1), "frequency", LARGEST_COUNT) != 1:
        raise RecordError("it stands for several runs: write a line for each, or give the file to `sidecar analyze`")
    text = _named(values, "statement")
    if not isinstance(text, str) or not text.strip():
        raise RecordError("it has no statement")
    run = Run()
    run.database = database
    run.text = text
    run.parameters = kept(values.get("parameters"))
    run.time_us = _time_us(_named(values, "time"), now_us)
    run.spent_ns = round(_latency_us(values)) * 1000
    run.rows = _rows(values.get("rows"))
    run.error = _error_class(_named(values, "error"))
    run.route = str(values["route"])[:LONGEST] if values.get("route") else None
    return run, int(_inside(_named(values, "dropped", 0), "dropped", LARGEST_COUNT))


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise RecordError("it is no JSON") from None
    if not isinstance(found, dict):
        raise RecordError("it is no JSON object")
    return found


def _named(values: Mapping[str, Any], name: str, absent: object = None) -> Any:
    """The value under the first of its names that has one."""
    found = (values[one] for one in NAMES.get(name, (name,)) if values.get(one) is not None)
    return next(found, absent)


def _time_us(value: object, now_us: int) -> int:
    if value is None:
        return now_us
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        raise RecordError("its time is not ISO 8601") from None
    at = (time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH
    at_us = at // timedelta(microseconds=1)
    return at_us if now_us - BEHIND_US <= at_us <= now_us + AHEAD_US else now_us


def _latency_us(values: Mapping[str, Any]) -> float:
    if values.get("latency_us") is not None:
        return _inside(values["latency_us"], "latency_us", LARGEST_LATENCY_US)
    return _inside(_named(values, "latency_ms", 0), "latency_ms", LARGEST_LATENCY_US / 1000) * 1000


def _rows(value: object) -> int | None:
    """Of many a driver -1 says that it does not know."""
    rows = -1 if value is None else _number(value, "rows")
    return None if rows < 0 else int(min(rows, LARGEST_COUNT))


def _error_class(value: object) -> str | None:
    """A message may hold data, such as the value that could not be converted: its words are not let through."""
    if not value:
        return None
    if not isinstance(value, str):
        return NO_CLASS
    if of_duckdb := _MESSAGE_OF_DUCKDB.match(value):
        return _OF_DUCKDB[of_duckdb[1]]
    if _A_CLASS.fullmatch(value):
        return value[:LONGEST]
    found = _CLASS_OF_MESSAGE.match(value)
    return NO_CLASS if found is None else found[1][:LONGEST]


def _inside(value: object, name: str, largest: float) -> float:
    return max(0.0, min(_number(value, name), largest))


def _number(value: object, name: str) -> float:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        # json reads NaN and Infinity, and float the same words in a string
        with suppress(ValueError, OverflowError):
            if math.isfinite(number := float(value)):
                return number
    raise RecordError(f"its {name} is no number")
