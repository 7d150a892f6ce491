"""The journal's chain: which of its records count. Pure, so that projection, writer and verification agree.

An entry counts when it extends the chain: the next sequence, the hash of the entry before, and the epoch that is
on. Kafka orders the entries of rival writers, so the first to extend the chain wins, and the others are told.
"""

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from schemas.codec import micros
from schemas.errors import StoreError
from schemas.records import JournalEntry

EPOCH = "epoch"
CHECKPOINT = "checkpoint"
DECISION = "decision"
UNKNOWN_EPOCH = -1


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain. `next_offset` is the journal's after the entry, `epoch` the one that is on."""

    sequence: int = 0
    hash: str = "0" * 64
    epoch: int = UNKNOWN_EPOCH
    next_offset: int = 0
    sent: int = 0


def sealed(entry: JournalEntry) -> JournalEntry:
    return entry.model_copy(update={"hash": digest(entry)})


def digest(entry: JournalEntry) -> str:
    """sha256 over the text of the entry without `hash` and `signature`."""
    return hashlib.sha256(text(entry, without={"hash", "signature"}).encode()).hexdigest()


def text(entry: JournalEntry, without: Set[str] = frozenset()) -> str:
    """JSON with sorted keys and no spaces; bytes as hex, times as microseconds.

    Left out is every field that has its default, so that a field added later changes no old hash.
    """
    values = entry.model_dump(exclude=set(without), exclude_defaults=True)
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def follow(head: Head, entry: JournalEntry, offset: int) -> Head | None:
    """The head after the entry at this offset, or None when it does not count: its writer had lost the epoch.

    Raises StoreError for an entry that was changed, or that shows that one before it is gone.
    """
    if digest(entry) != entry.hash:
        raise StoreError(
            f"the journal is damaged: the entry at offset {offset} is not the one that was written (its hash differs). "
            "Nothing after it can be trusted: restore the topic, or start over with an empty journal and file"
        )
    opens = entry.kind == EPOCH
    extends = (entry.sequence, entry.previous_hash) == (head.sequence + 1, head.hash)
    if extends and (opens or entry.epoch == head.epoch):
        return Head(entry.sequence, entry.hash, offset if opens else entry.epoch, offset + 1, entry.sent)
    if opens or entry.epoch < head.epoch:
        return None
    raise StoreError(
        f"the journal is broken: the entry at offset {offset} (sequence {entry.sequence}) does not follow "
        f"sequence {head.sequence}. An entry before it is gone: restore the topic, or start over"
    )


def derived(head: Head, what: str, ordinal: int = 0) -> str:
    """UUIDv5 for what the entry after this head brings about."""
    return str(uuid5(NAMESPACE_URL, f"duckdb-sidecar:{what}:{head.hash}:{ordinal}"))


def _plain(value: object) -> object:
    match value:
        case bytes():
            return value.hex()
        case datetime():
            return micros(value)
        case Mapping():
            return dict(value)
    raise TypeError(f"no canonical form for {type(value).__name__}")
