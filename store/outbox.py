"""Messages that are owed to other topics, until Kafka has confirmed them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from schemas.records import Outgoing

from .chain import Head

Ends = Mapping[tuple[str, int], int]
"""By topic and partition, an offset up to which it is filled."""


@dataclass(frozen=True, slots=True)
class Pending:
    """`since` is, by partition, an offset of the topic before which the message cannot be; None if not known."""

    message: Outgoing
    since: dict[int, int] | None


def add(tx: DuckDBPyConnection, sequence: int, messages: Iterable[Outgoing], ends: Ends | None) -> None:
    """`sequence` is that of the journal's entry which accounts for them; `ends` how far each topic reaches by now."""
    for ordinal, message in enumerate(messages):
        since = None
        if ends is not None:
            since = json.dumps({part: end for (topic, part), end in ends.items() if topic == message.topic})
        tx.execute(
            "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [message.message_id, sequence, ordinal, message.topic, message.key, message.value, since],
        )


def pending(tx: DuckDBPyConnection) -> list[Pending]:
    """In the order in which they are to be sent."""
    rows = tx.execute(
        "SELECT message_id, topic, key, value, since FROM outbox ORDER BY sequence, ordinal, message_id"
    ).fetchall()
    return [
        Pending(
            Outgoing(message_id=message_id, topic=topic, key=key, value=value),
            None if since is None else {int(part): end for part, end in json.loads(since).items()},
        )
        for message_id, topic, key, value, since in rows
    ]


def remove(tx: DuckDBPyConnection, message_ids: Iterable[str]) -> None:
    tx.execute("DELETE FROM outbox WHERE message_id IN (SELECT unnest(?))", [list(message_ids)])


def sent(tx: DuckDBPyConnection, sequence: int, *, owes: bool) -> int:
    """What the entry with this sequence may say: the highest one whose messages all are confirmed.

    `owes` says that the entry has messages itself; without, what its inputs brought about counts as its own.
    """
    found = tx.execute("SELECT min(sequence) FROM outbox").fetchone()
    oldest = found[0] if found else None
    own = sequence if owes else sequence + 1
    return (own if oldest is None else min(oldest, own)) - 1


def unsettled(tx: DuckDBPyConnection, head: Head) -> bool:
    """Whether messages are confirmed of which the journal, to its head, does not say so."""
    return sent(tx, head.sequence, owes=False) > head.sent


def settle(tx: DuckDBPyConnection, up_to: int) -> None:
    """Takes the word of the journal that all up to this sequence is confirmed."""
    tx.execute("DELETE FROM outbox WHERE sequence <= ?", [up_to])
