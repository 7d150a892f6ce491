"""Entries of a journal that extend its chain."""

from typing import Any

from schemas.records import JournalEntry
from store import chain
from store.chain import CHECKPOINT, EPOCH, UNKNOWN_EPOCH, Head
from tests.store_records import NOON


def entry(after: Head, kind: str = CHECKPOINT, **values: Any) -> JournalEntry:
    """Sealed, and one that extends the chain."""
    given = {
        "product": "",
        "database": "",
        "instance": "host:1",
        "event_id": "e",
        "time": NOON,
        "sequence": after.sequence + 1,
        "previous_hash": after.hash,
        "hash": "",
        "epoch": UNKNOWN_EPOCH if kind == EPOCH else after.epoch,
        "kind": kind,
        "accepted": [],
        "settled": [],
        "sent": 0,
        "decisions": [],
        **values,
    }
    return chain.sealed(JournalEntry(**given))


def follow(head: Head, one: JournalEntry, offset: int) -> Head:
    after = chain.follow(head, one, offset)
    assert after is not None
    return after
