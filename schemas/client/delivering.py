"""Answers and dead letters to Kafka: nothing goes on until it has them, or the process ends."""

import logging
from datetime import UTC, datetime
from typing import cast

from confluent_kafka import Message

from ..errors import BrokerError, SidecarError
from ..ids import derived_id
from ..records import DeadLetter, Position
from ..topics import DEAD_LETTERS, Topic
from .attached import Attached

DELIVER_S = 30.0

logger = logging.getLogger("duckdb_sidecar")


def deliver(attached: Attached, topic: Topic, key: bytes, payload: bytes) -> bool:
    """Whether Kafka has it; if not, the process ends."""
    while not attached.stop.is_set():
        try:
            attached.publisher.deliver(topic, key, payload, DELIVER_S)
        except BrokerError as error:
            logger.warning("an answer waits: %s", error)
        else:
            return True
    return False


def set_aside(attached: Attached, database: str, agent: str, message: Message, error: SidecarError) -> None:
    """A record that cannot be taken, as a dead letter, so that it is not lost."""
    source = Position(topic=message.topic(), topic_id="", partition=message.partition(), offset=message.offset())
    letter = DeadLetter(
        product=attached.product,
        database=database,
        instance=attached.instance,
        event_id=derived_id(source, f"dead-letter/{agent}/1"),
        time=datetime.now(UTC),
        source=source,
        agent=agent,
        error=type(error).__name__,
        message=str(error),
        payload=message.value() or b"",
        key=message.key(),
        headers=dict(cast(list[tuple[str, bytes]], message.headers() or [])),
    )
    deliver(attached, DEAD_LETTERS, f"{source.topic}/{source.partition}".encode(), attached.codec.encode(letter))
