"""What `observe` makes of one record of the query log."""

from datetime import datetime

from .base import Part, Position, Record, Sketch


class Pattern(Part):
    """Sums over the runs of one shape in one hour under one catalog; all integers, so that merging has no order.

    `sampled` runs carried a profile; the counters after it are sums over those, the peak is a maximum.
    """

    fingerprint: str
    statement: str
    kind: str
    hour: datetime
    catalog_hash: str
    count: int
    errors: int
    rows: int
    latency_us: int
    latency: Sketch
    first_seen: datetime
    last_seen: datetime
    routes: dict[str, int]
    sampled: int
    rows_scanned: int
    row_groups_scanned: int
    row_groups_total: int
    cpu_us: int
    peak_memory_bytes: int
    exemplars: list[str] = []


class PatternBatch(Record):
    """Exactly one for each record of the query log; empty and `readable` false where that was unreadable."""

    source: Position
    readable: bool
    dropped: int
    patterns: list[Pattern]
