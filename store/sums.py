"""The sums over the runs of one shape in one period under one catalog, and how they merge: in any order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import add, itemgetter
from typing import Any

from schemas.errors import RecordError

COUNTS = (
    "runs", "errors", "rows", "latency_us", "sampled", "rows_scanned", "row_groups_scanned", "row_groups_total",
    "cpu_us", "latency_zero",
)  # fmt: skip
"""Columns that merge by addition."""
RUNS, ERRORS = 0, 1
"""Their places among them."""
LARGEST = 2**63 - 1
"""Sums that would pass it stay there, whatever the order."""
LATEST_US = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""

_counts = itemgetter(
    "count", "errors", "rows", "latency_us", "sampled", "rows_scanned", "row_groups_scanned", "row_groups_total",
    "cpu_us",
)  # fmt: skip
_times = itemgetter("hour", "first_seen", "last_seen")


@dataclass(slots=True)
class Sums:
    """Times are microseconds since 1970; `bins` are those of the latencies' sketch."""

    counts: list[int]
    first_seen: int
    last_seen: int
    peak_memory_bytes: int
    bins: dict[int, int] = field(default_factory=dict)

    def copy(self) -> "Sums":
        return Sums(self.counts, self.first_seen, self.last_seen, self.peak_memory_bytes, dict(self.bins))

    def add(self, other: "Sums") -> None:
        self.counts = list(map(add, self.counts, other.counts))
        self.first_seen = min(self.first_seen, other.first_seen)
        self.last_seen = max(self.last_seen, other.last_seen)
        self.peak_memory_bytes = max(self.peak_memory_bytes, other.peak_memory_bytes)
        bins = self.bins
        for key, count in other.bins.items():
            bins[key] = bins.get(key, 0) + count


def of(pattern: Mapping[str, Any]) -> Sums:
    """Of a Pattern as plain values. Raises RecordError for one that no `observe` would send."""
    latency = pattern["latency"]
    keys, counts = latency["keys"], latency["counts"]
    sums = [*_counts(pattern), latency["zero"]]
    if min(sums) < 0 or pattern["peak_memory_bytes"] < 0 or (counts and min(counts) < 0):
        raise RecordError("a sum of a pattern is negative")
    if sums[0] == 0:
        raise RecordError("a pattern has no run")
    if len(keys) != len(counts) or (keys and not (min(keys) >= -(2**31) and max(keys) < 2**31)):
        raise RecordError("the sketch of a pattern is not well-formed")
    times = _times(pattern)
    if min(times) < 0 or max(times) > LATEST_US:
        raise RecordError("a time of a pattern is not between 1970 and 9999")
    bins = dict(zip(keys, counts, strict=True))
    if len(bins) != len(keys):
        raise RecordError("a bin of a pattern's sketch comes twice")
    return Sums(sums, times[1], times[2], pattern["peak_memory_bytes"], bins)
