"""Interleaved runs: the unchanged statement twice and the changed one once, in every round, in turning order.

A round runs each statement with one of its exemplars, the next round with the next one.

A sequential before and after gave a fake 1.85x on identical databases; interleaved they stay within 0.90-1.09x. The
processor time of the whole process is taken beside the clock, since it hardly sees what else the machine does. Every
row is fetched, since `execute` returns long before the work is done.
"""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .queries import Query, Side

Clock = Literal["wall", "cpu"]

ROUNDS_LEAST, ROUNDS_MOST = 9, 25
"""From nine on the interval leaves out the fastest and the slowest round."""


class Run(NamedTuple):
    """Seconds."""

    wall: float
    cpu: float

    def of(self, clock: Clock) -> float:
        return self.wall if clock == "wall" else self.cpu

    def plus(self, other: "Run") -> "Run":
        return Run(self.wall + other.wall, self.cpu + other.cpu)


@dataclass(slots=True)
class Samples:
    """Of one query, one of each kind for every round."""

    before: list[Run] = field(default_factory=list)
    again: list[Run] = field(default_factory=list)
    after: list[Run] = field(default_factory=list)

    def ratios(self, clock: Clock) -> list[float]:
        """Before / after, round by round; before is the mean of its two runs."""
        return [
            (one.of(clock) + two.of(clock)) / 2 / max(other.of(clock), 1e-9)
            for one, two, other in zip(self.before, self.again, self.after, strict=True)
        ]

    def own_ratios(self, clock: Clock) -> list[float]:
        """The same for the unchanged statement and itself."""
        return [one.of(clock) / max(two.of(clock), 1e-9) for one, two in zip(self.before, self.again, strict=True)]


def timed(side: Side, statement: str, limit_s: float) -> Run:
    """Raises NotMeasurable where it fails or exceeds `limit_s`."""
    with side.sandbox.limit(limit_s):
        cpu, wall = time.process_time(), time.perf_counter()
        side.sandbox.drain(statement)
        return Run(time.perf_counter() - wall, time.process_time() - cpu)


def add_round(samples: dict[str, Samples], queries: Sequence[Query], before: Side, after: Side, limit_s: float) -> None:
    """One more round over all queries; the next one starts at another place of the three, with every exemplar."""
    for query in queries:
        olds, news = query.statements(before), query.statements(after)
        mine = samples.setdefault(query.fingerprint, Samples())
        cycle, exemplar = divmod(len(mine.before), len(olds))
        old, new = olds[exemplar], news[exemplar]
        turns = [(mine.before, before, old), (mine.again, before, old), (mine.after, after, new)]
        first = (cycle + exemplar) % len(turns)
        runs = [(into, timed(side, text, limit_s)) for into, side, text in turns[first:] + turns[:first]]
        for into, run in runs:  # all three or none
            into.append(run)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Without Python's collector, which would hit one run of many."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
