"""Dead letters: what could not be read, with its original bytes, until somebody has looked at it and sends it again."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from confluent_kafka import Producer

from schemas.codec import Codec
from schemas.errors import BrokerError, SidecarError
from schemas.records import DeadLetter
from schemas.topics import DEAD_LETTERS, TOPICS
from streams import topic_reading
from streams.topic_admin import NEEDS_GROUP

ROLE = "people"
WAIT_S = 30
REPLAYED = "replayed-from"
"""A header of a record that was sent again: the id of its letter."""


def read(config: Mapping[str, Any], topic_prefix: str, group_prefix: str, codec: Codec) -> Iterator[DeadLetter]:
    """All letters, oldest first; what is no letter in their topic is passed over. Raises BrokerError."""
    group = group_prefix + NEEDS_GROUP[ROLE]
    return topic_reading.read(config, topic_prefix, group, DEAD_LETTERS, DeadLetter, codec)


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
