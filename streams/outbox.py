"""Sends what the store owes to other topics: in order, each until Kafka has confirmed it, none twice.

A message carries its id in a header. After a restart the topic is read back from where the message cannot have been
before, and what is there is not sent again. No transaction is needed, nor could one be trusted on a single broker.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.errors import BrokerError, TopicError
from schemas.records import Outgoing
from schemas.topics import ANALYSIS_REQUESTS, DEAD_LETTERS, LARGEST_RECORD, OPERATIONS, OUTCOMES, RULINGS, VERDICTS
from store.outbox import Pending
from streams.consuming import TIMEOUT_S, at_end, consumer, is_record, producer, there

TOPICS = (ANALYSIS_REQUESTS.name, RULINGS.name, OPERATIONS.name, OUTCOMES.name, VERDICTS.name, DEAD_LETTERS.name)
"""Those that the control process sends to."""
MESSAGE_ID = "message-id"
RETRY_S = 30.0

logger = structlog.get_logger(__name__)


class Outbox:
    """For one thread. What is in flight stays so while the store is tried again."""

    def __init__(self, config: Mapping[str, Any], topic_prefix: str, group: str) -> None:
        self._config = config
        self._group = group
        self._prefix = topic_prefix
        self._producer = producer(config)
        self._flying: set[str] = set()
        self._again: dict[str, float] = {}
        self.confirmed: set[str] = set()
        """Ids that Kafka has, and that `forget` was not told of."""
        self.ends: dict[tuple[str, int], int] = {}
        """By topic and partition, up to where it is filled at least."""

    def begin(self, pending: Sequence[Pending]) -> None:
        """Finds out which of the messages are in their topics already. Raises TopicError."""
        reader = consumer(self._config, self._group, LARGEST_RECORD)
        try:
            for topic in TOPICS:
                owed = [one for one in pending if one.message.topic == topic]
                self._begin(reader, topic, {one.message.message_id for one in owed}, [one.since for one in owed])
        finally:
            reader.close()

    def send(self, pending: Sequence[Pending]) -> None:
        """Sends those that are not under way and not confirmed, in their order. Does not wait for Kafka."""
        now = time.monotonic()
        for one in pending:
            message = one.message
            under_way = message.message_id in self._flying or message.message_id in self.confirmed
            if under_way or self._again.get(message.message_id, 0) > now:
                continue
            try:
                self._producer.produce(
                    self._prefix + message.topic,
                    message.value,
                    message.key,
                    headers=[(MESSAGE_ID, message.message_id.encode())],
                    on_delivery=partial(self._delivered, message),
                )
            except BufferError:
                return  # the rest comes with the next turn
            except KafkaException as error:
                self._refused(message, error.args[0])
            else:
                self._flying.add(message.message_id)

    def poll(self, timeout_s: float = 0) -> None:
        self._producer.poll(timeout_s)

    @property
    def idle(self) -> bool:
        return not self._flying

    def forget(self, message_ids: Iterable[str]) -> None:
        """The store owes them no longer."""
        self.confirmed.difference_update(message_ids)

    def close(self) -> None:
        self._producer.purge()
        self._producer.flush(0)

    def _begin(self, reader: Consumer, topic: str, owed: set[str], since: Sequence[Mapping[int, int] | None]) -> None:
        name = self._prefix + topic
        found = reader.list_topics(name, TIMEOUT_S).topics[name]
        if found.error is not None:
            raise TopicError(f"topic {name}: {found.error.str()}")
        from_on = []
        for partition in found.partitions:
            low, high = reader.get_watermark_offsets(TopicPartition(name, partition), TIMEOUT_S)
            self.ends[topic, partition] = max(high, self.ends.get((topic, partition), 0))
            start = min((max(low, (one or {}).get(partition, low)) for one in since), default=high)
            if start < high:
                from_on.append(TopicPartition(name, partition, start))
        if from_on:
            self.confirmed |= owed & _ids(reader, from_on)

    def _delivered(self, message: Outgoing, error: KafkaError | None, record: Message) -> None:
        self._flying.discard(message.message_id)
        if error is not None:
            self._refused(message, error)
            return
        self.confirmed.add(message.message_id)
        self._again.pop(message.message_id, None)
        offset = record.offset()
        if offset is not None and offset >= 0:  # a report can come without it
            place = message.topic, cast(int, record.partition())
            self.ends[place] = max(offset + 1, self.ends.get(place, 0))

    def _refused(self, message: Outgoing, error: KafkaError) -> None:
        if error.fatal():
            raise BrokerError(f"the producer cannot go on: {error.str()}; start the process again")
        self._again[message.message_id] = time.monotonic() + RETRY_S
        logger.error("Kafka refuses a message, which stays in the outbox", topic=message.topic, reason=error.str())


def _ids(reader: Consumer, from_on: Sequence[TopicPartition]) -> set[str]:
    """The message ids in these partitions, to their ends."""
    found: set[str] = set()
    reader.assign(list(from_on))
    left = len(from_on)
    while left:
        for message in there(reader, 500, TIMEOUT_S):
            if is_record(message):
                headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
                found.update(value.decode(errors="replace") for name, value in headers if name == MESSAGE_ID and value)
            left -= at_end(message)
    reader.unassign()  # or the answers to what is asked next would wait behind its fetches, 100 ms each
    return found
