"""Records of the input topics and entries of the journal, as they change the tables: the one place that says how.

The inputs between two entries may come in any order, and patterns repeatedly: the tables are the same. An entry
finds what its settled offsets say, live and in a rebuild. The caller holds the transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from duckdb import DuckDBPyConnection

from schemas.codec import Codec
from schemas.errors import RecordError, StoreError
from schemas.records import CatalogSnapshot, JournalEntry, Request, Suggestion
from schemas.topics import CATALOGS, PATTERNS, REQUESTS, SUGGESTIONS, Topic

from . import (
    analyses,
    batches,
    catalogs,
    databases,
    decisions,
    inputs,
    journal,
    messages,
    outbox,
    patterns,
    retention,
    sources,
    suggestions,
)
from .chain import Head

INPUTS: tuple[Topic, ...] = (PATTERNS, CATALOGS, REQUESTS, SUGGESTIONS)


class Arrived(NamedTuple):
    """A record of an input topic, whose name is without the installation's prefix."""

    topic: str
    partition: int
    offset: int
    value: bytes | None


@dataclass(slots=True)
class Applied:
    """`refused` cannot be read and have to become dead letters; `requests` wait for a decision."""

    patterns: int = 0
    requests: list[Request] = field(default_factory=list)
    refused: list[tuple[Arrived, RecordError]] = field(default_factory=list)


def apply(tx: DuckDBPyConnection, codec: Codec, arrived: Sequence[Arrived]) -> Applied:
    """Applies the records and notes how far the inputs are read."""
    applied = Applied()
    read: list[batches.Batch] = []
    for record in arrived:
        try:
            if record.topic == PATTERNS.name:
                read.append(batches.read(codec, record.value))
            else:
                _apply_one(tx, codec, record, applied)
        except RecordError as error:
            applied.refused.append((record, error))
    fresh = sources.apply(tx, [batch.source for batch in read])
    new = [batch for batch, is_new in zip(read, fresh, strict=True) if is_new]
    databases.apply(tx, new)
    applied.patterns = patterns.apply(tx, new)
    reached: dict[inputs.Partition, int] = {}
    for record in arrived:
        place = record.topic, record.partition
        reached[place] = max(record.offset + 1, reached.get(place, 0))
    inputs.advance(tx, reached)
    return applied


def enter(
    tx: DuckDBPyConnection, entry: JournalEntry, after: Head, journal_id: str, ends: outbox.Ends | None = None
) -> None:
    """Applies an entry of the journal; `after` is the head that it makes, `ends` as for `store.outbox.add`.

    Raises StoreError for a decision that this release does not know.
    """
    journal.add(tx, entry, after, journal_id)
    outbox.settle(tx, entry.sent)
    messages.settle(tx, entry.sent)
    if any(decision.kind == "retain" for decision in entry.decisions) and inputs.ahead_of(tx, entry.settled):
        raise StoreError(
            "another control process decided what to keep, and this file has read on before it knew: its patterns "
            "cannot be made the same. Set the file aside and rebuild it (`sidecar store rebuild`)"
        )
    inputs.settle(tx, entry.settled)
    for decision in entry.decisions:
        outbox.add(tx, entry.sequence, decision.messages, ends)
        messages.add(tx, decision, entry.sequence, entry.time)
        match decision.kind:
            case "analyse":
                body = analyses.Analyse.model_validate_json(decision.body)
                analyses.add(tx, decision, body, entry.sequence, entry.time)
                decisions.taken(tx, decision, entry.time, "analyse", None)
            case "refuse":
                refusal = decisions.Refusal.model_validate_json(decision.body)
                decisions.taken(tx, decision, entry.time, refusal.asked, refusal.reason)
            case "retain":
                retention.apply(tx, retention.Retention.model_validate_json(decision.body))
            case other:
                raise StoreError(f"the journal holds a decision of kind {other!r}: a newer release wrote it, use that")


def _apply_one(tx: DuckDBPyConnection, codec: Codec, record: Arrived, applied: Applied) -> None:
    match record.topic:
        case CATALOGS.name:
            if record.value is not None:  # a tombstone says only that nobody needs the newest any more
                catalogs.apply(tx, codec.decode_as(CatalogSnapshot, record.value), record.offset)
        case SUGGESTIONS.name:
            suggestion = codec.decode_as(Suggestion, record.value)
            suggestions.apply(tx, suggestion, record.partition, record.offset)
        case REQUESTS.name:
            applied.requests.append(codec.decode_as(Request, record.value))
