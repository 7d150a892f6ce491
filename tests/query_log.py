"""Records of the query log for tests, and what is read back from the topics behind it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from schemas.codec import Codec
from schemas.records import QueryEvent, QueryLogBatch, QueryShape
from schemas.topics import QUERY_LOG, Topic, key_of

CODEC = Codec()
WAIT_S = 60


def batch(database: str, latencies_us: Sequence[int], statements: Sequence[str] = ("SELECT 1",)) -> QueryLogBatch:
    """Runs with these latencies, spread evenly over the statements, as of now."""
    return QueryLogBatch(
        product="sales",
        database=database,
        instance="web-1",
        event_id="e",
        time=datetime.now(UTC),
        catalog_hash="c",
        duckdb_version="2.0.0",
        dropped=0,
        shapes=[QueryShape(fingerprint="f", statement=text, kind="select") for text in statements],
        events=[
            QueryEvent(shape=n % len(statements), offset_us=0, latency_us=latency, rows=1)
            for n, latency in enumerate(latencies_us)
        ],
    )


def produce(
    config: dict[str, Any],
    prefix: str,
    records: Iterable[bytes | None],
    partition: int | None = None,
    topic: Topic = QUERY_LOG,
) -> None:
    """Without a partition, evenly over all of them."""
    producer = Producer({**config, "message.max.bytes": topic.largest_record, "linger.ms": 5})
    failed: list[object] = []
    for n, record in enumerate(records):
        producer.produce(
            prefix + topic.name,
            record,
            key_of("sales", "main"),
            partition=n % topic.partitions if partition is None else partition,
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
        producer.poll(0)
    assert producer.flush(WAIT_S) == 0
    assert failed == []


class Outputs:
    """All that comes into a topic, from its beginning."""

    def __init__(self, config: dict[str, Any], prefix: str, topic: Topic) -> None:
        name = prefix + topic.name
        self._consumer = Consumer(
            {**config, "log_level": 0, "group.id": f"{name}-outside", "fetch.message.max.bytes": 2**23}
        )
        self._consumer.assign([TopicPartition(name, partition, 0) for partition in range(topic.partitions)])
        self.values: list[bytes] = []
        self.records: list[Any] = []

    def until(self, count: int) -> list[Any]:
        """The records once at least so many are there."""
        while (missing := count - len(self.records)) > 0:
            found = self._consumer.consume(1, WAIT_S)
            assert found, f"{missing} of {count} records are missing, and none came for {WAIT_S} s"
            self._keep([*found, *self._consumer.consume(missing - 1, 0)])
        return self.records

    def rest(self) -> list[Any]:
        """All records, once none has come for a second."""
        while found := self._consumer.consume(1, 1):
            self._keep(found)
        return self.records

    def close(self) -> None:
        self._consumer.close()

    def _keep(self, messages: list[Message]) -> None:
        for message in messages:
            value = message.value() or b""
            self.values.append(value)
            self.records.append(CODEC.decode(value))


def committed(config: dict[str, Any], group: str, topic: str, partitions: int) -> int:
    """The sum of the group's offsets in the topic."""
    consumer = Consumer({**config, "group.id": group})
    asked = [TopicPartition(topic, partition) for partition in range(partitions)]
    while True:
        try:
            places = consumer.committed(asked, WAIT_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.NOT_COORDINATOR:  # a broker that has just started becomes it
                raise
        else:
            consumer.close()
            return sum(max(place.offset, 0) for place in places)
