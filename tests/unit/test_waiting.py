"""When people are told what waits, by a clock that is handed in."""

from datetime import UTC, datetime, time, timedelta

import pytest

from streams.notify.notices import Notice
from streams.notify.waiting import FULL, TOGETHER, Pace, Waiting
from streams.windows import Window

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)  # a Monday
MINUTE = timedelta(minutes=1)
NIGHT = Window(begins=time(22), ends=time(7), zone="Europe/Berlin")  # 21:00 to 06:00 UTC
PACE = Pace(10 * MINUTE, [NIGHT], an_hour=3)


def holding(*urgent: bool, at: datetime = NOON, pace: Pace = PACE) -> Waiting:
    """So many, numbered from 0."""
    waiting = Waiting(pace)
    for number, one in enumerate(urgent):
        add(waiting, number, urgent=one, at=at)
    return waiting


def add(waiting: Waiting, number: int, *, urgent: bool = False, at: datetime = NOON) -> None:
    waiting.add(Notice(id=str(number), title=f"the {number}.", urgent=urgent), ("t", 0, number), at)


def due(waiting: Waiting, at: datetime) -> list[int]:
    return [int(one.notice.id) for one in waiting.due(at)]


def send(waiting: Waiting, at: datetime) -> list[int]:
    message = waiting.due(at)
    if message:
        waiting.settled(message, at)
    return [int(one.notice.id) for one in message]


def test_what_comes_within_ten_minutes_of_the_first_is_one_message() -> None:
    waiting = holding(False)
    add(waiting, 1, at=NOON + 9 * MINUTE)
    assert due(waiting, NOON + 9.9 * MINUTE) == []
    assert send(waiting, NOON + 10 * MINUTE) == [0, 1]
    assert due(waiting, NOON + 60 * MINUTE) == []


def test_what_is_urgent_goes_at_once_and_takes_along_what_waits() -> None:
    assert due(holding(False, True, False), NOON) == [1, 0, 2]


def test_in_quiet_hours_only_what_is_urgent_goes_and_the_rest_when_they_end() -> None:
    late = datetime(2026, 11, 30, 21, 30, tzinfo=UTC)
    waiting = holding(False, True, False, at=late)
    assert send(waiting, late) == [1]
    assert due(waiting, datetime(2026, 12, 1, 5, 59, 59, tzinfo=UTC)) == []
    assert due(waiting, datetime(2026, 12, 1, 6, tzinfo=UTC)) == [0, 2]


def test_quiet_hours_are_by_the_wall_clock_of_their_zone() -> None:
    summer = datetime(2026, 7, 1, 4, 59, tzinfo=UTC)  # 06:59 in Berlin
    waiting = holding(False, at=summer - 60 * MINUTE)
    assert (due(waiting, summer), due(waiting, summer + MINUTE)) == ([], [0])


def test_more_messages_than_an_hour_allows_wait_and_go_together_however_urgent() -> None:
    waiting = holding(True)
    for number in range(3):
        assert send(waiting, NOON + number * MINUTE) == [number]
        add(waiting, number + 1, urgent=True)
    add(waiting, 4)
    assert due(waiting, NOON + 59.9 * MINUTE) == []
    assert send(waiting, NOON + 60 * MINUTE) == [3, 4]


def test_more_than_fit_into_a_message_make_several() -> None:
    waiting = holding(*[False] * (TOGETHER + 1))
    assert send(waiting, NOON + 10 * MINUTE) == list(range(TOGETHER))
    assert send(waiting, NOON + 10 * MINUTE) == [TOGETHER]


def test_after_a_failure_it_is_tried_again_ever_more_seldom_with_what_came_meanwhile() -> None:
    waiting, at, waits = holding(True), NOON, []
    for _ in range(7):
        waiting.failed(at)
        tried = at
        while not due(waiting, at):
            at += timedelta(seconds=1)
        waits.append((at - tried).total_seconds())
    assert waits == [5, 15, 60, 300, 600, 600, 600]
    add(waiting, 1, urgent=True)
    assert send(waiting, at) == [0, 1]
    add(waiting, 2, urgent=True)
    waiting.failed(at)
    assert due(waiting, at + timedelta(seconds=5)) == [2]


def test_a_receiver_is_left_alone_for_as_long_as_it_asks_but_not_for_ever() -> None:
    waiting = holding(True)
    waiting.failed(NOON, again_s=42)
    assert (due(waiting, NOON + timedelta(seconds=41)), due(waiting, NOON + timedelta(seconds=42))) == ([], [0])
    waiting.failed(NOON, again_s=1e9)
    assert due(waiting, NOON + 60 * MINUTE) == [0]


def test_it_is_known_for_how_long_a_receiver_has_taken_nothing() -> None:
    waiting = holding(True, False)
    assert waiting.failed(NOON) == timedelta()
    assert waiting.failed(NOON + 11 * MINUTE) == 11 * MINUTE
    assert send(waiting, NOON + 30 * MINUTE) == [0, 1]
    assert waiting.failed(NOON + 40 * MINUTE) == timedelta()


def test_when_too_much_waits_no_hour_is_quiet() -> None:
    late = datetime(2026, 11, 30, 23, tzinfo=UTC)
    waiting = holding(*[False] * FULL, at=late)
    assert waiting.is_full
    assert send(waiting, late + 10 * MINUTE) == list(range(TOGETHER))
    assert not waiting.is_full
    assert due(waiting, late + 20 * MINUTE) == []


@pytest.mark.parametrize("digest", [timedelta(), timedelta(seconds=1)])
def test_without_a_digest_everything_goes_as_it_comes(digest: timedelta) -> None:
    assert due(holding(False, pace=Pace(digest, [], 3)), NOON + digest) == [0]
