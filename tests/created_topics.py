"""Topics on a real Kafka, which knows of them a moment later than it says that they are created."""

import time

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient, NewTopic

WAIT_S = 60
UNSEEN = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE)


def create_topics(admin: AdminClient, *topics: NewTopic) -> None:
    """Returns once each can be seen with a leader."""
    for created in admin.create_topics(list(topics)).values():
        created.result(WAIT_S)
    for topic in topics:
        while not _is_there(admin, topic):
            time.sleep(0.01)


def _is_there(admin: AdminClient, topic: NewTopic) -> bool:
    found = admin.list_topics(topic.topic, timeout=WAIT_S).topics[topic.topic]
    assert found.error is None or found.error.code() in UNSEEN
    partitions = found.partitions.values()
    return len(partitions) == topic.num_partitions and all(one.leader >= 0 for one in partitions)
