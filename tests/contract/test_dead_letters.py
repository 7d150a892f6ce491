"""Dead letters are listed and sent again in the same way on the mock broker and on a real one."""

from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.codec import Codec
from schemas.errors import BrokerError, RecordError, SidecarError
from schemas.records import DeadLetter
from schemas.topics import DEAD_LETTERS, QUERY_LOG
from streams.agents.letters import letter
from streams.agents.steps import Input
from streams.dead_letters import REPLAYED, read, replay
from tests import created_topics
from tests.commands import cells, commands
from tests.conftest import Kafka
from tests.control_running import Topics

WAIT_S = 30
CODEC = Codec()
Config = dict[str, str]


@pytest.fixture(params=["mock", "apache"])
def config(request: pytest.FixtureRequest, topic_prefix: str) -> Config:
    """Of a client of a broker that has the two topics."""
    create_topic: Callable[[str, int], object]
    if request.param == "mock":
        broker = request.getfixturevalue("mock_kafka")
        create_topic = broker.create_topic
    else:
        broker = request.getfixturevalue("kafka")
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})

        def create_topic(name: str, partitions: int) -> None:
            config = {"max.message.bytes": str(DEAD_LETTERS.largest_record)}
            created_topics.create_topics(admin, NewTopic(name, partitions, 1, config=config))

    create_topic(topic_prefix + QUERY_LOG.name, 2)
    create_topic(topic_prefix + DEAD_LETTERS.name, 1)
    return {"bootstrap.servers": broker.bootstrap_servers}


def write(config: Config, topic: str, *values: bytes) -> None:
    producer = Producer({**config, "message.max.bytes": DEAD_LETTERS.largest_record})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(WAIT_S) == 0


def written(topic: str, offset: int, payload: bytes = b"\x00junk\xff") -> bytes:
    record = Input(topic, "id", 0, offset, 1_700_000_000_000, b"sales/main", payload, (("h", b"v"),))
    return letter(record, "observe", RecordError("no"), CODEC).value


def test_all_letters_are_read_and_what_is_none_is_passed_over(config: Config, topic_prefix: str) -> None:
    letters = [written("t", n) for n in range(3)]
    write(config, topic_prefix + DEAD_LETTERS.name, letters[0], b"no letter", letters[1], letters[2])
    assert list(read(config, topic_prefix, topic_prefix, CODEC)) == [
        CODEC.decode_as(DeadLetter, one) for one in letters
    ]


def test_no_letters_are_none(config: Config, topic_prefix: str) -> None:
    assert list(read(config, topic_prefix, topic_prefix, CODEC)) == []


def test_the_largest_letter_can_be_read(config: Config, topic_prefix: str) -> None:
    payload = bytes(QUERY_LOG.largest_record)
    write(config, topic_prefix + DEAD_LETTERS.name, written("t", 0, payload))
    (found,) = read(config, topic_prefix, topic_prefix, CODEC)
    assert found.payload == payload


def first(config: Config, topic: str) -> Message:
    consumer = Consumer({**config, "group.id": f"{topic}g", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(2)])
    (message,) = consumer.consume(1, WAIT_S)
    consumer.close()
    return message


def test_a_replayed_record_is_the_original_and_says_so(config: Config, topic_prefix: str) -> None:
    topic = topic_prefix + QUERY_LOG.name
    found = CODEC.decode_as(DeadLetter, written(topic, 0))
    replay(config, topic_prefix, [found])
    message = first(config, topic)
    assert (message.value(), message.key()) == (b"\x00junk\xff", b"sales/main")
    assert message.headers() == [("h", b"v"), (REPLAYED, found.event_id.encode())]


def test_people_list_letters_and_send_them_again(
    config: Config, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = topic_prefix + QUERY_LOG.name
    sidecar = commands(monkeypatch, Topics(config["bootstrap.servers"], topic_prefix))
    none = sidecar("dead-letters", "list")
    assert (none.exit_code, none.stdout) == (0, "no dead letters\n")
    value = written(topic, 7)
    write(config, topic_prefix + DEAD_LETTERS.name, value)
    event_id = CODEC.decode_as(DeadLetter, value).event_id
    listed = sidecar("dead-letters", "list")
    assert listed.exit_code == 0
    assert cells(listed.stdout) == [
        ["id", "time", "where it was", "agent", "bytes", "why"],
        [event_id, "2023-11-14 22:13:20", f"{topic} 0:7", "observe", "6", "no"],
    ]
    unknown = sidecar("dead-letters", "replay", "unknown")
    assert unknown.exit_code == 1
    assert str(unknown.exception) == "unknown names 0 dead letters: `sidecar dead-letters` lists their ids"
    sent = sidecar("dead-letters", "replay", event_id[:8])
    assert (sent.exit_code, sent.stdout) == (0, "sent 1 again\n")
    assert first(config, topic).value() == b"\x00junk\xff"


def test_a_letter_does_not_choose_where_we_write(config: Config, topic_prefix: str) -> None:
    stranger = CODEC.decode_as(DeadLetter, written("payments", 0))
    with pytest.raises(SidecarError, match="no topic of this installation: payments; nothing was sent"):
        replay(config, topic_prefix, [stranger])


def test_a_topic_that_is_not_there_is_named(kafka: Kafka, topic_prefix: str) -> None:
    with pytest.raises(BrokerError, match=f"{topic_prefix}dead-letters: .*[Uu]nknown topic"):
        list(read({"bootstrap.servers": kafka.bootstrap_servers}, topic_prefix, topic_prefix, CODEC))
