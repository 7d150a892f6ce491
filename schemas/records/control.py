"""Requests to the control process, and its journal."""

from .base import Part, Position, Record


class Request(Record):
    """Asks the control process for something. `body` is JSON of what the kind needs.

    `kind` is "analyse", "backup" or "rollback". What "analyse" may have is a `text`: what is asked for, in words.
    """

    kind: str
    body: bytes
    requested_by: str


class Accepted(Part):
    """Inputs accepted from one partition: offsets `first` to `last`, both included."""

    topic: str
    topic_id: str
    partition: int
    first: int
    last: int


class Outgoing(Part):
    """A message whole, so that a rebuild can send what is missing. `topic` is without the installation's prefix."""

    message_id: str
    topic: str
    key: bytes
    value: bytes


class Decision(Part):
    """`kind` is "analyse", "backup", "expire", "judge", "operate", "refuse", "retain" or "rule".

    `body` is canonical JSON; `messages` are what it sends, in order.
    """

    decision_id: str
    kind: str
    product: str
    database: str
    body: bytes
    messages: list[Outgoing]


class JournalEntry(Record):
    """One link of the chain: `hash` is sha256 over the entry's canonical bytes without `hash` (see `store.chain`).

    `kind` is "epoch", "checkpoint" or "decision". An epoch entry opens the epoch that its own offset names, and
    carries -1; all others carry their epoch. `accepted` are the inputs since the entry before, `settled` the next
    offsets to read; `sent` is the highest sequence whose messages all are confirmed.
    `signature` is the control process's over the entry as the head (see `store.heads`), empty where it has no key.
    """

    sequence: int
    previous_hash: str
    hash: str
    epoch: int
    kind: str
    accepted: list[Accepted]
    settled: list[Position]
    sent: int
    decisions: list[Decision]
    signature: str = ""
