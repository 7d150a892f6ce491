"""How fast a clone is made, and when it is given up for the product's sake."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event as Signal

from ..errors import CloneError
from .settings import ClientSettings
from .slowness import Slowness

LONGEST_REST_S = 1.0
CLOSED = "the product closed its connection while it was cloned: keep one open, or ask again"


class Pace:
    """Between two steps it rests as long as the step took, so that the clone takes half of one core at most."""

    def __init__(
        self, settings: ClientSettings, folder: Path, slowness: Slowness, stop: Signal, wanted: Callable[[], bool]
    ) -> None:
        """`wanted` says whether the product still has the database open."""
        self._settings = settings
        self._folder = folder
        self._slowness = slowness
        self._stop = stop
        self._wanted = wanted
        self._begun_s = self._stepped_s = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun_s

    @property
    def goes_on(self) -> bool:
        """Whether the product still works with the database, and the client beside it."""
        return not self._stop.is_set() and self._wanted()

    def room_for(self, size: int) -> None:
        """Raises CloneError where `size` bytes more would leave too few."""
        left = shutil.disk_usage(self._folder).free - size
        if left < self._settings.clone_free_bytes:
            raise CloneError(
                f"the clone would leave {max(0, left)} bytes free on its disk, clone_free_bytes asks for "
                f"{self._settings.clone_free_bytes}: make room, or set clone_folder to a larger disk"
            )

    def step(self) -> None:
        """Raises CloneError where the clone is to be given up."""
        rest = min(time.monotonic() - self._stepped_s, LONGEST_REST_S)
        self._stop.wait(rest)
        if not self.goes_on:
            raise CloneError(CLOSED)
        if self.seconds > self._settings.clone_s:
            raise CloneError(
                f"the clone was not complete after {self._settings.clone_s:g} s: raise clone_s, or lower clone_bytes "
                "so that a sample is taken"
            )
        if (ratio := self._slowness.ratio) > self._settings.clone_slowdown:
            raise CloneError(
                f"the product became {ratio:.1f} times as slow while it was cloned: ask again when it is less busy, or "
                "raise clone_slowdown"
            )
        self.room_for(0)
        self._stepped_s = time.monotonic()
