"""One record to Kafka, for the commands of people."""

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.codec import Codec
from schemas.errors import BrokerError
from schemas.records import Record
from schemas.topics import Topic, key_of

WAIT_S = 30


def send(config: Mapping[str, Any], prefix: str, codec: Codec, topic: Topic, record: Record) -> None:
    """Returns when Kafka has it. Raises BrokerError."""
    what = f"the {type(record).__name__.lower()} was not sent"
    failed: list[str] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error:
            failed.append(error.str())

    producer = Producer({**config, "enable.idempotence": True, "log_level": 0})
    try:
        key = key_of(record.product, record.database)
        producer.produce(prefix + topic.name, codec.encode(record), key, on_delivery=delivered)
    except KafkaException as error:
        raise BrokerError(f"{what}: {error.args[0].str()}") from error
    if producer.flush(WAIT_S) or failed:
        reason = failed[0] if failed else f"Kafka did not confirm it within {WAIT_S} s"
        raise BrokerError(f"{what}: {reason}")
