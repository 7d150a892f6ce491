"""What cannot be read as a dead letter, with its original bytes."""

from schemas.codec import Codec
from schemas.ids import derived_id
from schemas.records import DeadLetter
from schemas.topics import DEAD_LETTERS, ENVELOPE
from streams.agents.steps import Input, Output

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
