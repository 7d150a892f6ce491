"""Maintenance windows and freezes: when a change may be carried out."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, BaseModel, ConfigDict, field_validator, model_validator

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
HORIZON = timedelta(days=60)
"""How far ahead an opening is looked for."""


class Window(BaseModel):
    """Open on these days from `begins` to `ends` by the zone's wall clock; one that ends earlier ends the next day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: list[Day] = list(DAYS)
    begins: time
    ends: time
    zone: str = "UTC"

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is no time zone, such as Europe/Berlin") from error
        return zone

    @model_validator(mode="after")
    def _opens(self) -> "Window":
        if not self.days or self.begins == self.ends:
            raise ValueError("it never opens: name a day, and an end that is not its begin")
        if self.begins.tzinfo or self.ends.tzinfo:
            raise ValueError("its times are by the wall clock of its zone: name that as `zone`")
        return self

    def around(self, at: datetime, ahead: timedelta) -> Iterator[tuple[datetime, datetime]]:
        """Its openings in UTC, begin and end, from the one of the day before on."""
        zone = ZoneInfo(self.zone)
        day = at.astimezone(zone).date() - timedelta(days=1)
        last = (at + ahead).astimezone(zone).date()
        while day <= last:
            if DAYS[day.weekday()] in self.days:
                ends_on = day if self.begins < self.ends else day + timedelta(days=1)
                begin = datetime.combine(day, self.begins, zone).astimezone(UTC)
                end = datetime.combine(ends_on, self.ends, zone).astimezone(UTC)
                yield begin, end  # which is no time at all in a spring night that has no such hour
            day += timedelta(days=1)


class Freeze(BaseModel):
    """Nothing is carried out from `begins` until `ends`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    begins: AwareDatetime
    ends: AwareDatetime
    reason: str

    @model_validator(mode="after")
    def _lasts(self) -> "Freeze":
        if self.begins >= self.ends:
            raise ValueError("it ends before it begins")
        return self


def closing(needed: Iterable[Sequence[Window]], freezes: Sequence[Freeze], at: datetime) -> datetime | None:
    """When what is open at this moment no longer is, by the end of a window or a freeze; None where nothing ends it.

    Windows of a group that follow one another are not taken for one.
    """
    ends = [freeze.begins for freeze in freezes if freeze.begins > at]
    for group in filter(None, needed):
        spans = [span for window in group for span in window.around(at, timedelta(0))]
        ends.append(max((end for begin, end in spans if begin <= at < end), default=at))
    return min(ends, default=None)


def opening(needed: Iterable[Sequence[Window]], freezes: Sequence[Freeze], at: datetime) -> datetime | None:
    """The first moment from `at` on at which one window of each group is open and nothing is frozen.

    An empty group is always open. None if there is none within HORIZON.
    """
    groups = [[span for window in group for span in window.around(at, HORIZON)] for group in needed if group]
    moments = {at, *(freeze.ends for freeze in freezes), *(begin for group in groups for begin, _ in group)}
    for moment in sorted(one.astimezone(UTC) for one in moments if at <= one <= at + HORIZON):
        frozen = any(freeze.begins <= moment < freeze.ends for freeze in freezes)
        if not frozen and all(any(begin <= moment < end for begin, end in group) for group in groups):
            return moment
    return None
