"""Topics for the commands of people, in no group: all that one holds, or what comes to several from now on."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from schemas.codec import Codec
from schemas.errors import BrokerError, RecordError
from schemas.records import Record
from schemas.topics import Topic

WAIT_S = 30
R = TypeVar("R", bound=Record)


def read(config: Mapping[str, Any], prefix: str, topic: Topic, model: type[R], codec: Codec) -> Iterator[R]:
    """The records, those of one partition oldest first; what is none of them is passed over.

    `config` is that of any client of confluent-kafka, `prefix` that of the topics. Raises BrokerError.
    """
    name = prefix + topic.name
    consumer = _consumer(config, topic)
    try:
        partitions = _partitions(consumer, name)
        consumer.assign([TopicPartition(name, partition, OFFSET_BEGINNING) for partition in partitions])
        for value in _to_the_ends(consumer, name, len(partitions)):
            with suppress(RecordError):
                yield codec.decode_as(model, value)
    except KafkaException as error:
        raise BrokerError(f"{name} cannot be read: {error.args[0].str()}") from error
    finally:
        consumer.close()


Following = Callable[[Callable[[Record], bool], float], Record | None]
"""The next record that the function says yes to, None where none has come after so many seconds."""


@contextmanager
def following(config: Mapping[str, Any], prefix: str, codec: Codec, *topics: Topic) -> Iterator[Following]:
    """What comes to the topics from now on. Raises BrokerError."""
    consumer = _consumer(config, max(topics, key=lambda topic: topic.largest_record))

    def until(fits: Callable[[Record], bool], wait_s: float) -> Record | None:
        late = time.monotonic() + wait_s
        while (left := late - time.monotonic()) > 0:
            message = consumer.poll(left)
            if message is None or message.error() or message.value() is None:
                continue
            with suppress(RecordError):
                if fits(record := codec.decode(message.value())):
                    return record
        return None

    try:
        places = [
            TopicPartition(prefix + topic.name, partition)
            for topic in topics
            for partition in _partitions(consumer, prefix + topic.name)
        ]
        ends = [consumer.get_watermark_offsets(place, WAIT_S)[1] for place in places]
        consumer.assign([TopicPartition(at.topic, at.partition, end) for at, end in zip(places, ends, strict=True)])
        yield until
    except KafkaException as error:
        raise BrokerError(f"Kafka does not answer: {error.args[0].str()}") from error
    finally:
        consumer.close()


def _consumer(config: Mapping[str, Any], topic: Topic) -> Consumer:
    ours = {
        "group.id": "none",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "fetch.message.max.bytes": topic.largest_record,
        "fetch.wait.max.ms": 10,  # the end of a partition is told after so long
    }
    return Consumer({**config, **ours})


def _partitions(consumer: Consumer, name: str) -> list[int]:
    found = consumer.list_topics(name, WAIT_S).topics[name]
    if found.error:
        raise BrokerError(f"{name}: {found.error.str()}")
    return list(found.partitions)


def _to_the_ends(consumer: Consumer, name: str, partitions: int) -> Iterator[bytes | None]:
    ended: set[int | None] = set()
    while len(ended) < partitions:
        if (message := consumer.poll(WAIT_S)) is None:
            raise BrokerError(f"{name} cannot be read: nothing came for {WAIT_S} s")
        if (error := message.error()) is None:
            yield message.value()
        elif error.code() == KafkaError._PARTITION_EOF:
            ended.add(message.partition())
        else:
            raise KafkaException(error)
