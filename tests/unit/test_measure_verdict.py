from collections.abc import Sequence

import pytest

from schemas.measure.queries import Query
from schemas.measure.timing import Clock, Run, Samples
from schemas.measure.verdict import judge, saved_s, total
from tests.jobs import known

ROUNDS = 9


def query(number: int, count: int = 1) -> Query:
    shape = known(f"SELECT a{number} FROM t", count)[0]
    return Query(shape, (), {}, (), "equal", 0.0)


def samples(before: Sequence[float], after: Sequence[float], again: Sequence[float] | None = None) -> Samples:
    """Milliseconds, repeated to `ROUNDS` rounds; processor time is always a tenth of the clock's."""

    def runs(values: Sequence[float]) -> list[Run]:
        return [Run(values[n % len(values)] / 1000, values[n % len(values)] / 10_000) for n in range(ROUNDS)]

    return Samples(runs(before), runs(again or before), runs(after))


def verdict(*pairs: tuple[int, Samples], clock: Clock = "wall") -> str:
    queries = [query(number, count) for number, (count, _) in enumerate(pairs)]
    found = {one.fingerprint: mine for one, (_, mine) in zip(queries, pairs, strict=True)}
    return judge(total(queries, found, clock), saved_s(queries, found, clock))[0]


@pytest.mark.parametrize(
    ("before", "after", "again", "found"),
    [
        ([10], [5], None, "gain"),
        ([10], [8.4], None, "no gain"),
        ([10], [8.3], None, "gain"),
        ([1], [0.1], None, "no gain"),
        ([1.2], [0.1], None, "gain"),
        ([10], [10], None, "no gain"),
        ([10], [13], None, "harm"),
        ([10], [11], None, "no gain"),
        ([10], [5], [9], "inconclusive"),
        ([10], [5], [11.2], "inconclusive"),
        ([10, 20, 10], [8, 8, 8], [10, 10, 20], "inconclusive"),
        ([9.5], [6, 6, 10], [10], "inconclusive"),
        ([10, 20, 10], [1, 1, 1], [10, 10, 20], "gain"),
    ],
)
def test_one_query_is_judged(before: list[float], after: list[float], again: list[float] | None, found: str) -> None:
    assert verdict((1, samples(before, after, again))) == found


def test_the_whole_workload_weighs() -> None:
    """A gain of 12x in one of a thousand runs is none; and it is harm where others lose."""
    gains, stays, loses = samples([120], [10]), samples([100], [100]), samples([10], [120])
    assert verdict((1, gains), (1000, stays)) == "no gain"
    assert verdict((1000, gains), (1000, stays)) == "gain"
    assert verdict((100, gains), (1000, loses)) == "harm"


def test_it_saves_in_the_queries_that_become_faster_not_in_all() -> None:
    """27 ms in one of fifty runs, beside others of half a millisecond that it does not touch."""
    assert verdict((1, samples([30], [3])), (49, samples([0.5], [0.5]))) == "gain"


def test_processor_time_is_judged_by_itself() -> None:
    assert verdict((1, samples([50], [10])), clock="wall") == "gain"
    assert verdict((1, samples([5], [1])), clock="cpu") == "no gain"


def test_what_disturbs_one_round_stays_in_it() -> None:
    disturbed = samples([10, 10, 10, 10, 10, 10, 10, 10, 500], [5], [10])
    found = total([query(0)], {query(0).fingerprint: disturbed}, "wall")
    assert (found.ratio.median, found.ratio.low, found.ratio.high) == (2.0, 2.0, 2.0)
