"""Whether the product has become slower than it was, shape by shape, so that another mix of queries changes nothing."""

from collections import OrderedDict, deque

from .sink import Event

SHAPES = 1_000
SETTLED = 8
"""Runs of a shape that make its usual latency."""
WEIGHT = 1 / 16
BEFORE = 512
DURING = 128
ENOUGH = 32
QUANTILES = (0.5, 0.9)


class Slowness:
    """Fed by one thread and read by another. A shape's usual latency is a moving average over its runs."""

    def __init__(self) -> None:
        self._usual: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._before: deque[float] = deque(maxlen=BEFORE)
        self._during: deque[float] | None = None

    def add(self, event: Event) -> None:
        fingerprint, latency = event.statement.fingerprint, max(1.0, event.latency_us)
        runs, usual = self._usual.get(fingerprint, (0, latency))
        during = self._during
        if runs >= SETTLED:
            (self._before if during is None else during).append(latency / usual)
        if during is None:  # what we slowed down ourselves is no measure of the usual
            weight = max(WEIGHT, 1 / (runs + 1))
            self._usual[fingerprint] = runs + 1, usual + weight * (latency - usual)
            self._usual.move_to_end(fingerprint)
            if len(self._usual) > SHAPES:
                self._usual.popitem(last=False)

    def watch(self) -> None:
        """From here on runs are compared with what was usual before."""
        self._during = deque(maxlen=DURING)

    def unwatch(self) -> None:
        self._during = None

    @property
    def ratio(self) -> float:
        """The median or the 90th percentile of latencies by what it was before, whichever has grown more; 1 where
        nothing is watched or too few have run."""
        before, during = sorted(self._before), sorted(self._during or ())
        if min(len(before), len(during)) < ENOUGH:
            return 1.0
        return max(_quantile(during, q) / _quantile(before, q) for q in QUANTILES)


def _quantile(ascending: list[float], q: float) -> float:
    return ascending[int(q * (len(ascending) - 1))]
