"""Python values as SQL literals, of the types that DuckDB gives them as parameters (a DECIMAL may be a digit wider)."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID


def literal(value: object) -> str | None:
    """None for a value of a type that is not known here, and for one that no literal can hold.

    Lists and tuples are lists, dictionaries are structs.
    """
    render = _RENDERERS.get(type(value))
    if render is None:  # a number of numpy, a member of an IntEnum or StrEnum
        render = next((_RENDERERS[base] for base in (int, float, str) if isinstance(value, base)), None)
    return None if render is None else render(value)


def _float(value: float) -> str:
    digits = float.__repr__(value)
    if not isfinite(value):
        return f"CAST('{digits}' AS DOUBLE)"
    return digits if "e" in digits else digits + "e0"  # without an exponent it would be a DECIMAL


def _decimal(value: Decimal) -> str | None:
    return format(value, "f") if value.is_finite() else None


def _string(value: str) -> str | None:
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        return None
    return "'" + str.replace(value, "'", "''") + "'"


def _bytes(value: bytes | bytearray) -> str:
    return "BLOB '" + "".join(f"\\x{byte:02X}" for byte in value) + "'"


def _datetime(value: datetime) -> str:
    return f"{'TIMESTAMPTZ' if value.tzinfo else 'TIMESTAMP'} '{value.isoformat(' ')}'"


def _time(value: time) -> str:
    return f"{'TIMETZ' if value.tzinfo else 'TIME'} '{value.isoformat()}'"


def _interval(value: timedelta) -> str:
    return f"INTERVAL '{value.days} days {value.seconds} seconds {value.microseconds} microseconds'"


def _list(value: list[object] | tuple[object, ...]) -> str | None:
    items = [text for item in value if (text := literal(item)) is not None]
    return "[" + ", ".join(items) + "]" if len(items) == len(value) else None


def _struct(value: dict[object, object]) -> str | None:
    if not value or value.keys() == {"key", "value"}:  # DuckDB makes a MAP of these
        return None
    fields = []
    for name, item in value.items():
        key, text = literal(str(name)), literal(item)
        if key is None or text is None:
            return None
        fields.append(f"{key}: {text}")
    return "{" + ", ".join(fields) + "}"


_RENDERERS: dict[type, Callable[[Any], str | None]] = {
    type(None): lambda _: "NULL",
    bool: lambda value: "TRUE" if value else "FALSE",
    int: int.__repr__,
    float: _float,
    Decimal: _decimal,
    str: _string,
    bytes: _bytes,
    bytearray: _bytes,
    date: lambda value: f"DATE '{value.isoformat()}'",
    datetime: _datetime,
    time: _time,
    timedelta: _interval,
    UUID: lambda value: f"UUID '{value}'",
    list: _list,
    tuple: _list,
    dict: _struct,
}
