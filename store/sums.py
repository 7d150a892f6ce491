"""The sums over the runs of one shape in one period under one catalog, and how they merge: in any order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import add, itemgetter
from typing import Any

COUNTS = (
    "runs", "errors", "rows", "latency_us", "sampled", "rows_scanned", "row_groups_scanned", "row_groups_total",
    "cpu_us", "latency_zero",
)  # fmt: skip
"""Columns that merge by addition."""
RUNS = 0
"""The place of the runs among them."""
LARGEST = 2**63 - 1
"""Sums that would pass it stay there, whatever the order."""

_counts = itemgetter(
    "count", "errors", "rows", "latency_us", "sampled", "rows_scanned", "row_groups_scanned", "row_groups_total",
    "cpu_us",
)  # fmt: skip


@dataclass(slots=True)
class Sums:
    """Times are microseconds since 1970; `bins` are those of the latencies' sketch."""

    first: int
    last: int
    counts: list[int] = field(default_factory=lambda: [0] * len(COUNTS))
    peak_memory_bytes: int = 0
    bins: dict[int, int] = field(default_factory=dict)

    def take(self, pattern: Mapping[str, Any]) -> None:
        """Adds a Pattern as plain values."""
        latency = pattern["latency"]
        self.add(
            (*_counts(pattern), latency["zero"]),
            pattern["first_seen"],
            pattern["last_seen"],
            pattern["peak_memory_bytes"],
            latency["keys"],
            latency["counts"],
        )

    def add(
        self, counts: Iterable[int], first: int, last: int, peak: int, keys: Sequence[int], hits: Sequence[int]
    ) -> None:
        self.counts = list(map(add, self.counts, counts))
        if first < self.first:
            self.first = first
        if last > self.last:
            self.last = last
        if peak > self.peak_memory_bytes:
            self.peak_memory_bytes = peak
        bins = self.bins
        if len(keys) > len(bins):  # the fewer are added to the more
            added = dict(zip(keys, hits, strict=True))
            if len(added) == len(keys):
                self.bins, keys, hits = added, list(bins), list(bins.values())
                bins = added
        for key, count in zip(keys, hits, strict=True):
            bins[key] = bins.get(key, 0) + count


def saturated(sums: Sequence[int]) -> Sequence[int]:
    """None of them larger than LARGEST."""
    return sums if not sums or max(sums) <= LARGEST else [min(one, LARGEST) for one in sums]
