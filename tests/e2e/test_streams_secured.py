"""The roles on a Kafka with passwords and rights: what is missing is named, what was exported is enough."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from schemas.errors import BrokerError, RecordError, TopicError
from schemas.records import Outgoing
from schemas.topics import DEAD_LETTERS, PATTERNS, TOPICS
from store import journal
from store import outbox as owed_messages
from store.knowledge import KnowledgeFile
from store.outbox import Pending
from streams import dead_letters, outbox
from streams.agents.letters import letter
from streams.agents.steps import Input
from streams.notify.inbox import Inbox
from streams.topic_admin import TopicAdmin
from tests.conftest import SecuredKafka
from tests.control_running import Topics, running
from tests.query_log import CODEC, Outputs, batch, produce
from tests.streams_process import StreamsProcess

WAIT_S = 30


@pytest.fixture
def config(secured_kafka: SecuredKafka) -> dict[str, Any]:
    """Of the one who may do everything."""
    return {"bootstrap.servers": secured_kafka.bootstrap_servers, **secured_kafka.security.login("admin")}


@pytest.fixture
def as_alice(secured_kafka: SecuredKafka) -> dict[str, Any]:
    return {"bootstrap.servers": secured_kafka.bootstrap_servers, **secured_kafka.security.login("alice")}


@pytest.fixture
def topics(config: dict[str, Any], topic_prefix: str) -> TopicAdmin:
    made = TopicAdmin(config, topic_prefix, topic_prefix)
    made.create()
    return made


def grant(config: dict[str, Any], user: str, acls: Iterable[dict[str, str]]) -> None:
    bindings = [
        AclBinding(
            ResourceType[acl["resource_type"]],
            acl["resource_name"],
            ResourcePatternType[acl["pattern_type"]],
            f"User:{user}",
            "*",
            AclOperation[acl["operation"]],
            AclPermissionType[acl["permission_type"]],
        )
        for acl in acls
    ]
    admin = AdminClient(config)
    for granted in admin.create_acls(bindings).values():
        granted.result(WAIT_S)


def as_user(kafka: SecuredKafka, user: str, folder: Path, prefix: str, **changes: object) -> StreamsProcess:
    settings: dict[str, object] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_username": user,
        "sasl_password": kafka.security.passwords[user],
        "topic_prefix": prefix,
        "group_prefix": prefix,
        **changes,
    }
    return StreamsProcess(folder, **settings)  # type: ignore[arg-type]


def test_every_missing_right_is_named_at_the_start_and_the_exported_ones_are_enough(
    secured_kafka: SecuredKafka, config: dict[str, Any], topics: TopicAdmin, tmp_path: Path, topic_prefix: str
) -> None:
    acls = topics.export()["acls"]["streams"]
    with as_user(secured_kafka, "alice", tmp_path, topic_prefix) as process:
        assert process.ended() == 1
        for acl in acls:
            where = "topic" if acl["resource_type"] == "TOPIC" else "in group"
            assert f"no right to {acl['operation']} {where} {acl['resource_name']}: grant it" in process.output

    grant(config, "alice", [acl | {"operation": "DESCRIBE"} for acl in acls])
    with as_user(secured_kafka, "alice", tmp_path, topic_prefix) as process:
        assert process.ended() == 1
        assert process.output.count(": grant it") == len(acls)

    grant(config, "alice", acls)
    produce(config, topic_prefix, [CODEC.encode(batch("main", [1, 2]))] * 16)
    with as_user(secured_kafka, "alice", tmp_path, topic_prefix, sasl_mechanism="PLAIN") as process:
        assert len(Outputs(config, topic_prefix, PATTERNS).until(16)) == 16
        assert process.end() == 0
        assert secured_kafka.security.passwords["alice"] not in process.output


def test_the_rights_that_are_exported_for_control_are_enough_to_find_out_what_it_has_sent(
    secured_kafka: SecuredKafka,
    config: dict[str, Any],
    as_alice: dict[str, Any],
    topics: TopicAdmin,
    tmp_path: Path,
    topic_prefix: str,
) -> None:
    acls = topics.export()["acls"]["control"]
    with pytest.raises(TopicError) as caught:
        TopicAdmin(as_alice, topic_prefix, topic_prefix).check(["control"])
    where = {"TOPIC": "topic", "GROUP": "in group"}
    assert set(str(caught.value).splitlines()[:-1]) == {
        f"no right to {acl['operation']} {where[acl['resource_type']]} {acl['resource_name']}: grant it" for acl in acls
    }
    grant(config, "alice", acls)

    # as if killed after Kafka had confirmed what was sent, and before the file knew
    installation = Topics(secured_kafka.bootstrap_servers, topic_prefix, **secured_kafka.security.login("admin"))
    path = tmp_path / "data" / "store.duckdb"
    with running(installation.settings(path)) as control:
        control.until(lambda _: control.control.health.epoch >= 0)
    owed = [Outgoing(message_id=f"sent to {topic}", topic=topic, key=b"k", value=b"v") for topic in outbox.TOPICS]
    sender = outbox.Outbox(config, topic_prefix, topic_prefix)
    sender.send([Pending(one, None) for one in owed])
    while len(sender.confirmed) < len(owed):
        sender.poll(0.1)
    sender.close()
    file = KnowledgeFile(path)
    with file.transaction() as tx:
        begun = {(topic.name, partition): 0 for topic in TOPICS for partition in range(topic.partitions)}
        owed_messages.add(tx, journal.head(tx).sequence, owed, begun)
    file.close()

    TopicAdmin(as_alice, topic_prefix, topic_prefix).check(["control"])
    with running(replace(installation.settings(path), kafka=as_alice)) as control:
        control.until(
            lambda _: installation.count(DEAD_LETTERS) == 2
        )  # one for what was sent as an outcome, and is none
        control.until(lambda tx: not owed_messages.pending(tx))
    assert {topic.name: installation.count(topic) for topic in TOPICS if topic.name in outbox.TOPICS} == {
        **dict.fromkeys(outbox.TOPICS, 1),
        DEAD_LETTERS.name: 2,
    }


def test_the_rights_that_are_exported_for_telling_people_are_enough_for_it(
    config: dict[str, Any], as_alice: dict[str, Any], topics: TopicAdmin, topic_prefix: str
) -> None:
    acls = topics.export()["acls"]["notify"]
    admin = TopicAdmin(as_alice, topic_prefix, topic_prefix)
    with pytest.raises(TopicError) as caught:
        admin.check(["notify"])
    assert str(caught.value).count(": grant it") == len(acls)
    grant(config, "alice", acls)
    inbox = Inbox(as_alice, topic_prefix, topic_prefix, "slack", CODEC)
    inbox.begin()
    inbox.close()
    admin.check(["notify"])


def test_the_rights_that_are_exported_for_people_are_enough_to_list_dead_letters(
    config: dict[str, Any], as_alice: dict[str, Any], topics: TopicAdmin, topic_prefix: str
) -> None:
    with pytest.raises(BrokerError, match=f"{topic_prefix}dead-letters: .*authorization failed"):
        list(dead_letters.read(as_alice, topic_prefix, topic_prefix, CODEC))
    grant(config, "alice", topics.export()["acls"]["people"])
    record = Input("t", "id", 0, 7, 1_700_000_000_000, b"k", b"no record", ())
    written = letter(record, "observe", RecordError("no"), CODEC).value
    produce(config, topic_prefix, [written], topic=DEAD_LETTERS)
    assert [one.payload for one in dead_letters.read(as_alice, topic_prefix, topic_prefix, CODEC)] == [b"no record"]


def test_a_refused_login_is_said_and_no_password_is_logged(
    secured_kafka: SecuredKafka, tmp_path: Path, topic_prefix: str
) -> None:
    guess = "canary-of-a-guess"
    with as_user(secured_kafka, "bob", tmp_path, topic_prefix, sasl_password=guess, log_level="debug") as process:
        reason = process.waited("waiting for Kafka")["reason"]
        assert "Authentication failed" in reason
        assert process.get("/readyz").status_code == 503
        assert process.get("/livez").status_code == 200
        assert process.end() == 0
        assert guess not in process.output
