"""Records of the input topics and entries of the journal, as they change the tables: the one place that says how.

The inputs between two entries may come in any order, and patterns repeatedly: the tables are the same. An entry
finds what its settled offsets say, live and in a rebuild. The caller holds the transaction.
"""

import gc
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeVar

from duckdb import DuckDBPyConnection

from schemas.codec import Codec
from schemas.errors import RecordError, StoreError
from schemas.records import Approval, CatalogSnapshot, JournalEntry, Outcome, Reading, Record, Request, Suggestion
from schemas.topics import APPROVALS, CATALOGS, OUTCOMES, PATTERNS, READINGS, REQUESTS, SUGGESTIONS, Topic

from . import (
    analyses,
    approvals,
    batches,
    catalogs,
    databases,
    decisions,
    inputs,
    messages,
    operations,
    outbox,
    patterns,
    readings,
    requests,
    retention,
    sources,
    suggestions,
    watches,
)

LONGEST_NAME = 200
BOUND = frozenset({"retain", "operate", "judge"})
"""Decisions that hold from one point of the inputs on."""
R = TypeVar("R", bound=Record)
INPUTS: tuple[Topic, ...] = (PATTERNS, CATALOGS, REQUESTS, SUGGESTIONS, APPROVALS, OUTCOMES, READINGS)


class Arrived(NamedTuple):
    """A record of an input topic, whose name is without the installation's prefix; `time` is the broker's."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    time: datetime


@dataclass(slots=True)
class Applied:
    """`refused` cannot be read and have to become dead letters."""

    patterns: int = 0
    refused: list[tuple[Arrived, RecordError]] = field(default_factory=list)


def apply(tx: DuckDBPyConnection, codec: Codec, arrived: Sequence[Arrived]) -> Applied:
    """Applies the records and notes how far the inputs are read."""
    with _no_collection():
        return _apply(tx, codec, arrived)


@contextmanager
def _no_collection() -> Iterator[None]:
    """What is read are trees, which go as they are let go: to look for cycles among them takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _apply(tx: DuckDBPyConnection, codec: Codec, arrived: Sequence[Arrived]) -> Applied:
    applied = Applied()
    read: list[batches.Batch] = []
    for record in arrived:
        try:
            if record.topic == PATTERNS.name:
                read.append(batches.read(codec, record.value))
            else:
                _apply_one(tx, codec, record)
        except RecordError as error:
            applied.refused.append((record, error))
    fresh = sources.apply(tx, [batch.source for batch in read])
    new = [batch for batch, is_new in zip(read, fresh, strict=True) if is_new]
    databases.apply(tx, new)
    applied.patterns = patterns.apply(tx, new)
    watches.add(tx, new)
    reached: dict[inputs.Partition, int] = {}
    for record in arrived:
        place = record.topic, record.partition
        reached[place] = max(record.offset + 1, reached.get(place, 0))
    inputs.advance(tx, reached)
    return applied


def enter(tx: DuckDBPyConnection, entry: JournalEntry, ends: outbox.Ends | None = None) -> None:
    """Applies what an entry of the journal says; `ends` as for `store.outbox.add`.

    That it is the head is noted by `store.journal.add`. Raises StoreError for a decision that this release does not
    know.
    """
    outbox.settle(tx, entry.sent)
    messages.settle(tx, entry.sent)
    if BOUND.intersection(one.kind for one in entry.decisions) and inputs.ahead_of(tx, entry.settled):
        raise StoreError(
            "another control process decided on patterns, and this file has read on before it knew: its patterns "
            "cannot be made the same. Set the file aside and rebuild it (`sidecar store rebuild`)"
        )
    inputs.settle(tx, entry.settled)
    for decision in entry.decisions:
        outbox.add(tx, entry.sequence, decision.messages, ends)
        requests.settle(tx, json.loads(decision.body))
        messages.add(tx, decision, entry.sequence, entry.time)
        match decision.kind:
            case "analyse":
                body = analyses.Analyse.model_validate_json(decision.body)
                analyses.add(tx, decision, body, entry.sequence, entry.time)
                decisions.taken(tx, decision, entry.time, "analyse", None)
            case "expire" | "backup":
                decisions.taken(tx, decision, entry.time, decision.kind, None)
            case "refuse":
                refusal = decisions.Refusal.model_validate_json(decision.body)
                decisions.taken(tx, decision, entry.time, refusal.asked, refusal.reason)
            case "rule":
                ruled = approvals.Ruled.model_validate_json(decision.body)
                approvals.rule(tx, decision, ruled, entry.sequence, entry.time)
                reason = ruled.reason if ruled.verdict == "refused" else None
                decisions.taken(tx, decision, entry.time, ruled.decision, reason)
            case "operate":
                told = operations.Operate.model_validate_json(decision.body)
                operations.add(tx, decision, told, entry.sequence, entry.time)
                if told.order == "apply" and told.refused is None:
                    watches.begin(tx, decision, told, entry.time)
                decisions.taken(tx, decision, entry.time, told.order, told.refused)
            case "judge":
                judged = watches.Judge.model_validate_json(decision.body)
                watches.judge(tx, decision, judged, entry.sequence, entry.time, decision.body.decode())
                decisions.taken(tx, decision, entry.time, "judge", None)
            case "retain":
                retention.apply(tx, retention.Retention.model_validate_json(decision.body))
            case other:
                raise StoreError(f"the journal holds a decision of kind {other!r}: a newer release wrote it, use that")


def _apply_one(tx: DuckDBPyConnection, codec: Codec, record: Arrived) -> None:
    match record.topic:
        case CATALOGS.name:
            if record.value is not None:  # a tombstone says only that nobody needs the newest any more
                catalogs.apply(tx, _named(codec.decode_as(CatalogSnapshot, record.value)), record.offset)
        case SUGGESTIONS.name:
            suggestion = _named(codec.decode_as(Suggestion, record.value))
            suggestions.apply(tx, suggestion, record.partition, record.offset)
        case REQUESTS.name:
            request = _named(codec.decode_as(Request, record.value))
            requests.apply(tx, request, record.partition, record.offset)
        case APPROVALS.name:
            approval = _named(codec.decode_as(Approval, record.value))
            approvals.apply(tx, approval, record.partition, record.offset, record.time)
        case OUTCOMES.name:
            outcome = _named(codec.decode_as(Outcome, record.value))
            operations.apply(tx, outcome, record.partition, record.offset, record.time)
        case READINGS.name:
            reading = _named(codec.decode_as(Reading, record.value))
            readings.apply(tx, reading, record.partition, record.offset)


def _named(record: R) -> R:
    names = {"product": record.product, "database": record.database}
    if isinstance(record, Request):
        names |= {"event_id": record.event_id, "kind": record.kind, "requested_by": record.requested_by}
    if isinstance(record, Approval):
        names |= {"event_id": record.event_id}
    if isinstance(record, Reading):
        names |= {"reason": record.reason}
    if long := [name for name, text in names.items() if len(text) > LONGEST_NAME]:
        raise RecordError(f"{', '.join(long)}: more than {LONGEST_NAME} characters")
    return record
