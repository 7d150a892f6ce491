"""Counters and distributions of the worker, as numbers: whoever exports them gives them names and units."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate

from schemas.errors import JudgementError

SECONDS = tuple(round(base * 10.0**power, 6) for power in range(-4, 2) for base in (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
"""From 0.1 ms to 70 s, each bucket at most 1.7 times the one before."""
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Histogram:
    """Of values at most as large as each bound; the last bucket holds the larger ones."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def quantile(self, part: float) -> float:
        """By interpolation within the bucket, so within a bucket of the true one; 0 before anything was added."""
        wanted = part * sum(self.counts)
        for place, reached in enumerate(accumulate(self.counts)):
            if self.counts[place] and reached >= wanted:
                low = self.bounds[place - 1] if place else 0.0
                high = self.bounds[min(place, len(self.bounds) - 1)]
                return low + max(high - low, 0.0) * (1 - (reached - wanted) / self.counts[place])
        return 0.0


class Figures:
    """Of one worker over all its restarts. The kinds of a request are `rank` and `say`."""

    def __init__(self) -> None:
        self.answered = Counter[str]()
        """By kind; what the cache answered is not in it."""
        self.cached = Counter[str]()
        self.refused = Counter[tuple[str, str]]()
        """By kind and the name of the error."""
        self.restarts = Counter[str]()
        """By why: `ended`, `hung`, `grew`."""
        self.swaps = 0
        self.tokens = 0
        """Generated."""
        self.seconds = {kind: Histogram(SECONDS) for kind in ("rank", "say")}
        """From asked to answered, cached ones too."""
        self.batch = {kind: Histogram(SIZES) for kind in ("rank", "say")}
        """With how many others, itself included, a request was computed."""
        self.waiting = 0
        self.in_flight = 0
        self.resident_bytes = 0
        self.cache_bytes = 0

    @contextmanager
    def request(self, kind: str) -> Iterator[None]:
        """Around one: counts it where it is refused."""
        try:
            yield
        except JudgementError as error:
            self.refused[kind, type(error).__name__] += 1
            raise

    def hit(self, kind: str, seconds: float) -> None:
        self.cached[kind] += 1
        self.seconds[kind].add(seconds)

    def answer(self, kind: str, seconds: float, batch: int, tokens: int = 0) -> None:
        self.answered[kind] += 1
        self.seconds[kind].add(seconds)
        self.batch[kind].add(batch)
        self.tokens += tokens
