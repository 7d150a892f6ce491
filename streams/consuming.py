"""How the control process reads and writes Kafka.

It assigns partitions by hand, from known offsets, and what is gone is an error.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from schemas.errors import BrokerError, StoreError
from schemas.topics import LARGEST_RECORD

LOGGER = logging.getLogger("librdkafka")
TIMEOUT_S = 30
"""For a question to Kafka."""
AGAIN_S = (0.5, 1.0, 2.0)
NO_LEADER = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
T = TypeVar("T")


def consumer(config: Mapping[str, Any], group: str, largest_record: int) -> Consumer:
    """One that commits nothing and never jumps; the group is only a name that rights can be granted to."""
    return Consumer(
        {
            **config,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "fetch.message.max.bytes": largest_record,
            "queued.max.messages.kbytes": 32 * 1024,
            "fetch.wait.max.ms": 100,  # the end of a partition is told after so long
            "reconnect.backoff.max.ms": 1000,
        },
        logger=LOGGER,
    )


def producer(config: Mapping[str, Any]) -> Producer:
    """One that waits for a broker that is away, and never doubles by trying again."""
    return Producer(
        {
            **config,
            "enable.idempotence": True,
            "linger.ms": 0,
            "compression.type": "gzip",
            "message.max.bytes": LARGEST_RECORD,
            "message.timeout.ms": 0,
            "reconnect.backoff.max.ms": 1000,
        },
        logger=LOGGER,
    )


def there(consumer: Consumer, most: int, timeout_s: float) -> list[Message]:
    """What has come, at most `most`; waits only for the first."""
    first = consumer.poll(timeout_s)
    return [first, *consumer.consume(most - 1, 0)] if first is not None else []


def at_end(message: Message) -> bool:
    """Whether it only says that a partition has no more, at its offset."""
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF


def is_record(message: Message) -> bool:
    """Raises StoreError or BrokerError for what does not pass by itself."""
    if (error := message.error()) is None:
        return True
    match error.code():
        case KafkaError._AUTO_OFFSET_RESET | KafkaError.OFFSET_OUT_OF_RANGE:
            raise StoreError(
                f"what is to be read next of {message.topic()} is gone from it ({error.str()}): keep records longer, "
                "or start anew from a backup of the knowledge file"
            )
        case KafkaError.UNKNOWN_TOPIC_OR_PART | KafkaError._UNKNOWN_PARTITION | KafkaError._UNKNOWN_TOPIC:
            raise StoreError(f"{message.topic()} is gone: restore it, or set the knowledge file aside and start anew")
        case KafkaError.TOPIC_AUTHORIZATION_FAILED | KafkaError.GROUP_AUTHORIZATION_FAILED:
            raise BrokerError(f"{message.topic()} cannot be read: {error.str()}; grant the right")
    return False


def patiently(work: Callable[[], T]) -> T:
    """Tries again where a partition is just getting its leader, as after Kafka's start. Raises BrokerError."""
    waits_s = list(AGAIN_S)
    while True:
        try:
            return work()
        except KafkaException as error:
            reason = error.args[0]
            if not waits_s or reason.code() not in NO_LEADER:
                raise BrokerError(f"Kafka does not answer: {reason.str()}") from error
        time.sleep(waits_s.pop(0))
