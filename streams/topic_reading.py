"""All that a topic holds, for the commands of people."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from schemas.codec import Codec
from schemas.errors import BrokerError, RecordError
from schemas.records import Record
from schemas.topics import Topic

WAIT_S = 30
R = TypeVar("R", bound=Record)


def read(config: Mapping[str, Any], prefix: str, group: str, topic: Topic, model: type[R], codec: Codec) -> Iterator[R]:
    """The records, those of one partition oldest first; what is none of them is passed over.

    `config` is that of any client of confluent-kafka, `prefix` that of the topics. Nothing is committed: `group` is
    only a name that rights are granted to. Raises BrokerError.
    """
    name = prefix + topic.name
    consumer = _consumer(config, group, topic)
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


def _consumer(config: Mapping[str, Any], group: str, topic: Topic) -> Consumer:
    ours = {
        "group.id": group,
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
