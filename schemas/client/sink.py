"""What capture hands over, and the seam to whatever keeps it: Kafka, a file, a test's list."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Profile:
    """DuckDB's work counters of one sampled run."""

    rows_scanned: int
    row_groups_scanned: int
    row_groups_total: int
    intermediate_bytes: int
    peak_memory_bytes: int
    cpu_us: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement without its literals."""

    fingerprint: str
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Event:
    """One run. `rows` is None where it is not known, `error` is the class of the exception, never its message."""

    statement: Statement
    time_us: int
    """The call, in microseconds since 1970 (UTC)."""
    latency_us: int
    """Spent inside DuckDB from the call to the last row fetched, without the caller's own work between fetches."""
    rows: int | None
    error: str | None
    route: str | None
    profile: Profile | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Runs of one database in the order in which they ended."""

    product: str
    database: str
    instance: str
    """This process; a forked child is another instance."""
    dropped: int
    """Runs of the product that were lost since the batch before."""
    events: list[Event]

    @property
    def statements(self) -> dict[str, Statement]:
        """Those of the events, by fingerprint."""
        return {event.statement.fingerprint: event.statement for event in self.events}


class Sink(Protocol):
    """Used by one thread, which is not one of the product's, so it may wait; what it raises is logged and counted."""

    def write(self, batch: Batch) -> None: ...

    def flush(self, timeout: float) -> bool:
        """Whether all that was written is safe, waiting for at most `timeout` seconds."""

    def close(self) -> None: ...


OpenSink = Callable[[], Sink]
"""Called in the thread that will use the sink, anew in a forked child."""
