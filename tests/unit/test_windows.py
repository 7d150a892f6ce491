"""Maintenance windows by the wall clock of their zone, and freezes."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from streams.windows import DAYS, HORIZON, Freeze, Window, closing, opening

MONDAY = datetime(2026, 11, 30, tzinfo=UTC)
NIGHTS = Window(begins=time(22), ends=time(5), zone="Europe/Berlin")
WEEKEND = Window(days=["sat", "sun"], begins=time(0), ends=time(23, 59))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Of the week that begins with MONDAY, in UTC."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("windows", "moment", "opens"),
    [
        ([], at(0, 12), at(0, 12)),
        ([[]], at(0, 12), at(0, 12)),
        ([[NIGHTS]], at(0, 12), at(0, 21)),  # Berlin is an hour ahead in winter
        ([[NIGHTS]], at(0, 21), at(0, 21)),
        ([[NIGHTS]], at(1, 3, 59), at(1, 3, 59)),
        ([[NIGHTS]], at(1, 4), at(1, 21)),
        ([[WEEKEND]], at(0, 12), at(5, 0)),
        ([[WEEKEND]], at(6, 23, 59), at(12, 0)),
        ([[NIGHTS], [WEEKEND]], at(0, 12), at(5, 0)),  # of Friday's night
        ([[NIGHTS, WEEKEND]], at(5, 12), at(5, 12)),
    ],
)
def test_the_first_moment_at_which_one_window_of_each_group_is_open(
    windows: list[list[Window]], moment: datetime, opens: datetime
) -> None:
    assert opening(windows, [], moment) == opens


def test_nothing_opens_in_a_freeze() -> None:
    frozen = Freeze(begins=at(0, 20), ends=at(2, 23), reason="year's end")
    assert opening([[NIGHTS]], [frozen], at(0, 12)) == at(2, 23)
    assert opening([], [frozen], at(0, 21)) == at(2, 23)
    assert opening([], [frozen], at(0, 19)) == at(0, 19)
    for_ever = Freeze(begins=at(0, 0), ends=at(0, 0) + HORIZON + timedelta(days=2), reason="moving")
    assert opening([[NIGHTS]], [for_ever], at(0, 12)) is None


@pytest.mark.parametrize(
    ("windows", "freezes", "closes"),
    [
        ([], [], None),
        ([[], [NIGHTS]], [], at(1, 4)),
        ([[NIGHTS, WEEKEND]], [], at(1, 4)),  # the other one is not open
        ([[NIGHTS], [Window(begins=time(20), ends=time(23))]], [], at(0, 23)),
        ([[NIGHTS]], [(at(1, 2), at(1, 3)), (at(0, 1), at(0, 2))], at(1, 2)),
        ([], [(at(1, 2), at(1, 3))], at(1, 2)),
    ],
)
def test_what_is_open_closes_with_a_window_of_any_group_or_a_freeze(
    windows: list[list[Window]], freezes: list[tuple[datetime, datetime]], closes: datetime | None
) -> None:
    frozen = [Freeze(begins=begins, ends=ends, reason="r") for begins, ends in freezes]
    assert closing(windows, frozen, at(0, 22)) == closes


def test_windows_that_never_meet_never_open() -> None:
    morning, evening = (Window(begins=time(hour), ends=time(hour + 1)) for hour in (8, 20))
    assert opening([[morning], [evening]], [], MONDAY) is None


def test_summer_time_moves_a_window_by_an_hour() -> None:
    assert opening([[NIGHTS]], [], datetime(2026, 7, 1, 12, tzinfo=UTC)) == datetime(2026, 7, 1, 20, tzinfo=UTC)


def test_an_hour_that_a_spring_night_skips_does_not_open() -> None:
    skipped = Window(days=["sun"], begins=time(2), ends=time(3), zone="Europe/Berlin")
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert opening([[skipped]], [], before) == datetime(2026, 4, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "values",
    [
        {"begins": "22:00", "ends": "22:00"},
        {"begins": "22:00", "ends": "23:00", "days": []},
        {"begins": "22:00", "ends": "23:00", "days": ["noday"]},
        {"begins": "22:00", "ends": "23:00", "zone": "Europe/Atlantis"},
        {"begins": "22:00", "ends": "23:00", "zone": "../../etc/passwd"},
        {"begins": "22:00+01:00", "ends": "23:00"},
        {"begins": "22:00", "ends": "23:00", "until": "2027"},
    ],
)
def test_a_window_that_is_none_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Window.model_validate(values)


HOURS = st.builds(time, st.integers(0, 23))
WINDOWS = st.builds(
    lambda days, begins, length: Window(days=days, begins=begins, ends=time((begins.hour + length) % 24)),
    st.lists(st.sampled_from(DAYS), min_size=1, unique=True), HOURS, st.integers(1, 23),
)  # fmt: skip
FREEZES = st.builds(
    lambda start, hours: Freeze(begins=MONDAY + timedelta(hours=start), ends=MONDAY + timedelta(hours=start + hours),
                                reason=""),
    st.integers(-24, 200), st.integers(1, 100),
)  # fmt: skip


@given(st.lists(st.lists(WINDOWS, max_size=2), max_size=2), st.lists(FREEZES, max_size=2), st.integers(0, 167))
def test_no_hour_before_the_opening_is_open_and_that_one_is(
    groups: list[list[Window]], freezes: list[Freeze], hour: int
) -> None:
    """Everything begins and ends at full hours in UTC, so that each hour can be asked."""

    def is_open(moment: datetime) -> bool:
        def within(window: Window) -> bool:
            for back in (0, 1):
                day = moment - timedelta(days=back)
                begin = day.replace(hour=window.begins.hour)
                end = day.replace(hour=window.ends.hour) + timedelta(days=window.begins > window.ends)
                if DAYS[day.weekday()] in window.days and begin <= moment < end:
                    return True
            return False

        frozen = any(freeze.begins <= moment < freeze.ends for freeze in freezes)
        return not frozen and all(not group or any(map(within, group)) for group in groups)

    start = MONDAY + timedelta(hours=hour)
    hours = (start + timedelta(hours=n) for n in range(60 * 24))
    assert opening(groups, freezes, start) == next((moment for moment in hours if is_open(moment)), None)
