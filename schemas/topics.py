"""The topics: what each carries, how it is keyed, partitioned and kept."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from .records import (
    AnalysisRequest,
    Approval,
    CatalogSnapshot,
    DeadLetter,
    JournalEntry,
    Measurement,
    MeasurementRequest,
    Operation,
    Outcome,
    PatternBatch,
    QueryLogBatch,
    QueryLogEvent,
    Reading,
    Record,
    Request,
    Ruling,
    Suggestion,
    Verdict,
)

DAY_MS = 86_400_000
FOREVER = -1
UNLIMITED = -1
LARGEST_RECORD = 8 * 1024 * 1024
"""Bytes of the largest record that any topic takes; a dead letter must hold one and its envelope."""
ENVELOPE = 1024
"""Bytes that Kafka adds to a record, at the most, counted against a topic's largest."""


@dataclass(frozen=True, slots=True)
class Topic:
    """`key` is what the record's Kafka key holds. `retention_ms` -1 keeps everything.

    `writers` and `readers` are roles. Control reads what it writes too: after a restart it looks what of it is there.
    """

    name: str
    carries: tuple[type[Record], ...]
    key: str
    partitions: int
    retention_ms: int
    compacted: bool
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    largest_record: int = LARGEST_RECORD // 2
    purpose: str = field(default="", kw_only=True)

    def takes(self, key: bytes, value: bytes) -> bool:
        return len(key) + len(value) + ENVELOPE <= self.largest_record

    def config(self) -> dict[str, str]:
        kept = {"retention.ms": str(self.retention_ms)}
        if self.retention_ms == FOREVER:
            kept["retention.bytes"] = str(UNLIMITED)  # a broker may have a limit for topics that say nothing
        return {
            "cleanup.policy": "compact" if self.compacted else "delete",
            **kept,
            "max.message.bytes": str(self.largest_record),
            "message.timestamp.type": "LogAppendTime",  # no producer's clock decides what is kept
        }


QUERY_LOG = Topic(
    "query-log", (QueryLogBatch, QueryLogEvent), "database", 8, 7 * DAY_MS, False, ("product",), ("streams",),
    purpose="what products ran",
)  # fmt: skip
CATALOGS = Topic(
    "catalogs", (CatalogSnapshot,), "database", 1, FOREVER, True, ("product",), ("control",),
    purpose="what their databases look like, the newest for each",
)  # fmt: skip
PATTERNS = Topic(
    "patterns", (PatternBatch,), "database", 8, FOREVER, False, ("streams",), ("control",),
    purpose="the query log, aggregated by shape",
)  # fmt: skip
REQUESTS = Topic(
    "requests", (Request,), "database", 1, FOREVER, False, ("control", "services"), ("control",),
    purpose="what people and services ask of the control process",
)  # fmt: skip
ANALYSIS_REQUESTS = Topic(
    "analysis-requests", (AnalysisRequest,), "database", 8, 7 * DAY_MS, False, ("control",), ("streams", "control"),
    purpose="catalog, top shapes and used names of a database, to be advised on",
)  # fmt: skip
MEASUREMENT_REQUESTS = Topic(
    "measurement-requests", (MeasurementRequest,), "database", 8, 7 * DAY_MS, False, ("streams",), ("product",),
    purpose="candidates to be measured beside the product",
)  # fmt: skip
MEASUREMENTS = Topic(
    "measurements", (Measurement,), "database", 8, 7 * DAY_MS, False, ("product",), ("streams",),
    purpose="what came out",
)  # fmt: skip
SUGGESTIONS = Topic(
    "suggestions", (Suggestion,), "database", 8, FOREVER, False, ("streams",), ("control", "services", "notify"),
    purpose="measured suggestions, for everybody",
)  # fmt: skip
APPROVALS = Topic(
    "approvals", (Approval,), "database", 1, FOREVER, False, ("control", "services"),
    ("control", "streams"), 64 * 1024,
    purpose="decisions about suggestions, signed by whoever took them",
)  # fmt: skip
READINGS = Topic(
    "readings", (Reading,), "database", 8, FOREVER, False, ("streams",), ("control",),
    purpose="why people rejected suggestions, as their texts were read",
)  # fmt: skip
RULINGS = Topic(
    "rulings", (Ruling,), "database", 8, FOREVER, False, ("control",), ("control", "services", "notify"),
    purpose="what became of each approval, and why",
)  # fmt: skip
OPERATIONS = Topic(
    "operations", (Operation,), "database", 1, FOREVER, False, ("control",), ("product", "control"),
    purpose="what a product's own process is told to change, signed",
)  # fmt: skip
OUTCOMES = Topic(
    "outcomes", (Outcome,), "database", 8, FOREVER, False, ("product", "control"), ("control", "services", "notify"),
    purpose="what became of each operation",
)  # fmt: skip
VERDICTS = Topic(
    "verdicts", (Verdict,), "database", 8, FOREVER, False, ("control",), ("control", "services", "notify"),
    purpose="what each change brought, against what was promised",
)  # fmt: skip
JOURNAL = Topic(
    "journal", (JournalEntry,), "none", 1, FOREVER, False, ("control",), ("control",),
    LARGEST_RECORD, purpose="all that the control process accepted and decided, hash-chained",
)  # fmt: skip
DEAD_LETTERS = Topic(
    "dead-letters", (DeadLetter,), "source", 1, FOREVER, False, ("streams", "control", "product"),
    ("control", "people"), LARGEST_RECORD, purpose="what could not be read, with its original bytes",
)  # fmt: skip

TOPICS: tuple[Topic, ...] = (
    QUERY_LOG,
    CATALOGS,
    PATTERNS,
    REQUESTS,
    ANALYSIS_REQUESTS,
    MEASUREMENT_REQUESTS,
    MEASUREMENTS,
    SUGGESTIONS,
    APPROVALS,
    READINGS,
    RULINGS,
    OPERATIONS,
    OUTCOMES,
    VERDICTS,
    JOURNAL,
    DEAD_LETTERS,
)


def key_of(product: str, database: str) -> bytes:
    """The Kafka key of a database's records: all of one database meet in one partition, in order."""
    return f"{product}/{database}".encode()


def topics_of(role: str) -> Iterable[Topic]:
    return (topic for topic in TOPICS if role in topic.writers or role in topic.readers)
