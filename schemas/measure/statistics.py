"""A median with an interval that assumes nothing of the distribution, and what one of a mean takes."""

from collections.abc import Sequence
from math import comb
from statistics import NormalDist, median
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


def t_quantile(free: int) -> float:
    """Of Student's t with so many degrees of freedom: a `CONFIDENCE` interval reaches so many errors to each side.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5; 1.6 % too small at four.
    """
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    return z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
