import pytest

from schemas.topics import CATALOGS, DAY_MS, FOREVER, PATTERNS, QUERY_LOG, TOPICS, Topic
from streams import outbox
from streams.topic_admin import NEEDS_GROUP, ROLES
from streams.topic_settings import TopicSettings


def test_control_may_read_back_all_that_it_sends() -> None:
    sent = [topic for topic in TOPICS if topic.name in outbox.TOPICS]
    assert {topic.name for topic in sent} == set(outbox.TOPICS)
    assert [topic.name for topic in sent if "control" not in topic.writers or "control" not in topic.readers] == []


def test_every_role_that_a_topic_names_has_rights_to_export() -> None:
    assert {role for topic in TOPICS for role in (*topic.writers, *topic.readers)} == set(ROLES) == set(NEEDS_GROUP)


def settings(topic: Topic, **changes: object) -> TopicSettings:
    """As Kafka tells them of a topic that has ours."""
    return TopicSettings.of(
        {"retention.bytes": "-1"}
        | topic.config()
        | {name.replace("_", "."): str(value) for name, value in changes.items()}
    )


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_our_own_settings_are_no_problem(topic: Topic) -> None:
    assert list(settings(topic).problems(topic)) == []


@pytest.mark.parametrize(
    ("topic", "changes", "kept"),
    [
        (QUERY_LOG, {"retention_ms": 30 * DAY_MS}, "30 days"),
        (QUERY_LOG, {"retention_ms": FOREVER}, "for ever"),
        (QUERY_LOG, {"retention_bytes": 10**9}, "7 days, at most 1000000000 bytes a partition"),
        (QUERY_LOG, {"max_message_bytes": 10**7}, "7 days"),
        (CATALOGS, {"cleanup_policy": "compact,delete"}, "for ever, compacted"),
        (CATALOGS, {"retention_ms": DAY_MS, "retention_bytes": 1}, "for ever, compacted"),
        (PATTERNS, {"cleanup_policy": "", "retention_ms": DAY_MS, "retention_bytes": 1}, "for ever"),
    ],
)
def test_what_loses_nothing_that_has_to_be_kept_is_no_problem(
    topic: Topic, changes: dict[str, object], kept: str
) -> None:
    found = settings(topic, **changes)
    assert (found.kept, list(found.problems(topic))) == (kept, [])
