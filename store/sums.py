"""The sums over the runs of one shape in one period under one catalog, and how they merge: in any order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

COUNTS = (
    "runs", "errors", "rows", "latency_us", "sampled", "rows_scanned", "row_groups_scanned", "row_groups_total",
    "cpu_us", "latency_zero",
)  # fmt: skip
"""Columns that merge by addition."""
BOUNDS = ("first_seen", "last_seen", "peak_memory_bytes")
LARGEST = 2**63 - 1
"""Sums that would pass it stay there, whatever the order."""

_values = itemgetter(*BOUNDS, "count", *COUNTS[1:-1])


@dataclass(slots=True)
class Sums:
    """Not merged until all is there: `parts` have the columns BOUNDS and COUNTS, `keys` and `hits` are bins.

    Times are microseconds since 1970.
    """

    parts: list[tuple[int, ...]] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    hits: list[int] = field(default_factory=list)

    def take(self, pattern: Mapping[str, Any]) -> None:
        """Adds a Pattern as plain values."""
        latency = pattern["latency"]
        self.parts.append((*_values(pattern), latency["zero"]))
        self.keys += latency["keys"]
        self.hits += latency["counts"]

    def total(self) -> tuple[int, ...]:
        """Of the parts, of which there is at least one; in the same columns."""
        firsts, lasts, peaks, *counts = zip(*self.parts, strict=True)
        return min(firsts), max(lasts), max(peaks), *saturated([sum(column) for column in counts])


def saturated(sums: Sequence[int]) -> Sequence[int]:
    """None of them larger than LARGEST."""
    return sums if not sums or max(sums) <= LARGEST else [min(one, LARGEST) for one in sums]
