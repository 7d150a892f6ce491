"""What an agent is: one step from a record to the records that it causes, with nothing else in hand.

A step knows nothing of Faust. It is a pure function of the record, so that a redelivery makes the same outputs.
The three kinds of values here go between processes by the hundred, so they are tuples of plain values.
"""

from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from inference.judgement.features import Features
from inference.judgement.judged import Judgement
from inference.language.asks import Ask, Reply
from schemas.records import Position
from schemas.topics import TOPICS

INSTANCE = "streams"
"""What made a record, where no process of a product did: the same whichever worker it was."""
BY_NAME = {topic.name: topic for topic in TOPICS}
"""Without the prefix."""


class Input(NamedTuple):
    """A record as it came. `topic` is its whole name, `timestamp_ms` is Kafka's; headers may repeat."""

    topic: str
    topic_id: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def source(self) -> Position:
        return Position(topic=self.topic, topic_id=self.topic_id, partition=self.partition, offset=self.offset)

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)


class Output(NamedTuple):
    """`topic` is its name without the prefix."""

    topic: str
    key: bytes
    value: bytes

    def fits(self) -> bool:
        return BY_NAME[self.topic].takes(self.key, self.value)


class Outcome(NamedTuple):
    """What a record led to. `refused` is why it is a dead letter; `counts` are for the metrics."""

    outputs: list[Output]
    counts: Mapping[str, int] = {}
    refused: str | None = None


Question = Features | Ask
"""Candidates that are to be ranked, or a text that is to be read."""
Told = Judgement | Reply | None
"""None where nobody can tell."""
Asking = Generator[Question, Told, Outcome]
"""A step that asks before it goes on, as often as it has to."""


class Step(Protocol):
    name: str

    def __call__(self, record: Input) -> Outcome | Asking:
        """Any exception but BrokerError makes the record a dead letter."""

    def instead(self, record: Input) -> list[Output]:
        """What is owed even for a record that cannot be read, beside its dead letter."""
