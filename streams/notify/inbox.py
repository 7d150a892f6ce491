"""The topics that people are told of, read for one receiver, which has a consumer group of its own.

What is committed is told. Something that waits holds that back for its whole partition, so what was told beyond it is
named in the metadata of the commit: nothing is kept on this machine, and nothing is told twice after a restart.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from confluent_kafka import Message, TopicPartition

from schemas.codec import Codec
from schemas.errors import BrokerError, RecordError
from schemas.records import Record
from schemas.topics import OUTCOMES, RULINGS, SUGGESTIONS, VERDICTS
from streams.consuming import consumer, is_record
from streams.topic_admin import NEEDS_GROUP

from .waiting import Place

TOPICS = (SUGGESTIONS, RULINGS, OUTCOMES, VERDICTS)
ROLE = "notify"
MOST = 50
ASK_S = 10
"""For a question to Kafka, which must not keep the sidecar from stopping; and so for a commit."""
PATIENCE = {"session.timeout.ms": 6000, "socket.timeout.ms": ASK_S * 1000}
REMEMBERED = 50
"""Records of a partition before those that are new, whose ids are known again after a restart."""
LONGEST_METADATA = 3000
"""Characters, of which Kafka takes 4096. What does not fit may be told twice after a restart."""

RENEWED_S = 86_400.0
"""Between two commits of all: Kafka forgets an offset a week after it was committed."""


@dataclass(slots=True)
class Progress:
    """Of one partition: `next` is to be read next, `waiting` are not told yet, `told` were beyond one that waits."""

    next: int
    waiting: set[int] = field(default_factory=set)
    told: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, offset: int, metadata: str) -> "Progress":
        """As it was committed. Raises ValueError for what somebody else has committed."""
        return cls(offset, told={int(one) for one in metadata.split()})

    def committed(self) -> tuple[int, str]:
        """The offset, and what goes with it."""
        offset = min(self.waiting, default=self.next)
        self.told = {one for one in self.told if one >= offset}
        text = " ".join(map(str, sorted(self.told)))
        return offset, text if len(text) <= LONGEST_METADATA else text[:LONGEST_METADATA].rpartition(" ")[0]


class Inbox:
    """Every method may wait for Kafka, and raises BrokerError, StoreError or KafkaException. Close it after use."""

    def __init__(
        self, config: Mapping[str, Any], topic_prefix: str, group_prefix: str, receiver: str, codec: Codec
    ) -> None:
        group = group_prefix + NEEDS_GROUP[ROLE] + receiver
        self._carries = {topic_prefix + topic.name: topic.carries[0] for topic in TOPICS}
        self._consumer = consumer({**config, **PATIENCE}, group, max(topic.largest_record for topic in TOPICS))
        self._codec = codec
        self._progress: dict[tuple[str, int], Progress] = {}
        self._new_from: dict[tuple[str, int], int] = {}
        self._renew = 0.0
        self._committed: dict[tuple[str, int], tuple[int, str]] = {}
        self._seen: dict[str, None] = {}

    def begin(self) -> None:
        """Goes on from where the receiver was told. At the very first start that is the end of what is there."""
        places = [place for name in self._carries for place in self._partitions(name)]
        reading = []
        for place in self._consumer.committed(places, ASK_S):
            at = place.topic, place.partition
            low, high = self._consumer.get_watermark_offsets(place, ASK_S)
            progress = Progress(high)
            if 0 <= place.offset <= high:
                with suppress(ValueError):
                    progress = Progress.of(max(low, place.offset), place.metadata or "")
            self._progress[at] = progress
            self._new_from[at] = progress.next
            reading.append(TopicPartition(*at, max(low, progress.next - REMEMBERED)))
        self._consumer.assign(reading)

    def take(self) -> list[tuple[Place, Record]]:
        """What has come, each once, and behind us unless it is held. What is no record is passed over."""
        found = []
        for message in self._consumer.consume(MOST, 0):
            if is_record(message) and (record := self._new(message)):
                place = cast(str, message.topic()), cast(int, message.partition()), cast(int, message.offset())
                found.append((place, record))
        return found

    def hold(self, place: Place) -> None:
        """It waits to be told."""
        topic, partition, offset = place
        self._progress[topic, partition].waiting.add(offset)

    def told(self, places: Iterable[Place]) -> None:
        for topic, partition, offset in places:
            progress = self._progress[topic, partition]
            progress.waiting.discard(offset)
            progress.told.add(offset)

    def commit(self) -> None:
        """What was told since the last time. Returns when Kafka has it."""
        now = {at: progress.committed() for at, progress in self._progress.items()}
        if time.monotonic() < self._renew:
            now = {at: state for at, state in now.items() if self._committed.get(at) != state}
        else:
            self._renew = time.monotonic() + RENEWED_S
        offsets = [TopicPartition(*at, offset, metadata) for at, (offset, metadata) in now.items()]
        for place in self._consumer.commit(offsets=offsets, asynchronous=False) if offsets else []:
            if place.error:
                raise BrokerError(f"what was told of {place.topic} cannot be kept: {place.error.str()}")
        self._committed |= now

    def close(self) -> None:
        self._consumer.close()

    def _new(self, message: Message) -> Record | None:
        at, offset = (cast(str, message.topic()), cast(int, message.partition())), cast(int, message.offset())
        progress = self._progress[at]
        progress.next = max(progress.next, offset + 1)
        try:
            record = self._codec.decode_as(self._carries[at[0]], message.value())
        except RecordError:
            return None  # the control process says so
        is_known = record.event_id in self._seen or offset < self._new_from[at] or offset in progress.told
        self._remember(record.event_id)
        return None if is_known else record

    def _remember(self, event_id: str) -> None:
        self._seen[event_id] = None
        if len(self._seen) > REMEMBERED * len(self._progress):
            del self._seen[next(iter(self._seen))]

    def _partitions(self, name: str) -> list[TopicPartition]:
        found = self._consumer.list_topics(name, ASK_S).topics[name]
        if found.error:
            raise BrokerError(f"{name}: {found.error.str()}")
        return [TopicPartition(name, partition) for partition in found.partitions]
