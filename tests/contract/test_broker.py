"""What the sidecar asks of every broker, the mock one and the real one."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from confluent_kafka import OFFSET_STORED, Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from tests import created_topics

WAIT_S = 30


@dataclass(frozen=True)
class Running:
    bootstrap_servers: str
    create_topic: Callable[[str, int], None]

    def producer(self, **settings: object) -> Producer:
        return Producer({"bootstrap.servers": self.bootstrap_servers, **settings})

    def consumer(self, group: str, **settings: object) -> Consumer:
        start = {"auto.offset.reset": "earliest", "enable.auto.commit": False}
        return Consumer({"bootstrap.servers": self.bootstrap_servers, "group.id": group, **start, **settings})


@pytest.fixture(params=["mock", "apache"])
def broker(request: pytest.FixtureRequest) -> Running:
    if request.param == "mock":
        mock = request.getfixturevalue("mock_kafka")
        return Running(mock.bootstrap_servers, mock.create_topic)
    kafka = request.getfixturevalue("kafka")
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})

    def create_topic(name: str, partitions: int) -> None:
        created_topics.create_topics(admin, NewTopic(name, partitions, 1))

    return Running(kafka.bootstrap_servers, create_topic)


def publish(producer: Producer, topic: str, values: list[bytes], partition: int = 0) -> None:
    for value in values:
        producer.produce(topic, value, partition=partition)
    assert producer.flush(WAIT_S) == 0


def values(messages: list[Message]) -> list[bytes | None]:
    return [message.value() for message in messages]


def test_a_created_topic_has_its_partitions(broker: Running, topic_prefix: str) -> None:
    topic = f"{topic_prefix}seven"
    broker.create_topic(topic, 7)
    assert sorted(broker.producer().list_topics(topic, WAIT_S).topics[topic].partitions) == list(range(7))


def test_a_record_comes_back_whole_and_in_order(broker: Running, topic_prefix: str) -> None:
    topic = f"{topic_prefix}records"
    broker.create_topic(topic, 1)
    delivered: list[tuple[object, int | None]] = []
    producer = broker.producer(acks="all")
    for value in (b"first", b"second"):
        producer.produce(
            topic,
            value,
            key=b"key",
            headers=[("message-id", b"\x00\xff"), ("message-id", b"again")],
            timestamp=1_700_000_000_123,
            on_delivery=lambda error, message: delivered.append((error, message.offset())),
        )
    assert producer.flush(WAIT_S) == 0
    assert delivered == [(None, 0), (None, 1)]

    consumer = broker.consumer(f"{topic_prefix}group")
    consumer.assign([TopicPartition(topic, 0, 0)])
    messages = consumer.consume(2, WAIT_S)
    assert [(m.value(), m.key(), m.headers(), m.offset(), m.timestamp()[1]) for m in messages] == [
        (value, b"key", [("message-id", b"\x00\xff"), ("message-id", b"again")], offset, 1_700_000_000_123)
        for offset, value in enumerate((b"first", b"second"))
    ]
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), WAIT_S) == (0, 2)
    consumer.close()


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_a_compressed_batch_comes_back_whole(broker: Running, topic_prefix: str, codec: str) -> None:
    topic = f"{topic_prefix}compressed"
    broker.create_topic(topic, 1)
    publish(broker.producer(**{"compression.type": codec}), topic, [b"x" * 10_000] * 20)
    consumer = broker.consumer(f"{topic_prefix}group")
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert values(consumer.consume(20, WAIT_S)) == [b"x" * 10_000] * 20
    consumer.close()


def test_a_record_of_8_mib_comes_back_whole(broker: Running, topic_prefix: str) -> None:
    topic = f"{topic_prefix}large"
    broker.create_topic(topic, 1)
    large = bytes(range(256)) * (8 * 1024 * 1024 // 256)
    publish(broker.producer(**{"message.max.bytes": 8_400_000}), topic, [large])
    consumer = broker.consumer(f"{topic_prefix}group", **{"fetch.message.max.bytes": 8_400_000})
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert values(consumer.consume(1, WAIT_S)) == [large]
    consumer.close()


def test_a_committed_offset_is_where_the_group_goes_on(broker: Running, topic_prefix: str) -> None:
    topic, group = f"{topic_prefix}offsets", f"{topic_prefix}group"
    broker.create_topic(topic, 1)
    publish(broker.producer(), topic, [b"0", b"1", b"2", b"3", b"4"])

    first = broker.consumer(group)
    first.assign([TopicPartition(topic, 0, 0)])
    third = first.consume(3, WAIT_S)[-1]
    first.commit(message=third, asynchronous=False)
    first.close()

    second = broker.consumer(group)
    assert second.committed([TopicPartition(topic, 0)], WAIT_S)[0].offset == 3
    second.assign([TopicPartition(topic, 0, OFFSET_STORED)])
    assert values(second.consume(2, WAIT_S)) == [b"3", b"4"]
    second.close()


def test_a_group_shares_the_partitions_and_reads_each_record_once(broker: Running, topic_prefix: str) -> None:
    topic, group = f"{topic_prefix}shared", f"{topic_prefix}group"
    broker.create_topic(topic, 4)
    quick = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 100}
    members = [broker.consumer(group, **quick), broker.consumer(group, **quick)]
    for member in members:
        member.subscribe([topic])
    while not all(len(member.assignment()) == 2 for member in members):
        for member in members:
            assert member.poll(0.1) is None
    assert sorted(p.partition for member in members for p in member.assignment()) == [0, 1, 2, 3]

    for partition in range(4):
        publish(broker.producer(), topic, [f"{partition}/{n}".encode() for n in range(5)], partition)
    read = [members[0].consume(10, WAIT_S), members[1].consume(10, WAIT_S)]
    assert sorted(v for messages in read for v in values(messages) if v) == sorted(
        f"{partition}/{n}".encode() for partition in range(4) for n in range(5)
    )
    for member in members:
        member.close()
