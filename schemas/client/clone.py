"""A clone of some of the product's tables, made inside its process while it works.

Only there can an open database be read. The schema is copied as a whole by DuckDB, so that keys, checks, defaults,
types, sequences, views and macros are as they were; tables that are not needed are dropped from it again, so that no
query can find them empty. The rows are copied in their order and in one transaction, hence as of one moment, in
steps so small that one thread does each; between two of them the product has the machine to itself, and whether to
go on is asked again. Secondary indexes are left to whoever measures: their statements come with the clone.
"""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Signal

import duckdb

from ..errors import CloneError
from ..quoting import identifier, qualified, string
from ..records import Table
from .catalog import Place, place_of, structure
from .figures import ROW_GROUP, sizes
from .needed import needed
from .settings import ClientSettings
from .slowness import Slowness
from .versions import VERSION

# Half a row group: one thread reads it, and DuckDB 1.2 loses blocks, or crashes, when a transaction appends whole
# row groups to a table more than once.
STEP = ROW_GROUP // 2
LARGE_ROWS = 1_000_000
"""A sample keeps as many of a table's rows at least."""
LONGEST_REST_S = 1.0


@dataclass(frozen=True, slots=True)
class Clone:
    """`kind` is "full", "sample" or "snapshot"; `share` the part of the needed tables' rows that are in it."""

    file: Path
    kind: str
    share: float
    rows: int
    bytes: int
    seconds: float
    indexes: tuple[str, ...]
    """Statements that make the secondary indexes, to be run on the clone."""


class Pace:
    """Whether a clone may go on, and the rest between two steps: as long as the step took."""

    def __init__(self, settings: ClientSettings, folder: Path, slowness: Slowness, stop: Signal, wanted: Callable[[], bool]) -> None:
        """`wanted` says whether the product still uses the database."""
        self._settings = settings
        self._folder = folder
        self._slowness = slowness
        self._stop = stop
        self._wanted = wanted
        self._begun = self._stepped = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun

    def room_for(self, size: int) -> None:
        """Raises CloneError."""
        free = shutil.disk_usage(self._folder).free - size
        if free < self._settings.clone_free_bytes:
            raise CloneError(
                f"the clone would leave {max(0, free)} bytes free, and clone_free_bytes asks for "
                f"{self._settings.clone_free_bytes}: make room, or set clone_folder to a larger disk"
            )

    def step(self) -> None:
        """Raises CloneError."""
        now = time.monotonic()
        if self._stop.wait(min(now - self._stepped, LONGEST_REST_S)) or not self._wanted():
            raise CloneError("the product closed the database or ends: ask again when it runs")
        if self.seconds > self._settings.clone_s:
            raise CloneError(
                f"the clone was not complete after {self._settings.clone_s:g} s: raise clone_s, lower clone_bytes so "
                "that a sample is taken, or set snapshot_command"
            )
        if (ratio := self._slowness.ratio) > self._settings.clone_slowdown:
            raise CloneError(
                f"the product became {ratio:.1f} times as slow while it was cloned: ask again when it is less busy, "
                "raise clone_slowdown, or set snapshot_command"
            )
        self.room_for(0)
        self._stepped = time.monotonic()
