"""Whether two runs gave the same result, as far as SQL promises one.

Rows are compared as a multiset, values by their text, floats with a tolerance, since parallel sums differ from run to
run. Where a statement orders its rows, the sort keys must come in the same order; what is equal in them may come in
any. Of a result larger than `MOST` only counts are kept: DuckDB hashes the rows without their floats, and sums up
the floats of each column, with weights from the hash, so that a float in another row is noticed.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .gate import ALL, Reading
from .sandbox import Row, Sandbox

MOST = 20_000
TOLERANCE = 1e-9
"""Relative, and absolute to the largest value of a column."""

EQUAL = "equal"
TOLERANT = "equal within tolerance"
OTHER_TYPE = "same values, other type"
DIFFERENT = "different"
UNKNOWN = "unknown"

_FLOATS = ("DOUBLE", "FLOAT")


@dataclass(frozen=True, slots=True)
class Result:
    """`rows` is empty where there are too many of them; `digest` and `sums` are of those."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    count: int
    rows: list[Row]
    digest: int | None = None
    sums: tuple[float, ...] = ()


def result(sandbox: Sandbox, statement: str) -> Result:
    rows = sandbox.first(statement, MOST + 1)
    names = tuple(sandbox.columns())
    if len(rows) <= MOST:
        return Result(names, _types_of(rows, len(names)), len(rows), rows)
    aliases = [f"c{number}" for number in range(len(names))]
    source = f"({statement.rstrip().rstrip(';')}\n) AS counted({', '.join(aliases)})"
    types = [str(kind) for _, kind, *_ in sandbox.rows(f"DESCRIBE SELECT * FROM {source}")]
    floats = [alias for alias, kind in zip(aliases, types, strict=True) if kind in _FLOATS]
    texts = [f"CAST({alias} AS VARCHAR)" for alias in aliases if alias not in floats]
    row = f"hash({', '.join(texts)})" if texts else "0"
    summed = "".join(f", coalesce(sum({one} * (1 + {row} % 1009)), 0), count({one})" for one in floats)
    [(count, digest, *sums)] = sandbox.rows(f"SELECT count(*), sum({row}){summed} FROM {source}")
    return Result(names, tuple(types), count, [], int(digest), tuple(map(float, sums)))


def compare(before: Result, after: Result, reading: Reading) -> str:
    """`reading` is the statement that asked for the order; the answer is EQUAL or another of the words above."""
    if len(before.names) != len(after.names) or before.count != after.count:
        return DIFFERENT if not reading.open_ended else UNKNOWN
    found = _compare_digests(before, after) if before.digest is not None else _compare_rows(before, after, reading)
    if found == DIFFERENT and (reading.open_ended or (reading.limited and _same_order(before, after, reading))):
        return UNKNOWN
    if found != DIFFERENT and before.types != after.types:
        return OTHER_TYPE
    return found


def worst(found: Sequence[str]) -> str:
    """Of several results the least equal."""
    order = [EQUAL, TOLERANT, OTHER_TYPE, UNKNOWN, DIFFERENT]
    return max(found, key=order.index, default=UNKNOWN)


def _compare_digests(before: Result, after: Result) -> str:
    if before.digest != after.digest or len(before.sums) != len(after.sums):
        return DIFFERENT
    if before.sums == after.sums:
        return EQUAL
    return TOLERANT if all(map(_close, before.sums, after.sums)) else DIFFERENT


def _compare_rows(before: Result, after: Result, reading: Reading) -> str:
    if before.rows == after.rows:
        return EQUAL
    in_order = _same_order(before, after, reading)
    if in_order is False:
        return DIFFERENT
    left, right = [tuple(_leaves(row)) for row in before.rows], [tuple(_leaves(row)) for row in after.rows]
    scales = _scales(left)
    if in_order is None:
        # its keys are not in the output: only the very same sequence is known to be in their order
        if all(_alike(one, other, scales) for one, other in zip(left, right, strict=True)):
            return TOLERANT if left != right else EQUAL
        return UNKNOWN if Counter(left) == Counter(right) else DIFFERENT
    if Counter(left) == Counter(right):
        return EQUAL
    pairs = zip(sorted(left, key=_sort_key), sorted(right, key=_sort_key), strict=True)
    return TOLERANT if all(_alike(one, other, scales) for one, other in pairs) else DIFFERENT


def _same_order(before: Result, after: Result, reading: Reading) -> bool | None:
    """Whether the sort keys come in the same sequence; None where they are not all in the output."""
    if reading.order is None:
        return True
    places: list[int] = []
    lower = [name.lower() for name in before.names]
    for key in reading.order:
        if key == ALL:
            places += range(len(lower))
        elif isinstance(key, int) and 1 <= key <= len(lower):
            places.append(key - 1)
        elif isinstance(key, str) and lower.count(key) == 1:
            places.append(lower.index(key))
        else:
            return None
    return all(
        _alike(tuple(_leaves(row[place])), tuple(_leaves(other[place])), {})
        for row, other in zip(before.rows, after.rows, strict=False)
        for place in places
    )


def _leaves(value: Any) -> Iterator[str | float | None]:
    """A value as a flat row of texts and floats, with its nesting."""
    if value is None or isinstance(value, float):
        yield value
    elif isinstance(value, list | tuple):
        yield "["
        for item in value:
            yield from _leaves(item)
        yield "]"
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _leaves(item)
        yield "}"
    else:
        yield str(value)


Leaves = tuple[str | float | None, ...]


def _sort_key(row: Leaves) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Texts first, since floats that are alike need not sort alike."""
    texts = tuple("\0" if leaf is None else leaf for leaf in row if not isinstance(leaf, float))
    return texts, tuple(math.inf if math.isnan(leaf) else leaf for leaf in row if isinstance(leaf, float))


def _scales(rows: Sequence[Leaves]) -> dict[int, float]:
    """The largest float of each place."""
    scales: dict[int, float] = {}
    for row in rows:
        for place, leaf in enumerate(row):
            if isinstance(leaf, float) and math.isfinite(leaf):
                scales[place] = max(scales.get(place, 0.0), abs(leaf))
    return scales


def _alike(row: Leaves, other: Leaves, scales: Mapping[int, float]) -> bool:
    return len(row) == len(other) and all(
        _close(one, two, scales.get(place, 0.0)) if isinstance(one, float) and isinstance(two, float) else one == two
        for place, (one, two) in enumerate(zip(row, other, strict=True))
    )


def _close(one: float, other: float, scale: float = 0.0) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE * scale)


def _types_of(rows: Sequence[Row], width: int) -> tuple[str, ...]:
    """Python's, since DuckDB's are told only from 1.3 on."""
    return tuple(
        "+".join(sorted({type(row[place]).__name__ for row in rows if row[place] is not None}))
        for place in range(width)
    )
