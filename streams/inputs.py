"""The topics that the control process reads, each partition from the offset that the store holds.

No consumer group takes part: partitions are assigned by hand, nothing is committed to Kafka, and an offset that is
gone is an error, never a silent jump.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from confluent_kafka import Message, TopicPartition

from schemas.errors import BrokerError, StoreError, TopicError
from store.inputs import Log, Partition
from store.projection import INPUTS, Arrived
from streams.consuming import TIMEOUT_S, at_end, consumer, is_record, there

MOST = 5000
ENOUGH = 500
WITHIN_S = 0.25
IDLE_S = 0.1


class Inputs:
    def __init__(self, config: Mapping[str, Any], topic_prefix: str, group: str) -> None:
        self._prefix = topic_prefix
        self._topics = {topic_prefix + topic.name: topic.name for topic in INPUTS}
        self._consumer = consumer(config, group, max(topic.largest_record for topic in INPUTS))
        self._partitions: list[Partition] = []
        self._last_take = 0.0

    @property
    def names(self) -> list[str]:
        """The topics' names with the prefix."""
        return list(self._topics)

    def full_name(self, topic: str) -> str:
        return self._prefix + topic

    def logs(self, ids: Mapping[str, str]) -> dict[Partition, Log]:
        """What Kafka has now; `ids` are the topics' by their whole names. Raises TopicError for a missing one.

        Nothing is taken from then on until the next `begin`.
        """
        self._consumer.unassign()  # the answers would wait behind its fetches, 100 ms each
        logs: dict[Partition, Log] = {}
        for name, topic in self._topics.items():
            found = self._consumer.list_topics(name, TIMEOUT_S).topics[name]
            if found.error is not None:
                raise TopicError(f"topic {name}: {found.error.str()}")
            for partition in found.partitions:
                place = TopicPartition(name, partition)
                low, high = self._consumer.get_watermark_offsets(place, TIMEOUT_S)
                logs[topic, partition] = Log(ids[name], low, high)
        return logs

    def begin(self, positions: Mapping[Partition, int]) -> None:
        self._partitions = list(positions)
        self._consumer.assign(
            [TopicPartition(self._prefix + topic, partition, at) for (topic, partition), at in positions.items()]
        )
        self._last_take = 0.0

    def take(self) -> list[Message]:
        """What there is to be applied together, at most MOST.

        A record that comes after a pause is not kept waiting. In a steady flow there is a batch for every ENOUGH
        records, or every 250 ms: each costs a commit. Without any, it returns after 100 ms.
        """
        pause = self._last_take + WITHIN_S - time.monotonic()
        messages = self._consumer.consume(ENOUGH, pause) if pause > 0 else []
        if messages:
            messages += self._consumer.consume(MOST - len(messages), 0)
        else:
            messages = there(self._consumer, MOST, IDLE_S)
        if records := [message for message in messages if is_record(message)]:
            self._last_take = time.monotonic()
        return records

    def up_to(
        self, positions: Mapping[Partition, int], targets: Mapping[Partition, int], stop: threading.Event
    ) -> Iterator[list[Message]]:
        """Batches of all records from the positions to the targets, these excluded.

        Raises StoreError where a partition ends before its target, BrokerError when told to stop before.
        """
        left = {place: target for place, target in targets.items() if positions.get(place, 0) < target}
        self.begin({place: positions.get(place, 0) for place in left})
        while left:
            if stop.is_set():
                raise BrokerError("told to stop before the store had caught up")
            batch = []
            for message in there(self._consumer, MOST, IDLE_S):
                ends = at_end(message)
                if not (ends or is_record(message)):
                    continue
                place, offset = self.place(message), cast(int, message.offset())
                if (target := left.get(place)) is None:
                    continue
                if ends and offset < target:
                    raise StoreError(
                        f"partition {place[1]} of {place[0]} ends at offset {offset}, but the journal has settled "
                        f"{target}: Kafka has lost records. Restore the topic"
                    )
                if offset < target:
                    batch.append(message)
                if offset + 1 >= target:
                    del left[place]
            if batch:
                yield batch

    def place(self, message: Message) -> Partition:
        return self._topics[cast(str, message.topic())], cast(int, message.partition())

    def arrived(self, messages: Sequence[Message]) -> list[Arrived]:
        return [
            Arrived(
                *self.place(message),
                cast(int, message.offset()),
                message.value(),
                datetime.fromtimestamp(max(message.timestamp()[1], 0) / 1000, UTC),
            )
            for message in messages
        ]

    def lag(self, positions: Mapping[Partition, int]) -> int:
        """Records that wait to be read, by what the consumer was last told of the topics' ends."""
        waiting = 0
        for topic, partition in self._partitions:
            known = self._consumer.get_watermark_offsets(TopicPartition(self._prefix + topic, partition), cached=True)
            if known and known[1] >= 0:
                waiting += max(0, known[1] - positions.get((topic, partition), 0))
        return waiting

    def close(self) -> None:
        self._consumer.close()
