"""When a difference is a gain: beyond what the unchanged statements differ from themselves, and worth having."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .queries import Query
from .statistics import Interval, median_interval
from .timing import Clock, Samples

AA_LOW, AA_HIGH = 0.90, 1.09
"""Where the median ratio of identical statements stays, interleaved, on a machine that is quiet enough."""
LEAST_GAIN = 1.20
LEAST_SAVED_S = 0.001
"""In a mean run of the queries that became faster."""

GAIN, NO_GAIN, HARM = "gain", "no gain", "harm"
DIFFERENT_RESULTS, INCONCLUSIVE = "different results", "inconclusive"
NOT_MEASURABLE, NOT_REACHED = "not measurable", "not reached"


@dataclass(frozen=True, slots=True)
class Total:
    """Over the affected queries, each as often as it ran: before / after, and before / before."""

    ratio: Interval
    own: Interval
    before_s: float
    after_s: float
    """Of all runs of the window, medians."""

    @property
    def steady(self) -> bool:
        return AA_LOW <= self.own.median <= AA_HIGH


def total(queries: Sequence[Query], samples: Mapping[str, Samples], clock: Clock) -> Total:
    """Round by round, so that what disturbed one round stays in it."""
    rounds = min(len(samples[query.fingerprint].before) for query in queries)
    before, again, after = (
        [
            sum(query.weight * getattr(samples[query.fingerprint], name)[number].of(clock) for query in queries)
            for number in range(rounds)
        ]
        for name in ("before", "again", "after")
    )
    means = [(one + two) / 2 for one, two in zip(before, again, strict=True)]
    return Total(
        ratio=median_interval([mean / max(new, 1e-9) for mean, new in zip(means, after, strict=True)]),
        own=median_interval([one / max(two, 1e-9) for one, two in zip(before, again, strict=True)]),
        before_s=median_interval(means).median,
        after_s=median_interval(after).median,
    )


def saved_s(queries: Sequence[Query], samples: Mapping[str, Samples], clock: Clock) -> float:
    """In a mean run of those queries that became faster; 0 where none did."""
    saved, runs = 0.0, 0
    for query in queries:
        mine = samples[query.fingerprint]
        if median_interval(mine.ratios(clock)).median >= LEAST_GAIN:
            before = median_interval([run.of(clock) for run in mine.before + mine.again]).median
            after = median_interval([run.of(clock) for run in mine.after]).median
            saved += query.weight * (before - after)
            runs += query.weight
    return saved / runs if runs else 0.0


def judge(found: Total, saved: float) -> tuple[str, str]:
    """The verdict on the reading queries, with its reason."""
    ratio, own = found.ratio, found.own
    figures = f"{ratio.median:.2f}x ({ratio.low:.2f} to {ratio.high:.2f})"
    if not found.steady:
        return INCONCLUSIVE, f"the unchanged queries differed from themselves by {own.median:.2f}x: the machine is busy"
    if ratio.median >= LEAST_GAIN:
        if ratio.low <= (reached := max(own.high, 1.0)):
            return INCONCLUSIVE, f"{figures} lies within the {reached:.2f}x that the unchanged queries reach themselves"
        if saved < LEAST_SAVED_S:
            return NO_GAIN, f"{figures}, but it saves only {saved * 1000:.2f} ms a run"
        return GAIN, f"{figures} over the affected queries"
    if ratio.median <= 1 / LEAST_GAIN and ratio.high < own.low:
        return HARM, f"the affected queries become slower: {figures}"
    return NO_GAIN, f"{figures} over the affected queries is less than {LEAST_GAIN:.2f}x"
