"""Topics are created, checked and identified on the mock broker and on a real one."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from schemas.errors import BrokerError, TopicError
from schemas.topics import DEAD_LETTERS, JOURNAL, QUERY_LOG, TOPICS
from streams import topic_admin
from streams.own_kafka import create_topics
from streams.topic_admin import ROLES, TopicAdmin
from tests import created_topics
from tests.conftest import Kafka

WAIT_S = 30


@dataclass(frozen=True)
class Running:
    topics: TopicAdmin
    prefix: str
    create: Callable[[str, int], object]
    create_all: Callable[[], object]


@pytest.fixture(params=["mock", "apache"])
def broker(request: pytest.FixtureRequest, topic_prefix: str) -> Running:
    if request.param == "mock":
        mock = request.getfixturevalue("mock_kafka")
        topics = TopicAdmin({"bootstrap.servers": mock.bootstrap_servers}, topic_prefix, topic_prefix)
        return Running(topics, topic_prefix, mock.create_topic, lambda: create_topics(mock, topic_prefix))
    kafka = request.getfixturevalue("kafka")
    topics = TopicAdmin({"bootstrap.servers": kafka.bootstrap_servers}, topic_prefix, topic_prefix)
    return Running(topics, topic_prefix, creating(kafka), topics.create)


def creating(kafka: Kafka, **config: str) -> Callable[[str, int], None]:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})

    return lambda name, partitions: created_topics.create_topics(admin, NewTopic(name, partitions, 1, config=config))


def check(topics: TopicAdmin, roles: list[str]) -> None:
    """As `TopicAdmin.check`, of a Kafka that may have started a moment ago and cannot yet tell of groups."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            return topics.check(roles)
        except BrokerError as error:
            if "COORDINATOR" not in str(error) or time.monotonic() > deadline:
                raise


def test_every_missing_topic_is_named_with_its_partitions(broker: Running) -> None:
    with pytest.raises(TopicError) as caught:
        check(broker.topics, ["streams", "control"])
    assert str(caught.value).splitlines()[:-1] == [
        f"topic {broker.prefix}{topic.name} is missing: create it with {topic.partitions} partitions"
        for topic in TOPICS
        if {"streams", "control"} & {*topic.readers, *topic.writers}
    ]


def test_a_role_is_asked_for_its_own_topics_alone(broker: Running) -> None:
    with pytest.raises(TopicError) as caught:
        check(broker.topics, ["streams"])
    assert JOURNAL.name not in str(caught.value)


def test_created_topics_pass_the_check(broker: Running) -> None:
    broker.create_all()
    check(broker.topics, ["streams", "control"])
    assert [(found.topic, found.partitions, found.problem) for found in broker.topics.show()] == [
        (topic, topic.partitions, "") for topic in TOPICS
    ]


def test_a_wrong_partition_count_is_named(broker: Running) -> None:
    broker.create(broker.prefix + QUERY_LOG.name, 3)
    with pytest.raises(TopicError, match=f"topic {broker.prefix}query-log has 3 partitions, not 8"):
        check(broker.topics, ["streams"])


def test_a_topic_has_an_id(broker: Running) -> None:
    broker.create_all()
    names = [broker.prefix + topic.name for topic in TOPICS]
    ids = broker.topics.topic_ids(names)
    assert list(ids) == names
    assert all(ids.values())


def test_what_is_there_is_not_created_again(kafka: Kafka, topic_prefix: str) -> None:
    topics = TopicAdmin({"bootstrap.servers": kafka.bootstrap_servers}, topic_prefix, topic_prefix)
    creating(kafka)(topic_prefix + QUERY_LOG.name, 3)
    assert topics.create() == [topic_prefix + topic.name for topic in TOPICS if topic is not QUERY_LOG]
    assert topics.create() == []


def test_a_topic_made_anew_has_another_id(kafka: Kafka, topic_prefix: str) -> None:
    topics = TopicAdmin({"bootstrap.servers": kafka.bootstrap_servers}, topic_prefix, topic_prefix)
    name = topic_prefix + QUERY_LOG.name
    topics.create()
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    ids = [topics.topic_ids([name])[name]]
    for _ in range(10):  # one time in three the deletion is seen while the topics are created
        admin.delete_topics([name])[name].result(WAIT_S)
        while (created := topics.create()) == []:  # the deletion is still on its way
            pass
        assert created == [name]
        ids.append(topics.topic_ids([name])[name])
    assert len(set(ids)) == 11


def test_a_topic_that_takes_only_small_records_is_named(kafka: Kafka, topic_prefix: str) -> None:
    topics = TopicAdmin({"bootstrap.servers": kafka.bootstrap_servers}, topic_prefix, topic_prefix)
    creating(kafka, **{"max.message.bytes": "1000"})(topic_prefix + DEAD_LETTERS.name, 1)
    topics.create()
    with pytest.raises(TopicError, match=f"topic {topic_prefix}dead-letters takes no records of 8388608 bytes"):
        check(topics, ["streams"])


def test_a_kafka_that_is_away_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_admin, "TIMEOUT_S", 0.5)
    with pytest.raises(BrokerError, match="Kafka does not answer"):
        TopicAdmin({"bootstrap.servers": "127.0.0.1:9"}, "", "").check(["streams"])


def test_the_export_holds_every_topic_and_only_the_rights_that_each_role_needs() -> None:
    exported = TopicAdmin({"bootstrap.servers": "127.0.0.1:9"}, "t.", "g.").export()
    assert [topic["name"] for topic in exported["topics"]] == [f"t.{topic.name}" for topic in TOPICS]
    assert exported["topics"][0]["config"] == QUERY_LOG.config()
    assert set(exported["acls"]) == set(ROLES)
    granted = {(acl["operation"], acl["resource_name"], acl["pattern_type"]) for acl in exported["acls"]["product"]}
    assert granted == {
        ("WRITE", "t.query-log", "LITERAL"),
        ("WRITE", "t.catalogs", "LITERAL"),
        ("READ", "t.measurement-requests", "LITERAL"),
        ("WRITE", "t.measurements", "LITERAL"),
        ("READ", "t.operations", "LITERAL"),
        ("WRITE", "t.outcomes", "LITERAL"),
        ("WRITE", "t.dead-letters", "LITERAL"),
        ("READ", "g.measure.", "PREFIXED"),
    }


def test_topics_can_be_read_as_soon_as_they_are_created(kafka: Kafka, topic_prefix: str) -> None:
    """A broker that does not know yet that it leads a partition refuses it."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": topic_prefix})
    for number in range(5):
        prefix = f"{topic_prefix}{number}."
        TopicAdmin({"bootstrap.servers": kafka.bootstrap_servers}, prefix, prefix).create()
        for topic in TOPICS:
            for partition in range(topic.partitions):
                place = TopicPartition(prefix + topic.name, partition)
                assert consumer.get_watermark_offsets(place, WAIT_S) == (0, 0)
    consumer.close()
