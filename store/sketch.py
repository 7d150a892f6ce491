"""Latencies as a DDSketch: quantiles within 1 %, merged in any order with the same result.

Source: Masson, Rim, Lee, "DDSketch", PVLDB 12 (2019). The mapping is the `ddsketch` library's; the bins are
kept as integers. Values are clamped to a day, so that 1,300 bins bound every sketch.
"""

from collections import Counter
from collections.abc import Iterable

from ddsketch.mapping import LogarithmicMapping

from schemas.records import Sketch

RELATIVE_ACCURACY = 0.01
LARGEST_US = 86_400_000_000
MAPPING = LogarithmicMapping(RELATIVE_ACCURACY)


def sketch(values_us: Iterable[int]) -> Sketch:
    zero = 0
    bins: Counter[int] = Counter()
    for value in values_us:
        if value <= 0:
            zero += 1
        else:
            bins[MAPPING.key(min(value, LARGEST_US))] += 1
    keys = sorted(bins)
    return Sketch(zero=zero, keys=keys, counts=[bins[key] for key in keys])


def quantile(of: Sketch, q: float) -> int:
    """Microseconds, within 1 %; 0 for an empty sketch."""
    rank = q * (of.zero + sum(of.counts) - 1)
    seen = of.zero
    if rank < seen or not of.keys:
        return 0
    for key, count in zip(of.keys, of.counts, strict=True):
        seen += count
        if seen > rank:
            return round(MAPPING.value(key))
    return round(MAPPING.value(of.keys[-1]))
