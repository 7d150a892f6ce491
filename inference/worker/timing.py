"""How long a worker takes, round trip included: one request after the other, and many at once.

What is asked is new each time, so that no answer comes from the cache.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import ceil
from statistics import mean

import numpy as np

from schemas.errors import InvalidAnswer

from ..judgement.features import FEATURES, Features
from ..language.asks import Ask
from ..language.reading import Table
from ..language.tasks import reason_ask, request_ask
from .client import Worker

PATIENCE_S = 600.0
SPREAD = 3.0
TABLES = tuple(
    Table(name=name, columns=tuple((f"{name}_{column}", "BIGINT") for column in ("id", "day", "state", "amount")))
    for name in ("customer", "orders", "shipment", "invoice")
)

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


def requests(count: int) -> list[Ask]:
    """On four tables."""
    return [request_ask(f"the list of late shipments of customer {one} is slow", TABLES) for one in range(count)]


def reasons(count: int) -> list[Ask]:
    return [reason_ask(f"not now, {one} loads are under way and the month ends") for one in range(count)]


def rankings(worker: Worker, asked: Sequence[Features]) -> list[Work]:
    return [partial(worker.rank, one, within_s=PATIENCE_S) for one in asked]


def readings(worker: Worker, asked: Sequence[Ask]) -> list[Work]:
    return [partial(_read, worker, one) for one in asked]


async def _read(worker: Worker, ask: Ask) -> None:
    with suppress(InvalidAnswer):  # it took its time as well
        await worker.say(ask, within_s=PATIENCE_S)


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
