"""What came of a change, against what was promised: differences in differences, tested as they come.

Time after a change is cut into slots. Of each slot there is a shift: how much slower than before its runs were of the
queries that the change affects (the logarithm of the ratio, each query weighted by the time that it took before),
less the same of the queries that it does not, in the same slot. What slows the machine slows both, and cancels out.

The test is sequential: it may be looked at after every slot. Under the hypothesis that nothing became better by more
than `MATERIAL`, a slot lies beyond that with probability 1/2 at most, whatever the distribution of latencies, so that
an outlier counts as one slot and no more. The likelihood ratio of "more often than that", averaged over all
probabilities from 1/2 to 1, one half of the weight on 1 ("always"), is then a test martingale, and exceeds 1/a at any
time with probability a at most (Ville 1939; Robbins, Annals of Mathematical Statistics 41 (1970)). That half tells a
change that shows in every slot after six of them. The same the other way for worse. Slots are taken for independent,
which a minute's disturbance of the affected queries alone is not: they are long for that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, exp, lgamma, log, sqrt
from typing import Literal

from schemas.measure.statistics import Interval, median_interval, t_quantile

MATERIAL = log(1.05)
"""A shift of less is none."""
LEAST = 6
"""Slots for a 95 % interval of their median."""
ERROR_RATE = 0.05
"""With which a change that made nothing better or worse is ever called so, in either direction together."""

LARGEST = 700.0
"""Logarithm of the most that a float can say."""

Verdict = Literal["confirmed", "worse", "open"]


@dataclass(frozen=True, slots=True)
class Came:
    """`speedup` is before / after: the median slot with its 95 % interval, 1 where there is no slot.

    `as_promised` is whether the interval reaches the promise's; None without a promise or without enough slots for
    an interval.
    """

    verdict: Verdict
    speedup: float
    low: float
    high: float
    slots: int
    as_promised: bool | None


def judge(shifts: Sequence[float], promised_low: float | None) -> Came:
    """`shifts` are those of the slots so far, logarithms, negative where it became faster."""
    if not shifts:
        return Came("open", 1.0, 1.0, 1.0, 0, None)
    better = evidence(sum(shift < -MATERIAL for shift in shifts), len(shifts))
    worse = evidence(sum(shift > MATERIAL for shift in shifts), len(shifts))
    enough = 2 / ERROR_RATE
    verdict: Verdict = "confirmed" if better >= enough else "worse" if worse >= enough else "open"
    faster = median_interval([-shift for shift in shifts])
    kept = None if promised_low is None or len(shifts) < LEAST else exp(faster.high) >= promised_low
    return Came(verdict, exp(faster.median), exp(faster.low), exp(faster.high), len(shifts), kept)


def time_ratio(slots: Sequence[tuple[int, int, int, int]]) -> Interval | None:
    """Before / after of the time that all runs took together, against the others; None with fewer than `LEAST` slots.

    Of each slot the time that its affected runs took and would have taken before, and the same of the others. Unlike
    `judge` it is a ratio of sums, by which seconds can be counted: of a query that became ten times as fast beside one
    that stayed, the median of logarithms says more than was saved. An outlier moves it, and widens its interval.

    That is the logarithm's by the jackknife over slots (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
    chapter 11), with the quantile of Student's t.
    """
    count = len(slots)
    if count < LEAST:
        return None
    sums = [sum(column) for column in zip(*slots, strict=True)]
    left_out = [_log_ratio([a - b for a, b in zip(sums, slot, strict=True)]) for slot in slots]
    mean = sum(left_out) / count
    error = sqrt((count - 1) / count * sum((one - mean) ** 2 for one in left_out))
    quantile = t_quantile(count - 1)
    middle = _log_ratio(sums)
    return Interval(exp(middle), exp(middle - quantile * error), exp(middle + quantile * error))


def _log_ratio(sums: Sequence[int]) -> float:
    took, before, others_took, others_before = (log(max(1, one)) for one in sums)
    return before - took - (others_before - others_took)


def evidence(beyond: int, slots: int) -> float:
    """The averaged likelihood ratio: half of 2^n where k is n, and half of the mean of (2p)^k (2 (1-p))^(n-k).

    The mean is over p from 1/2 to 1, and so twice the integral.
    """
    k, n = beyond, slots
    # the incomplete beta function with whole numbers is a binomial tail
    tail = log(sum(comb(n + 1, i) for i in range(k + 1))) - (n + 1) * log(2)
    whole = lgamma(k + 1) + lgamma(n - k + 1) - lgamma(n + 2)
    averaged = exp(min(LARGEST, n * log(2) + whole + tail))
    return averaged + (exp(min(LARGEST, (n - 1) * log(2))) if k == n else 0.0)
