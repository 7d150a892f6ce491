"""The journal's topic: the control process writes it, and reads it all the time, its own entries included.

An entry counts from when it is read back and extends the chain. So a writer that was overtaken while it was cut off,
or frozen, learns of it before anything else of what it decided goes out.
"""

import math
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from schemas.codec import Codec
from schemas.errors import BrokerError, Fenced, RecordError, StoreError
from schemas.records import JournalEntry
from schemas.topics import JOURNAL
from store import chain
from store.chain import Head
from streams.consuming import TIMEOUT_S, at_end, consumer, is_record, producer, there

WAIT_S = 0.1
LAST_WORD_S = 5.0
"""For what is under way, after the process was told to stop."""


@dataclass(frozen=True, slots=True)
class Link:
    """An entry that counts, the head that it makes, and Kafka's time of it."""

    entry: JournalEntry
    after: Head
    at: datetime


class Journal:
    """`head` is the last entry that was read and counts."""

    def __init__(self, config: Mapping[str, Any], topic_prefix: str, group: str, codec: Codec) -> None:
        self._topic = topic_prefix + JOURNAL.name
        self._codec = codec
        self._consumer = consumer(config, group, JOURNAL.largest_record)
        self._producer = producer(config)
        self.head = Head()

    def begin(self, head: Head) -> None:
        """Goes to where the head ends. Raises StoreError when the topic does not reach from there on."""
        place = TopicPartition(self._topic, 0, head.next_offset)
        low, high = self._consumer.get_watermark_offsets(place, TIMEOUT_S)
        if not low <= head.next_offset <= high:
            raise StoreError(
                f"the journal holds the offsets {low} to {high}, the knowledge file goes on at {head.next_offset}: "
                "restore the topic; or restore the newest backup of the file, if the journal's start is gone"
            )
        self._consumer.assign([place])
        self.head = head

    def to_the_end(self, stop: threading.Event) -> Iterator[Link]:
        """What counts of all that is there. Raises StoreError, and BrokerError when told to stop before."""
        while not stop.is_set():
            for message in there(self._consumer, 500, WAIT_S):
                if at_end(message):
                    return
                if (link := self._link(self._read(message))) is not None:
                    yield link
        raise BrokerError("told to stop before the journal was read")

    def follow(self) -> list[Link]:
        """What counts of all that came meanwhile; does not wait."""
        links = [self._link(self._read(message)) for message in self._consumer.consume(500, 0)]
        return [link for link in links if link is not None]

    def append(self, entry: JournalEntry, stop: threading.Event) -> Link:
        """Writes the entry, which is sealed, and returns it when it counts.

        Raises Fenced when another's entry came before it. A Kafka that is away is waited for, but for 5 s only when
        told to stop: then it raises BrokerError, and the entry may still come to count.
        """
        failed: list[KafkaError] = []
        self._producer.produce(
            self._topic,
            self._codec.encode(entry),
            partition=0,
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
        patience = math.inf
        while time.monotonic() < patience:
            if stop.is_set():
                patience = min(patience, time.monotonic() + LAST_WORD_S)
            self._producer.poll(0)
            if failed:
                raise KafkaException(failed[0])
            for message in there(self._consumer, 1, WAIT_S):
                epoch = self.head.epoch
                if (read := self._read(message)) is None:
                    continue
                link = self._link(read)
                if read[0].hash == entry.hash and link is not None:
                    return link
                if read[0].hash == entry.hash or link is not None:
                    raise fenced(read[0], epoch)
        raise BrokerError("told to stop before Kafka had confirmed an entry of the journal")

    def close(self) -> None:
        self._consumer.close()
        self._producer.purge()
        self._producer.flush(0)

    def _read(self, message: Message) -> tuple[JournalEntry, int, datetime] | None:
        """The entry, its offset and Kafka's time; None for what is no record. Raises StoreError for what is none."""
        if not is_record(message):
            return None
        offset, at = cast(int, message.offset()), datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
        try:
            return self._codec.decode_as(JournalEntry, message.value()), offset, at
        except RecordError as error:
            raise StoreError(f"the journal is damaged: what is at offset {offset} is no entry ({error})") from error

    def _link(self, read: tuple[JournalEntry, int, datetime] | None) -> Link | None:
        """Takes the entry, if it counts. Raises StoreError where the chain is broken."""
        if read is None or (after := chain.follow(self.head, *read[:2])) is None:
            return None
        self.head = after
        return Link(read[0], after, read[2])


def clock_ahead(before: datetime, at: datetime, after: datetime) -> timedelta:
    """By which this machine's clock is ahead of Kafka's, whose time `at` lies between two of its own.

    Negative where it is behind, zero where it may be right.
    """
    return max(before - at, timedelta(0)) + min(after - at, timedelta(0))


def fenced(entry: JournalEntry, epoch: int) -> Fenced:
    """That another process wrote this entry while this one had the epoch."""
    return Fenced(
        f"another control process ({entry.instance}) has taken over from this one, whose epoch was {epoch}: stop one "
        "of them. This one ends; what it had not in the journal before does not count"
    )
