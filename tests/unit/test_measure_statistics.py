import math
from itertools import product

import pytest

from schemas.measure.statistics import CONFIDENCE, median_interval, t_quantile


@pytest.mark.parametrize(
    ("count", "low", "high"), [(1, 0, 0), (5, 0, 4), (8, 0, 7), (9, 1, 7), (12, 2, 9), (25, 7, 17)]
)
def test_the_interval_lies_between_these_order_statistics(count: int, low: int, high: int) -> None:
    found = median_interval([float(value) for value in reversed(range(count))])
    assert (found.low, found.high) == (low, high)


@pytest.mark.parametrize("count", range(6, 15))
def test_it_holds_the_true_median_as_often_as_promised_and_a_narrower_one_would_not(count: int) -> None:
    """Over all 2^n equally likely ways for values to fall below and above it."""

    def coverage(cut: int) -> float:
        covered = sum(cut < sum(signs) < count - cut for signs in product((0, 1), repeat=count))
        return covered / 2**count

    cut = round(median_interval([float(value) for value in range(count)]).low)
    assert coverage(cut) >= CONFIDENCE > coverage(cut + 1)


def test_one_outlier_does_not_move_it() -> None:
    steady = [1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 1.01, 0.99, 1.0]
    found = median_interval([*steady[:-1], math.inf])
    assert (found.median, found.high) == (1.0, 1.02)


@pytest.mark.parametrize(("free", "tabled", "off"), [(4, 2.776, 0.017), (10, 2.228, 0.002), (100, 1.984, 0.0003)])
def test_the_quantile_of_students_t_is_that_of_the_tables(free: int, tabled: float, off: float) -> None:
    assert t_quantile(free) == pytest.approx(tabled, rel=off)
