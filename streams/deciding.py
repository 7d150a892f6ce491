"""The decisions of one entry of the journal, as they are taken."""

from schemas.records import Decision, Outgoing, Record
from schemas.topics import ANALYSIS_REQUESTS, JOURNAL, Topic, key_of
from store.chain import Head, derived

ENVELOPE = 2048
"""Bytes that the journal or Kafka add to a decision or a message, at the most."""
LARGEST_ENTRY = JOURNAL.largest_record - ANALYSIS_REQUESTS.largest_record - (1 << 20)
"""Bytes of decisions in an entry: one more still fits then."""


class Deciding:
    """Of the entry after `head`. Ids come from the head and the place among the decisions."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.decisions: list[Decision] = []
        self._size = 0

    @property
    def full(self) -> bool:
        """Whether what is to be decided beyond has to wait for the next entry."""
        return self._size >= LARGEST_ENTRY

    def derived(self, what: str) -> str:
        """An id for what the next decision brings about."""
        return derived(self.head, what, len(self.decisions))

    def decide(self, kind: str, product: str, database: str, body: bytes, *messages: Outgoing) -> None:
        self._size += len(body) + sum(len(message.value) for message in messages) + ENVELOPE
        self.decisions.append(
            Decision(
                decision_id=self.derived("decision"),
                kind=kind,
                product=product,
                database=database,
                body=body,
                messages=list(messages),
            )
        )


def outgoing(topic: Topic, record: Record, value: bytes) -> Outgoing:
    """The record, encoded as `value`, as a message of a decision."""
    key = key_of(record.product, record.database)
    return Outgoing(message_id=record.event_id, topic=topic.name, key=key, value=value)
