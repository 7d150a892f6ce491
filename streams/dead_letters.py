"""Dead letters: what could not be read, with its original bytes, until somebody has looked at it and sends it again."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from confluent_kafka import Producer

from schemas.codec import Codec
from schemas.errors import BrokerError, SidecarError
from schemas.ids import derived_id
from schemas.records import DeadLetter
from schemas.topics import DEAD_LETTERS, TOPICS
from streams import topic_reading
from streams.agents.steps import ENVELOPE, Input, Output

WAIT_S = 30
REPLAYED = "replayed-from"
"""A header of a record that was sent again: the id of its letter."""
LONGEST_MESSAGE = 4096


def letter(record: Input, agent: str, error: BaseException, codec: Codec) -> Output:
    """Its id is made of the record's position: a redelivery makes the same letter again."""
    source = record.source
    message = str(error)[:LONGEST_MESSAGE]
    payload = record.value or b""
    if len(payload) > DEAD_LETTERS.largest_record - LONGEST_MESSAGE - 64 * ENVELOPE:
        message = f"{message} (its {len(payload)} bytes are too many for a letter, they stay where they are)"
        payload = b""
    headers: dict[str, bytes] = {}
    for name, value in record.headers:
        while name in headers:
            name += "+"  # Kafka allows a name to come again, a map does not
        headers[name] = value or b""
    found = DeadLetter(
        product="",
        database="",
        instance="",
        event_id=derived_id(source, f"dead-letter/{agent}/1"),
        time=record.time,
        source=source,
        agent=agent,
        error=type(error).__name__,
        message=message,
        payload=payload,
        key=record.key,
        headers=headers,
    )
    return Output(DEAD_LETTERS.name, f"{source.topic}/{source.partition}".encode(), codec.encode(found))


def read(config: Mapping[str, Any], prefix: str, codec: Codec) -> Iterator[DeadLetter]:
    """All letters, oldest first; what is no letter in their topic is passed over. Raises BrokerError."""
    return topic_reading.read(config, prefix, DEAD_LETTERS, DeadLetter, codec)


def choose(letters: Iterable[DeadLetter], ids: Iterable[str]) -> list[DeadLetter]:
    """Those with these ids, of which the first characters do; a letter that came twice counts once.

    Raises SidecarError for an id that names none or several.
    """
    by_id = {one.event_id: one for one in letters}
    chosen = []
    for wanted in ids:
        found = [one for known, one in by_id.items() if known.startswith(wanted)]
        if len(found) != 1:
            raise SidecarError(f"{wanted} names {len(found)} dead letters: `sidecar dead-letters` lists their ids")
        chosen += found
    return chosen


def replay(config: Mapping[str, Any], prefix: str, letters: Collection[DeadLetter]) -> None:
    """Sends the original records to where they came from and returns when all are confirmed.

    Raises SidecarError for a letter that is of no topic of ours (whoever writes dead letters shall not choose where
    we write), BrokerError when a record is not confirmed; others may have been sent then.
    """
    ours = {prefix + topic.name for topic in TOPICS}
    if strangers := {one.source.topic for one in letters} - ours:
        raise SidecarError(f"no topic of this installation: {', '.join(sorted(strangers))}; nothing was sent")
    failed: list[str] = []
    producer = Producer({**config, "message.max.bytes": DEAD_LETTERS.largest_record, "enable.idempotence": True})
    for one in letters:
        producer.produce(
            one.source.topic,
            one.payload or None,
            one.key,
            headers=[*one.headers.items(), (REPLAYED, one.event_id.encode())],
            on_delivery=lambda error, _: failed.append(error.str()) if error else None,
        )
    if (left := producer.flush(WAIT_S)) or failed:
        reason = failed[0] if failed else f"nothing was confirmed within {WAIT_S} s"
        raise BrokerError(f"{left + len(failed)} of {len(letters)} records were not sent: {reason}")
