"""Records that somebody hands in, to Kafka, each confirmed before anybody is told that it was taken."""

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.codec import Codec
from schemas.errors import BrokerError
from schemas.records import Record
from schemas.topics import Topic, key_of

WAIT_S = 10
"""For Kafka to confirm; after it a record is not sent any more."""
POLL_S = 0.1


class Sending:
    """For any thread. `config` is that of any client of confluent-kafka, `prefix` that of the topics."""

    def __init__(self, config: Mapping[str, Any], prefix: str, codec: Codec) -> None:
        self._config = {
            **config, "enable.idempotence": True, "log_level": 0, "delivery.timeout.ms": 1000 * WAIT_S, "linger.ms": 0,
        }  # fmt: skip
        self._prefix = prefix
        self._codec = codec
        self._producer = Producer(self._config)

    def send(self, topic: Topic, record: Record) -> tuple[int, int]:
        """Partition and offset, once Kafka has it. Raises BrokerError, after which it may yet be there."""
        confirmed: list[tuple[KafkaError | None, int, int]] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            confirmed.append((error, message.partition() or 0, message.offset() or 0))

        what = f"the {type(record).__name__.lower()} was not sent"
        producer = self._producer
        try:
            key = key_of(record.product, record.database)
            producer.produce(self._prefix + topic.name, self._codec.encode(record), key, on_delivery=delivered)
        except (KafkaException, BufferError) as error:
            raise BrokerError(f"{what}: {_told(error)}") from error
        late = time.monotonic() + WAIT_S + 1
        while not confirmed and time.monotonic() < late:
            producer.poll(POLL_S)
        failure, partition, offset = confirmed[0] if confirmed else (KafkaError(KafkaError._TIMED_OUT), 0, 0)
        if failure is None:
            return partition, offset
        if failure.fatal():  # of no more use
            self._producer = Producer(self._config)
        raise BrokerError(f"{what}: {failure.str()}")

    def close(self) -> None:
        self._producer.purge()
        self._producer.flush(0)


def _told(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.str() if isinstance(reason, KafkaError) else str(reason)
