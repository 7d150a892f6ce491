from datetime import UTC, datetime

import pytest

from schemas.codec import Codec
from schemas.errors import RecordError, SidecarError
from schemas.records import DeadLetter, Position
from schemas.topics import DEAD_LETTERS, QUERY_LOG
from streams.agents.letters import LONGEST_MESSAGE, letter
from streams.agents.steps import Input
from streams.dead_letters import choose

CODEC = Codec()


def came(value: bytes | None = b"\x00junk\xff", offset: int = 7, **changes: object) -> Input:
    values = {"key": b"sales/main", "headers": (("h", b"\x00"),), **changes}
    return Input("p.query-log", "id", 2, offset, 1_700_000_000_123, value=value, **values)  # type: ignore[arg-type]


def written(record: Input, error: Exception | None = None) -> DeadLetter:
    output = letter(record, "observe", error or RecordError("the first byte is 9"), CODEC)
    assert (output.topic, output.key) == (DEAD_LETTERS.name, b"p.query-log/2")
    return CODEC.decode_as(DeadLetter, output.value)


def test_a_letter_holds_the_place_the_reason_and_the_original_bytes() -> None:
    found = written(came())
    assert found.source == Position(topic="p.query-log", topic_id="id", partition=2, offset=7)
    assert (found.agent, found.error, found.message) == ("observe", "RecordError", "the first byte is 9")
    assert (found.payload, found.key, found.headers) == (b"\x00junk\xff", b"sales/main", {"h": b"\x00"})
    assert found.time == datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=UTC)


def test_the_same_record_makes_the_same_letter_and_another_record_another() -> None:
    assert letter(came(), "observe", RecordError("x"), CODEC) == letter(came(), "observe", RecordError("x"), CODEC)
    assert written(came()).event_id != written(came(offset=8)).event_id


def test_headers_that_repeat_are_all_kept() -> None:
    repeated = (("a", b"1"), ("a", b"2"), ("b", None), ("a", b"3"))
    assert written(came(headers=repeated)).headers == {"a": b"1", "a+": b"2", "b": b"", "a++": b"3"}


def test_a_record_without_value_or_key_has_a_letter() -> None:
    found = written(came(None, key=None, headers=()))
    assert (found.payload, found.key, found.headers) == (b"", None, {})


def test_the_largest_record_of_any_topic_fits_into_a_letter() -> None:
    output = letter(came(bytes(QUERY_LOG.largest_record)), "observe", RecordError("x" * 10_000), CODEC)
    assert output.fits()
    assert CODEC.decode_as(DeadLetter, output.value).payload == bytes(QUERY_LOG.largest_record)


def test_a_record_that_was_unpacked_to_more_than_a_letter_holds_is_named_and_stays_where_it_is() -> None:
    output = letter(came(bytes(DEAD_LETTERS.largest_record)), "observe", RecordError("too long"), CODEC)
    found = CODEC.decode_as(DeadLetter, output.value)
    assert output.fits()
    assert found.payload == b""
    assert found.message == "too long (its 8388608 bytes are too many for a letter, they stay where they are)"


def test_a_reason_is_bounded() -> None:
    assert len(written(came(), RecordError("x" * 100_000)).message) == LONGEST_MESSAGE


def test_a_letter_is_chosen_by_the_first_characters_of_its_id() -> None:
    one, two = written(came(offset=1)), written(came(offset=2))
    assert choose([one, two, one], [one.event_id[:8]]) == [one]
    with pytest.raises(SidecarError, match="nothing names 0 dead letters"):
        choose([one, two], ["nothing"])
    with pytest.raises(SidecarError, match=" names 2 dead letters"):
        choose([one, two], [""])
