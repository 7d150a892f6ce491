"""How long a worker takes, round trip included: one request after the other, and many at once.

What is asked is new each time, so that no answer comes from the cache.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from statistics import mean

import numpy as np

from ..judgement.features import FEATURES, Features
from ..language.asks import Ask
from .client import Worker

PATIENCE_S = 60.0
SPREAD = 3.0

Work = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Times:
    """In ms, the shortest first."""

    ms: list[float]

    @property
    def average(self) -> float:
        return mean(self.ms)

    def at(self, part: float) -> float:
        """The time within which that part of the requests was answered (nearest rank)."""
        return self.ms[max(ceil(part * len(self.ms)) - 1, 0)]


def lists(candidates: int, count: int, seed: int = 0) -> list[Features]:
    """Drawn, none like another: how long a ranking takes does not depend on what is in it."""
    random = np.random.default_rng((seed, candidates))
    return [random.normal(0, SPREAD, (candidates, len(FEATURES))).astype(np.float32) for _ in range(count)]


def rankings(worker: Worker, asked: Sequence[Features]) -> list[Work]:
    return [partial(worker.rank, one, within_s=PATIENCE_S) for one in asked]


def readings(worker: Worker, asked: Sequence[Ask]) -> list[Work]:
    return [partial(worker.say, one, within_s=PATIENCE_S) for one in asked]


async def in_turn(work: Sequence[Work]) -> Times:
    """Raises JudgementError."""
    found = []
    for one in work:
        begun = time.perf_counter()
        await one()
        found.append(1000 * (time.perf_counter() - begun))
    return Times(sorted(found))


async def a_second(work: Sequence[Work], at_once: int) -> float:
    """How many are answered, with as many always on their way. Raises JudgementError."""
    rest = iter(work)

    async def go_on() -> None:
        for one in rest:
            await one()

    begun = time.perf_counter()
    await asyncio.gather(*(go_on() for _ in range(at_once)))
    return len(work) / (time.perf_counter() - begun)
