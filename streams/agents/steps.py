"""What an agent is: one step from a record to the records that it causes, with nothing else in hand.

A step knows nothing of Faust. It is a pure function of the record, so that a redelivery makes the same outputs.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from schemas.records import Position
from schemas.topics import Topic

ENVELOPE = 1024
"""Bytes that Kafka adds to a record, at the most, counted against a topic's largest."""


@dataclass(frozen=True, slots=True)
class Input:
    """A record as it came. `timestamp_ms` is Kafka's; headers may repeat."""

    source: Position
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)


@dataclass(frozen=True, slots=True)
class Output:
    topic: Topic
    key: bytes
    value: bytes

    def fits(self) -> bool:
        return len(self.key) + len(self.value) + ENVELOPE <= self.topic.largest_record


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a record led to. `refused` is why it is a dead letter; `counts` are for the metrics."""

    outputs: list[Output]
    counts: Counter[str] = field(default_factory=Counter)
    refused: str | None = None


class Step(Protocol):
    name: str

    def __call__(self, record: Input) -> Outcome:
        """Any exception but BrokerError makes the record a dead letter."""

    def instead(self, record: Input) -> list[Output]:
        """What is owed even for a record that cannot be read, beside its dead letter."""
