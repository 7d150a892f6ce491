"""What a Kafka with passwords and rights refuses, shown on the real one."""

import pytest
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from tests.conftest import SecuredKafka

WAIT_S = 30


@pytest.fixture
def admin(secured_kafka: SecuredKafka) -> AdminClient:
    login = secured_kafka.security.login("admin")
    return AdminClient({"bootstrap.servers": secured_kafka.bootstrap_servers, **login})


@pytest.fixture
def topic(admin: AdminClient, topic_prefix: str) -> str:
    topic = f"{topic_prefix}topic"
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(WAIT_S)
    return topic


def delivery(secured_kafka: SecuredKafka, topic: str, login: dict[str, str]) -> KafkaError | None:
    """The error with which the broker refuses a record of this login, None when it takes it."""
    errors: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": secured_kafka.bootstrap_servers, **login})
    producer.produce(topic, b"value", on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(WAIT_S) == 0
    return errors[0]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_a_user_may_do_what_an_acl_grants_and_nothing_else(
    secured_kafka: SecuredKafka, admin: AdminClient, topic: str, mechanism: str
) -> None:
    alice = secured_kafka.security.login("alice", mechanism)
    bob = secured_kafka.security.login("bob", mechanism)
    anywhere, allow = "*", AclPermissionType.ALLOW
    write = AclBinding(
        ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:alice", anywhere, AclOperation.WRITE, allow
    )
    for granted in admin.create_acls([write]).values():
        granted.result(WAIT_S)
    while (early := delivery(secured_kafka, topic, alice)) is not None:  # the grant is still on its way to the broker
        assert early.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    refused = delivery(secured_kafka, topic, bob)
    assert refused is not None
    assert refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def first_error(bootstrap_servers: str, login: dict[str, str]) -> KafkaError:
    errors: list[KafkaError] = []
    client = Producer({"bootstrap.servers": bootstrap_servers, "error_cb": errors.append, **login})
    while not errors:
        client.poll(0.1)
    return errors[0]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_a_wrong_password_is_refused(secured_kafka: SecuredKafka, mechanism: str) -> None:
    login = secured_kafka.security.login("alice", mechanism) | {"sasl.password": "guessed"}
    assert first_error(secured_kafka.bootstrap_servers, login).code() == KafkaError._AUTHENTICATION


def test_who_does_not_log_in_is_refused(secured_kafka: SecuredKafka) -> None:
    assert first_error(secured_kafka.bootstrap_servers, {}).code() == KafkaError._ALL_BROKERS_DOWN
