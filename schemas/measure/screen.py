"""A first look at a candidate: is it worth being measured in full?

Both work counters and short timed pairs are asked, since a rewrite can gain 15x without moving a counter, and a busy
machine can hide a gain from the clock. What neither shows is not there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .counters import NONE, Work, work
from .queries import Query, Side, equality
from .timing import Run, timed
from .verdict import HARM, NO_GAIN

PAIRS = 2
CLEAR = 1.5
"""A query that changes so much, and takes `LONG_S`, is not run again."""
LONG_S = 0.1
PROMISING = 1.10
LESS_WORK = 1.25
HARMFUL = 0.80


@dataclass(frozen=True, slots=True)
class Glance:
    """Of one query the faster of its runs on each side. Work was counted only where time does not tell."""

    query: Query
    before: Run
    after: Run
    equal: str
    work_before: Work
    work_after: Work


@dataclass(frozen=True, slots=True)
class Screened:
    """`saved_s` is over all runs of the window. `verdict` is None for what is to be measured in full."""

    glances: list[Glance]
    saved_s: float
    verdict: str | None
    reason: str

    @property
    def equal(self) -> dict[str, str]:
        return {glance.query.fingerprint: glance.equal for glance in self.glances}


def screen(queries: Sequence[Query], before: Side, after: Side, limit_s: float) -> Screened:
    """Raises NotMeasurable where a query fails after the change."""
    glances = [_glance(query, before, after, limit_s) for query in queries]
    wall = _ratio([(one.query.weight * one.before.wall, one.query.weight * one.after.wall) for one in glances])
    cpu = _ratio([(one.query.weight * one.before.cpu, one.query.weight * one.after.cpu) for one in glances])
    less = _ratio([(one.work_before.rows, one.work_after.rows) for one in glances])
    saved = sum(one.query.weight * (one.before.wall - one.after.wall) for one in glances)
    reason = f"{wall:.2f}x by the clock and {cpu:.2f}x in processor time at first sight, {less:.2f}x in rows scanned"
    best = max(wall, cpu)
    if best >= PROMISING or (less >= LESS_WORK and best >= 1 / PROMISING):
        return Screened(glances, saved, None, reason)
    return Screened(glances, saved, HARM if best <= HARMFUL else NO_GAIN, reason)


def _glance(query: Query, before: Side, after: Side, limit_s: float) -> Glance:
    equal = equality(query, before, after, limit_s)  # warms both up as well
    old, new = query.statements(before), query.statements(after)
    was, now = timed(before, old, limit_s), timed(after, new, limit_s)
    for _ in range(PAIRS - 1):
        if was.wall < LONG_S or 1 / CLEAR < was.wall / max(now.wall, 1e-9) < CLEAR:
            was, now = _faster(was, timed(before, old, limit_s)), _faster(now, timed(after, new, limit_s))
    counted = NONE, NONE
    if 1 / LESS_WORK < was.wall / max(now.wall, 1e-9) < LESS_WORK:
        counted = _work(before, old, limit_s), _work(after, new, limit_s)
    return Glance(query, was, now, equal, *counted)


def _work(side: Side, statements: Sequence[str], limit_s: float) -> Work:
    with side.sandbox.limit(limit_s):
        return sum((work(side.sandbox, statement) for statement in statements), NONE)


def _faster(one: Run, other: Run) -> Run:
    return Run(min(one.wall, other.wall), min(one.cpu, other.cpu))


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """1 where there is nothing to compare."""
    before, after = (sum(pair[side] for pair in pairs) for side in (0, 1))
    return before / after if before and after else 1.0
