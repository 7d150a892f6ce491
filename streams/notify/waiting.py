"""What waits to be told to one receiver, and when it is: digest, quiet hours, rate limit, and trying again.

Pure: the time is handed in.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from streams.windows import Window

from .notices import Notice

TOGETHER = 20
"""Notices in one message."""
FULL = 1000
"""Notices that wait, at which no more is read and no hour is quiet."""
AGAIN_S = (5, 15, 60, 300, 600)
"""Between two attempts to reach a receiver; the last one stays."""
LONGEST_AGAIN_S = 3600
"""That a receiver may ask for."""
HOUR = timedelta(hours=1)

Place = tuple[str, int, int]
"""Topic, partition and offset."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What is not urgent waits for `digest`, and for the end of the `quiet` windows; `an_hour` are messages."""

    digest: timedelta
    quiet: Sequence[Window]
    an_hour: int


@dataclass(frozen=True, slots=True)
class Held:
    notice: Notice
    place: Place
    since: datetime


class Waiting:
    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._held: list[Held] = []
        self._sent: deque[datetime] = deque(maxlen=pace.an_hour)
        self._again: datetime | None = None
        self._failures = 0
        self._failing_since: datetime | None = None

    def __len__(self) -> int:
        return len(self._held)

    @property
    def is_full(self) -> bool:
        return len(self) >= FULL

    def add(self, notice: Notice, place: Place, now: datetime) -> None:
        self._held.append(Held(notice, place, now))

    def due(self, now: datetime) -> list[Held]:
        """What is to be sent now as one message: first what is urgent, then what came first."""
        limited = len(self._sent) == self._pace.an_hour and now - self._sent[0] < HOUR
        if not self._held or limited or (self._again and now < self._again):
            return []
        urgent = [one for one in self._held if one.notice.urgent]
        others = [] if self._is_quiet(now) else [one for one in self._held if not one.notice.urgent]
        if not urgent and not (others and now - others[0].since >= self._pace.digest):
            return []
        return [*urgent, *others][:TOGETHER]

    def settled(self, message: Sequence[Held], now: datetime) -> None:
        """The receiver has taken it, or said that it never will."""
        places = {one.place for one in message}
        self._held = [one for one in self._held if one.place not in places]
        self._sent.append(now)
        self._again = self._failing_since = None
        self._failures = 0

    def failed(self, now: datetime, again_s: float = 0.0) -> timedelta:
        """Nothing is due before the next attempt. Returns for how long the receiver has taken nothing by now."""
        wait_s = max(AGAIN_S[min(self._failures, len(AGAIN_S) - 1)], min(again_s, LONGEST_AGAIN_S))
        self._again = now + timedelta(seconds=wait_s)
        self._failures += 1
        self._failing_since = self._failing_since or now
        return now - self._failing_since

    def _is_quiet(self, now: datetime) -> bool:
        spans = (span for window in self._pace.quiet for span in window.around(now, timedelta()))
        return not self.is_full and any(begin <= now < end for begin, end in spans)
