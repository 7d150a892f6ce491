"""What a product ran: packed by our client, or one event a record by anybody else's."""

from .base import Part, Record


class Profile(Part):
    """Work counters of one sampled run."""

    rows_scanned: int
    row_groups_scanned: int
    row_groups_total: int
    intermediate_bytes: int
    peak_memory_bytes: int
    cpu_us: int


class QueryShape(Part):
    """A statement without its literals, and the id of its shape (see `schemas.fingerprint`)."""

    fingerprint: str
    statement: str
    kind: str


class QueryEvent(Part):
    """One run. `shape` indexes `shapes`; `offset_us` counts from the record's `time`.

    `latency_us` runs from the call to the last row fetched; `rows` is -1 where it is not known.
    """

    shape: int
    offset_us: int
    latency_us: int
    rows: int
    error: str | None = None
    route: str | None = None
    profile: Profile | None = None


class QueryLogBatch(Record):
    """Many runs in one record. `dropped` were lost in the client since the batch before."""

    catalog_hash: str
    duckdb_version: str
    dropped: int
    shapes: list[QueryShape]
    events: list[QueryEvent]


class QueryLogEvent(Record):
    """One run, from a producer without our client; `statement` may hold literals, they are stripped here.

    `exemplars` are concrete statements for measuring: leave them out, and no literal is kept.
    """

    catalog_hash: str = ""
    statement: str
    latency_us: int
    rows: int = -1
    error: str | None = None
    route: str | None = None
    exemplars: list[str] = []
