"""A first look at a candidate: is it worth being measured in full?

Looked at are the queries that should become faster, the heaviest first, until the rest cannot make it worth more; what
it costs the others is seen when it is measured in full. Both short timed pairs and work counters are asked, since a
rewrite can gain 15x without moving a counter, and a busy machine can hide a gain from the clock. What neither shows
is not there. Whether results are equal is not asked here: nothing is suggested that was not measured in full.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .counters import NONE, Work, work
from .queries import Query, Side
from .timing import Clock, Run, timed
from .verdict import HARM, NO_GAIN

PAIRS = 2
CLEAR = 1.5
"""A query that gains so much is not run again: if that was chance, the full measurement finds it."""
COUNTED = 3
"""Queries whose work is counted where time does not tell, the heaviest."""
PROMISING = 1.10
LESS_WORK = 1.25
HARMFUL = 0.50
"""A smaller loss is no gain: on a busy machine two pairs of the same statement have differed by more than 0.80x."""


@dataclass(frozen=True, slots=True)
class Glance:
    """A query with the sums of its runs on each side, of which there were `pairs`."""

    query: Query
    before: Run
    after: Run
    pairs: int

    @property
    def after_s(self) -> float:
        """Of a run."""
        return self.after.wall / self.pairs

    @property
    def saved_s(self) -> float:
        """Over all runs of the window."""
        return self.query.weight * (self.before.wall - self.after.wall) / self.pairs


@dataclass(frozen=True, slots=True)
class Screened:
    """`saved_s` is over all runs of the window. `verdict` is None for what is to be measured in full."""

    glances: list[Glance]
    saved_s: float
    verdict: str | None
    reason: str


def screen(affected: Sequence[Query], gaining: Sequence[Query], before: Side, after: Side, limit_s: float) -> Screened:
    """The time of `affected` queries that are not looked at counts as it is.

    Raises NotMeasurable where a query fails after the change.
    """
    return concluded(
        affected,
        gaining,
        lambda query: _glance(query, before, after, limit_s),
        lambda glances: _less_work(glances, before, after, limit_s),
    )


def concluded(
    affected: Sequence[Query],
    gaining: Sequence[Query],
    look: Callable[[Query], Glance],
    less_work: Callable[[Sequence[Glance]], float],
) -> Screened:
    """What is decided, whoever looks: `look` runs a query, `less_work` tells by how much fewer rows are scanned."""
    glances: list[Glance] = []
    ahead = sorted(gaining, key=_stake_s, reverse=True)
    others_s = sum(map(_stake_s, affected)) - sum(map(_stake_s, gaining))
    while ahead:
        glances.append(look(ahead.pop(0)))
        if max(_ratio(glances, clock, others_s, sum(map(_stake_s, ahead))) for clock in _CLOCKS) < PROMISING:
            break  # even if the rest took no time any more
    others_s += sum(map(_stake_s, ahead))
    wall, cpu = (_ratio(glances, clock, others_s) for clock in _CLOCKS)
    best, saved_s = max(wall, cpu), sum(glance.saved_s for glance in glances)
    reason = f"{wall:.2f}x by the clock and {cpu:.2f}x in processor time at first sight"
    if best >= PROMISING:
        return Screened(glances, saved_s, None, reason)
    if best >= 1 / PROMISING:
        less = less_work(glances[:COUNTED])
        reason += f", {less:.2f}x in rows scanned"
        if less >= LESS_WORK:
            return Screened(glances, saved_s, None, reason)
    return Screened(glances, saved_s, HARM if best <= HARMFUL else NO_GAIN, reason)


_CLOCKS: tuple[Clock, ...] = ("wall", "cpu")


def _stake_s(query: Query) -> float:
    return query.weight * query.run_s


def _glance(query: Query, before: Side, after: Side, limit_s: float) -> Glance:
    """One pair, or another with the next exemplar where that one is not clear."""
    olds, news = query.statements(before), query.statements(after)
    was = now = Run(0.0, 0.0)
    for number in range(PAIRS):
        if number < len(news):
            timed(after, news[number], limit_s)  # what was just written is read for the first time
        was = was.plus(timed(before, olds[number % len(olds)], limit_s))
        now = now.plus(timed(after, news[number % len(news)], limit_s))
        if was.wall / max(now.wall, 1e-9) >= CLEAR:
            break
    return Glance(query, was, now, number + 1)


def _ratio(glances: Sequence[Glance], clock: Clock, others_s: float, gone_s: float = 0.0) -> float:
    """Before / after over all runs, if `others_s` by the clock stay as they are and `gone_s` need no time after."""
    weighed = [(one.query.weight / one.pairs, one) for one in glances]
    old = sum(weight * one.before.of(clock) for weight, one in weighed)
    new = sum(weight * one.after.of(clock) for weight, one in weighed)
    wall = sum(weight * one.before.wall for weight, one in weighed)
    scale = old / wall if wall else 1.0
    after = new + others_s * scale
    return (old + (others_s + gone_s) * scale) / after if after and old else 1.0


def _less_work(glances: Sequence[Glance], before: Side, after: Side, limit_s: float) -> float:
    """By how much fewer rows are scanned."""
    counted = [
        (_work(before, one.query.statements(before)[0], limit_s), _work(after, one.query.statements(after)[0], limit_s))
        for one in glances
    ]
    old, new = (sum((pair[side] for pair in counted), NONE).rows for side in (0, 1))
    return old / new if old and new else 1.0


def _work(side: Side, statement: str, limit_s: float) -> Work:
    with side.sandbox.limit(limit_s):
        return work(side.sandbox, statement)
