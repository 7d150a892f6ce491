"""The journal's head, and its epochs and decisions, as tables."""

import json
from typing import Any

from duckdb import DuckDBPyConnection

from schemas.records import JournalEntry

from .chain import CHECKPOINT, Head
from .knowledge import naive


def head(tx: DuckDBPyConnection) -> Head:
    found = tx.execute("SELECT sequence, hash, epoch, next_offset, sent FROM journal_head").fetchone()
    return Head(*found) if found else Head()


def topic_id(tx: DuckDBPyConnection) -> str | None:
    """Of the journal that the head is in; None before the first entry."""
    found = tx.execute("SELECT topic_id FROM journal_head").fetchone()
    return str(found[0]) if found else None


def add(tx: DuckDBPyConnection, entry: JournalEntry, after: Head, in_topic: str) -> None:
    """`after` is the head that the entry made."""
    tx.execute("DELETE FROM journal_head")
    tx.execute(
        "INSERT INTO journal_head VALUES (?, ?, ?, ?, ?, ?)",
        [in_topic, after.next_offset, after.sequence, after.hash, after.epoch, after.sent],
    )
    if entry.kind != CHECKPOINT:
        tx.execute(
            "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                entry.sequence,
                after.next_offset - 1,
                entry.hash,
                entry.previous_hash,
                after.epoch,
                entry.kind,
                naive(entry.time),
                json.dumps([_decision(entry, ordinal) for ordinal in range(len(entry.decisions))]),
            ],
        )


def _decision(entry: JournalEntry, ordinal: int) -> dict[str, Any]:
    decision = entry.decisions[ordinal]
    return {
        "decision_id": decision.decision_id,
        "kind": decision.kind,
        "product": decision.product,
        "database": decision.database,
        "body": json.loads(decision.body),
        "messages": [message.message_id for message in decision.messages],
    }
