import re
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from uuid import UUID

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.literal import literal

EAST = timezone(timedelta(hours=5, minutes=30))
SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
    | st.binary()
    | st.dates()
    | st.times()
    | st.datetimes(min_value=datetime(1800, 1, 1))
    | st.datetimes(min_value=datetime(1800, 1, 1), timezones=st.just(EAST))
    | st.timedeltas(min_value=timedelta(days=-90_000), max_value=timedelta(days=90_000))
    | st.uuids()
)
VALUES = SCALARS | st.lists(st.integers(0, 9), min_size=1) | st.fixed_dictionaries({"a'b": SCALARS, "c": st.text("x")})


class Colour(IntEnum):
    RED = 7


class Word(StrEnum):
    IT = "it's"


@settings(max_examples=20000, deadline=None)
@given(VALUES)
def test_a_literal_has_the_value_and_the_type_of_the_parameter(value: object) -> None:
    sql = literal(value)
    as_parameter = duckdb.execute("SELECT typeof($1), $1", [value]).fetchone()
    as_literal = duckdb.execute(f"SELECT typeof({sql}), {sql}").fetchone()
    assert without_width(as_literal) == without_width(as_parameter)


def without_width(row: tuple[str, object] | None) -> tuple[str, object]:
    """Without the digits of decimals: 0.5 has one more as a literal."""
    assert row is not None
    return re.sub(r"DECIMAL\(\d+", "DECIMAL(", row[0]), row[1]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (-5, "-5"),
        (1.5, "1.5e0"),
        (1e300, "1e+300"),
        (float("nan"), "CAST('nan' AS DOUBLE)"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+3"), "1000"),
        ("it's", "'it''s'"),
        (b"a\x00'", "BLOB '\\x61\\x00\\x27'"),
        (date(2024, 3, 5), "DATE '2024-03-05'"),
        (datetime(2024, 3, 5, 1, 2), "TIMESTAMP '2024-03-05 01:02:00'"),
        (datetime(2024, 3, 5, tzinfo=EAST), "TIMESTAMPTZ '2024-03-05 00:00:00+05:30'"),
        (time(1, 2, 3), "TIME '01:02:03'"),
        (time(1, 2, 3, tzinfo=EAST), "TIMETZ '01:02:03+05:30'"),
        (timedelta(days=-1, seconds=2), "INTERVAL '-1 days 2 seconds 0 microseconds'"),
        (UUID(int=5), "UUID '00000000-0000-0000-0000-000000000005'"),
        ([1, None, "a"], "[1, NULL, 'a']"),
        ((1, 2), "[1, 2]"),
        ({"a": 1, "b": [2]}, "{'a': 1, 'b': [2]}"),
        (Colour.RED, "7"),
        (Word.IT, "'it''s'"),
    ],
)
def test_the_literal_of_a_value(value: object, expected: str) -> None:
    assert literal(value) == expected


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, [object()], {"a": object()}, {}, {"key": [1], "value": [2]}, "a\0b", "\ud800", Decimal("nan")],
)
def test_a_value_without_a_literal_has_none(value: object) -> None:
    assert literal(value) is None
