"""A median with an interval that assumes nothing of the distribution."""

from collections.abc import Sequence
from math import comb
from statistics import median
from typing import NamedTuple

CONFIDENCE = 0.95


class Interval(NamedTuple):
    median: float
    low: float
    high: float


UNCHANGED = Interval(1.0, 1.0, 1.0)


def median_interval(values: Sequence[float]) -> Interval:
    """The interval lies between two order statistics and holds the true median with at least `CONFIDENCE`.

    Below six values, which cannot reach that, it is their whole range. Source: the interval of the sign test, W. J.
    Conover, Practical Nonparametric Statistics, 3rd edition, 1999, section 3.2.
    """
    ordered = sorted(values)
    count = len(ordered)
    cut, tail = 0, 0.0
    while (tail := tail + comb(count, cut) / 2**count) <= (1 - CONFIDENCE) / 2:
        cut += 1
    cut = max(cut - 1, 0)
    return Interval(median(ordered), ordered[cut], ordered[count - 1 - cut])
