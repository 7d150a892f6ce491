from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.measure import equality
from schemas.measure.equality import DIFFERENT, EQUAL, OTHER_TYPE, TOLERANT, UNKNOWN, Result, compare, result, worst
from schemas.measure.gate import ALL, Gate, Reading
from schemas.measure.sandbox import Sandbox
from tests.jobs import clone

PLAIN = Reading(frozenset(), None, limited=False, open_ended=False)


def ordered(*keys: str | int, limited: bool = False) -> Reading:
    return Reading(frozenset(), keys, limited=limited, open_ended=False)


def of(*rows: tuple[Any, ...], names: tuple[str, ...] = ("a", "b", "c")) -> Result:
    width = len(rows[0]) if rows else 1
    return Result(names[:width], equality._types_of(rows, width), len(rows), list(rows))


@pytest.mark.parametrize(
    ("before", "after", "reading", "found"),
    [
        (of((1, "x"), (2, "y")), of((2, "y"), (1, "x")), PLAIN, EQUAL),
        (of((1,), (1,), (2,)), of((1,), (2,), (2,)), PLAIN, DIFFERENT),
        (of((1,)), of((1,), (1,)), PLAIN, DIFFERENT),
        (of((1, "x")), of((1,)), PLAIN, DIFFERENT),
        (of((None,)), of(("",)), PLAIN, DIFFERENT),
        (of(("5",)), of((5,)), PLAIN, OTHER_TYPE),
        (of(("2020-01-02",)), of((date(2020, 1, 2),)), PLAIN, OTHER_TYPE),
        (of(("007",)), of((7,)), PLAIN, DIFFERENT),
        (of((Decimal("1.50"),)), of((Decimal("1.5"),)), PLAIN, EQUAL),
        (of((0.1 + 0.2,)), of((0.3,)), PLAIN, TOLERANT),
        (of((1.0,)), of((1.0001,)), PLAIN, DIFFERENT),
        (of((float("nan"),)), of((float("nan"),)), PLAIN, TOLERANT),
        (of(("a", 0.3), ("b", 0.3)), of(("b", 0.1 + 0.2), ("a", 0.1 + 0.2)), PLAIN, TOLERANT),
        (of(("a", 1.0), ("b", 2.0)), of(("a", 2.0), ("b", 1.0)), PLAIN, DIFFERENT),
        (of((1e12, 1.0)), of((1e12, 1.5)), PLAIN, DIFFERENT),
        (of(([1.0, {"k": 0.3}],)), of(([1.0, {"k": 0.1 + 0.2}],)), PLAIN, TOLERANT),
        (of(([1, 2], 3)), of(([1], [2, 3])), PLAIN, DIFFERENT),
        (of((1, "x"), (2, "y")), of((2, "y"), (1, "x")), ordered("a"), DIFFERENT),
        (of((1, "x"), (1, "y")), of((1, "y"), (1, "x")), ordered("a"), EQUAL),
        (of((1, "x"), (1, "y")), of((1, "y"), (1, "x")), ordered(2), DIFFERENT),
        (of((1, "x"), (1, "y")), of((1, "y"), (1, "x")), ordered(ALL), DIFFERENT),
        (of((1, "x"), (1, "y")), of((1, "y"), (1, "x")), ordered(""), UNKNOWN),
        (of((1, "x"), (1, "y")), of((1, "x"), (1, "y")), ordered(""), EQUAL),
        (of((0.3, "x"), (1.0, "y")), of((0.1 + 0.2, "x"), (1.0, "y")), ordered(""), TOLERANT),
        (of((1, "x"), (2, "y")), of((1, "x"), (2, "z")), ordered("a", limited=True), UNKNOWN),
        (of((1, "x"), (2, "y")), of((1, "x"), (3, "y")), ordered("a", limited=True), DIFFERENT),
        (of((1,)), of((2,)), Reading(frozenset(), None, limited=True, open_ended=False), UNKNOWN),
        (of((1,)), of((2,)), Reading(frozenset(), None, limited=False, open_ended=True), UNKNOWN),
    ],
)
def test_two_results_compare_as(before: Result, after: Result, reading: Reading, found: str) -> None:
    assert compare(before, after, reading) == found


def test_of_several_comparisons_the_worst_counts() -> None:
    assert [worst([EQUAL, TOLERANT]), worst([UNKNOWN, OTHER_TYPE]), worst([DIFFERENT, UNKNOWN])] == [
        TOLERANT,
        UNKNOWN,
        DIFFERENT,
    ]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    file = clone(
        tmp_path,
        """CREATE TABLE t AS SELECT range AS id, range % 7 AS g, range / 7 AS f, range::VARCHAR AS s FROM range(50000);
        CREATE TABLE shuffled AS SELECT id, g, f, id AS s FROM t ORDER BY hash(id);
        CREATE TABLE wrong AS SELECT id, g, CASE id WHEN 7 THEN 1.5 ELSE f END AS f, s FROM t""",
    )
    found = Sandbox(
        file, "shop", read_only=True, threads=2, memory_bytes=2**29, settings={}, scratch=tmp_path / "scratch"
    )
    yield found
    found.close()


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("SELECT id, g FROM t", "SELECT id, g FROM shuffled", EQUAL),
        ("SELECT id, f FROM t", "SELECT id, f + id * 1e-12 FROM shuffled", TOLERANT),
        ("SELECT id, s FROM t", "SELECT id, s FROM shuffled", OTHER_TYPE),
        ("SELECT id, f FROM t", "SELECT id, f FROM wrong", DIFFERENT),
        ("SELECT id, f FROM t", "SELECT 49999 - id, f FROM t", DIFFERENT),
        ("SELECT id, g FROM t", "SELECT id, g + (id = 9)::INT FROM t", DIFFERENT),
        ("SELECT id FROM t", "SELECT id FROM t LIMIT 49999", DIFFERENT),
        ("SELECT id, id FROM t -- twice", "SELECT id, id FROM shuffled;", EQUAL),
    ],
)
def test_large_results_are_compared_within_duckdb(sandbox: Sandbox, before: str, after: str, found: str) -> None:
    first, second = result(sandbox, before), result(sandbox, after)
    assert (first.rows, second.rows) == ([], [])
    assert compare(first, second, PLAIN) == found


def test_the_order_of_a_statement_is_read_from_duckdbs_own_tree(sandbox: Sandbox) -> None:
    orders = {
        "SELECT id FROM t": None,
        "SELECT id, g AS n FROM t ORDER BY 2 DESC, ID, n": (2, "id", "n"),
        "SELECT g, sum(f) FROM t GROUP BY g ORDER BY sum( f )": (2,),
        "SELECT *, f + 1 FROM t ORDER BY f + 1": ("",),
        "SELECT g FROM t ORDER BY ALL": (ALL,),
        "SELECT g FROM (SELECT g FROM t ORDER BY id)": None,
    }
    gate = Gate(sandbox)
    assert {text: gate.reading(text).order for text in orders} == orders


def test_what_sql_leaves_open_is_known(sandbox: Sandbox) -> None:
    texts = {
        "SELECT id FROM t": (False, False),
        "SELECT id FROM t LIMIT 3": (True, False),
        "SELECT row_number() OVER (ORDER BY g) FROM t": (False, True),
        "SELECT first(id) FROM t": (False, True),
        "SELECT DISTINCT ON (g) id FROM t": (False, True),
        "SELECT id FROM t USING SAMPLE 10": (False, True),
        "SELECT DISTINCT g FROM t": (False, False),
    }
    gate = Gate(sandbox)
    found = {text: gate.reading(text) for text in texts}
    assert {text: (one.limited, one.open_ended) for text, one in found.items()} == texts
