"""Topics are created, checked and identified on the mock broker and on a real one."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from schemas.errors import BrokerError, TopicError
from schemas.topics import (
    ANALYSIS_REQUESTS,
    CATALOGS,
    DAY_MS,
    DEAD_LETTERS,
    FOREVER,
    JOURNAL,
    PATTERNS,
    QUERY_LOG,
    READINGS,
    REQUESTS,
    RULINGS,
    TOPICS,
)
from streams import cli, topic_admin
from streams.own_kafka import create_topics
from streams.topic_admin import ROLES, TopicAdmin
from tests import created_topics
from tests.commands import cells, commands
from tests.conftest import Kafka
from tests.control_running import Topics

WAIT_S = 30
KEEP = ConfigEntry("retention.ms", str(FOREVER), incremental_operation=AlterConfigOpType.SET)


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
    shown = broker.topics.show()
    assert [(found.topic, found.partitions, found.problem) for found in shown] == [
        (topic, topic.partitions, "") for topic in TOPICS
    ]
    kept = {7 * DAY_MS: "7 days", FOREVER: "for ever"}
    settings = [kept[topic.retention_ms] + (", compacted" if topic.compacted else "") for topic in TOPICS]
    assert [found.kept for found in shown] in (settings, ["not to be seen"] * len(TOPICS))


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


def test_settings_that_lose_records_or_refuse_them_are_named_and_those_that_keep_more_are_not(
    kafka: Kafka, topic_prefix: str
) -> None:
    for topic, settings in {
        QUERY_LOG: {"retention.ms": str(DAY_MS // 2)},
        CATALOGS: {"cleanup.policy": "delete"},
        PATTERNS: {"retention.ms": str(7 * DAY_MS)},
        REQUESTS: {"retention.bytes": "1000000"},
        ANALYSIS_REQUESTS: {"retention.ms": "-1", "max.message.bytes": "10000000"},
        READINGS: {"cleanup.policy": "compact"},
        RULINGS: {"cleanup.policy": "compact,delete", "retention.ms": str(DAY_MS)},
        DEAD_LETTERS: {"max.message.bytes": "1000"},
    }.items():
        creating(kafka, **topic.config() | settings)(topic_prefix + topic.name, topic.partitions)
    topics = TopicAdmin({"bootstrap.servers": kafka.bootstrap_servers}, topic_prefix, topic_prefix)
    topics.create()
    compacted = "is compacted, so that only the newest record of each key stays: set its cleanup.policy to delete"
    problems = [
        "query-log keeps records for 0.5 days, not 7 days: set its retention.ms to 604800000",
        "catalogs is not compacted: set its cleanup.policy to compact",
        "patterns keeps records for 7 days, not for ever: set its retention.ms to -1",
        "requests keeps at most 1000000 bytes a partition: set its retention.bytes to -1",
        f"readings {compacted}",
        f"rulings {compacted}",
        "rulings keeps records for 1 days, not for ever: set its retention.ms to -1",
        "dead-letters takes no records of 8388608 bytes: set its max.message.bytes",
    ]
    with pytest.raises(TopicError) as caught:
        check(topics, ["streams", "control"])
    assert str(caught.value).splitlines()[:-1] == [f"topic {topic_prefix}{one}" for one in problems]
    kept = {found.topic: found.kept for found in topics.show()}
    assert [kept[topic] for topic in (QUERY_LOG, CATALOGS, REQUESTS, ANALYSIS_REQUESTS, READINGS, RULINGS)] == [
        "0.5 days", "for ever", "for ever, at most 1000000 bytes a partition", "for ever", "for ever, compacted",
        "1 days, compacted",
    ]  # fmt: skip


def test_people_see_what_is_wrong_with_the_topics_create_them_and_export_what_they_need(
    kafka: Kafka, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar = commands(monkeypatch, Topics(kafka.bootstrap_servers, topic_prefix))
    creating(kafka, **PATTERNS.config() | {"retention.ms": str(DAY_MS)})(topic_prefix + PATTERNS.name, 8)
    wrong = sidecar("topics", "show")
    assert wrong.exit_code == 1
    head, *rows = cells(wrong.stdout)
    assert head == ["topic", "partitions", "kept", "purpose", "problem"]
    assert [row[0] for row in rows] == [topic_prefix + topic.name for topic in TOPICS]
    name = topic_prefix + PATTERNS.name
    problem = f"topic {name} keeps records for 1 days, not for ever: set its retention.ms to -1"
    assert rows[TOPICS.index(PATTERNS)] == [name, "8", "1 days", PATTERNS.purpose, problem]
    name = topic_prefix + JOURNAL.name
    problem = f"topic {name} is missing: create it with 1 partitions"
    assert rows[TOPICS.index(JOURNAL)] == [name, "0", JOURNAL.purpose, problem]

    created, again = sidecar("topics", "create"), sidecar("topics", "create")
    names = ", ".join(topic_prefix + topic.name for topic in TOPICS if topic is not PATTERNS)
    assert (created.exit_code, created.stdout) == (0, f"created {names}\n")
    assert (again.exit_code, again.stdout) == (0, "all topics are there\n")

    exported = sidecar("topics", "export")
    topics = TopicAdmin({"bootstrap.servers": kafka.bootstrap_servers}, topic_prefix, topic_prefix)
    assert (exported.exit_code, json.loads(exported.stdout)) == (0, topics.export())

    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    place = ConfigResource(ResourceType.TOPIC, topic_prefix + PATTERNS.name, incremental_configs=[KEEP])
    admin.incremental_alter_configs([place])[place].result(WAIT_S)
    right = sidecar("topics", "show")
    assert right.exit_code == 0
    assert cells(right.stdout)[1:] == [
        [found.name, str(found.partitions), found.kept, found.topic.purpose] for found in topics.show()
    ]


def test_a_kafka_that_is_away_ends_a_command_with_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(topic_admin, "TIMEOUT_S", 0.5)
    monkeypatch.setenv("SIDECAR_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    monkeypatch.setattr(sys, "argv", ["sidecar", "topics", "show"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    out, error = capsys.readouterr()
    assert out == ""
    (line,) = error.splitlines()
    assert line.startswith("error Kafka does not answer: ")


def test_a_kafka_that_is_away_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_admin, "TIMEOUT_S", 0.5)
    with pytest.raises(BrokerError, match="Kafka does not answer"):
        TopicAdmin({"bootstrap.servers": "127.0.0.1:9"}, "", "").check(["streams"])


def test_the_export_holds_every_topic_and_only_the_rights_that_each_role_needs() -> None:
    exported = TopicAdmin({"bootstrap.servers": "127.0.0.1:9"}, "t.", "g.").export()
    assert [topic["name"] for topic in exported["topics"]] == [f"t.{topic.name}" for topic in TOPICS]
    assert exported["topics"][0]["config"] == QUERY_LOG.config()
    assert set(exported["acls"]) == set(ROLES)
    granted = {
        role: {(acl["operation"], acl["resource_name"], acl["pattern_type"]) for acl in acls}
        for role, acls in exported["acls"].items()
    }
    assert granted["product"] == {
        ("WRITE", "t.query-log", "LITERAL"),
        ("WRITE", "t.catalogs", "LITERAL"),
        ("READ", "t.measurement-requests", "LITERAL"),
        ("WRITE", "t.measurements", "LITERAL"),
        ("READ", "t.operations", "LITERAL"),
        ("WRITE", "t.outcomes", "LITERAL"),
        ("WRITE", "t.dead-letters", "LITERAL"),
        ("READ", "g.measure.", "PREFIXED"),
    }
    assert granted["services"] == {
        ("WRITE", "t.requests", "LITERAL"),
        ("READ", "t.suggestions", "LITERAL"),
        ("WRITE", "t.approvals", "LITERAL"),
        ("READ", "t.rulings", "LITERAL"),
        ("READ", "t.outcomes", "LITERAL"),
        ("READ", "t.verdicts", "LITERAL"),
        ("READ", "g.services.", "PREFIXED"),
    }
    assert granted["people"] == {("READ", "t.dead-letters", "LITERAL"), ("READ", "g.people", "LITERAL")}


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
