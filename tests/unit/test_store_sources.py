from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from store import sources
from store.batches import Source
from store.sources import Ranges
from tests.store_records import knowledge


@given(st.lists(st.integers(0, 30)))
def test_ranges_are_a_set_kept_as_few_merged_pairs(numbers: list[int]) -> None:
    ranges, model = Ranges(), set[int]()
    for number in numbers:
        assert ranges.add(number) is (number not in model)
        model.add(number)
    found = list(ranges)
    assert [number for first, last in found for number in range(first, last + 1)] == sorted(model)
    assert all(after[0] > before[1] + 1 for before, after in pairwise(found))


def test_what_came_before_is_known_again_in_the_next_transaction() -> None:
    file = knowledge(Path(":memory:"))
    with file.transaction() as tx:
        assert sources.apply(tx, [Source("a", 0, 0), Source("a", 0, 1), Source("b", 0, 1)]) == [True, True, True]
    with file.transaction() as tx:
        assert sources.apply(tx, [Source("a", 0, 1), Source("a", 1, 1), Source("a", 0, 2)]) == [False, True, True]
        assert tx.execute("FROM applied_sources ORDER BY ALL").fetchall() == [
            ("a", 0, 0, 2),
            ("a", 1, 1, 1),
            ("b", 0, 1, 1),
        ]


def test_gaps_that_never_close_are_bounded_and_the_newest_ranges_stay_apart() -> None:
    file = knowledge(Path(":memory:"))
    with file.transaction() as tx:
        sources.apply(tx, [Source("a", 0, 2 * number) for number in range(10)])
        sources.close_gaps(tx, 3)
        assert tx.execute("FROM applied_sources ORDER BY ALL").fetchall() == [
            ("a", 0, 0, 14),
            ("a", 0, 16, 16),
            ("a", 0, 18, 18),
        ]
        assert sources.apply(tx, [Source("a", 0, 3), Source("a", 0, 17)]) == [False, True]
