"""The threads beside a database of the product: one tells of its catalog and answers requests to measure, the other
carries out what was approved.
"""

import json
import logging
from collections.abc import Callable
from functools import partial
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from ..errors import SettingsError
from .attached import Attached
from .cloned import Cloned
from .live import Database
from .measuring import Measuring
from .reports import CatalogReports
from .sink import Batch
from .slowness import Slowness

if TYPE_CHECKING:
    from .operating import Operating

INTERVAL_S = 1.0
AGAIN_S = 30.0

logger = logging.getLogger("duckdb_sidecar")


class Companion:
    def __init__(self, attached: Attached, database: str, live: Database, place: str | None = None) -> None:
        """`place` is where this process has the database open, None where it only reads a copy."""
        self._attached = attached
        self._slowness = Slowness()
        self._reports = CatalogReports(attached, database, live, in_place=place is not None)
        self._measuring: Measuring | None = None
        if attached.settings.measure:
            self._measuring = Measuring(attached, database, Cloned(attached, database, live, self._slowness).measure)
        self._threads = [Thread(target=self._work, name=f"duckdb-sidecar-{database}", daemon=True)]
        if place is not None and attached.settings.operation_keys is not None:
            operate = partial(_operate, attached, database, place, self._reports.look_again)
            self._threads.append(Thread(target=operate, name=f"duckdb-sidecar-operate-{database}", daemon=True))
        for thread in self._threads:
            thread.start()

    def hear(self, batch: Batch) -> None:
        for event in batch.events:
            self._slowness.add(event)
        if self._attached.files.hear(batch):
            self._reports.expect_more()

    def catalog_hash(self, anew: bool) -> str:
        return self._reports.hash_of(anew)

    def join(self, timeout: float | None) -> None:
        """Returns when its work has ended, or after `timeout` seconds."""
        for thread in self._threads:
            thread.join(timeout)

    def _work(self) -> None:
        while not self._attached.stop.is_set():
            try:
                self._reports.work()
                if self._measuring is None:
                    self._attached.stop.wait(INTERVAL_S)
                else:
                    self._measuring.work(INTERVAL_S)
            except Exception:  # the product goes on whatever breaks beside it
                logger.warning("what works beside the product failed, and goes on", exc_info=True)
                self._attached.stop.wait(INTERVAL_S)
        self._reports.close()
        if self._measuring is not None:
            self._measuring.close()


def _operate(attached: Attached, database: str, place: str, changed: Callable[[], None]) -> None:
    operating: Operating | None = None
    while not attached.stop.is_set():
        try:
            operating = operating or _operating(attached, database, place, changed)
            operating.work(INTERVAL_S)
        except Exception:  # the product goes on whatever breaks beside it
            logger.warning("what carries out operations failed, and is tried again", exc_info=True)
            attached.stop.wait(AGAIN_S)
    if operating is not None:
        operating.close()


def _operating(attached: Attached, database: str, place: str, changed: Callable[[], None]) -> "Operating":
    """Raises SettingsError, OSError, ValueError for keys that cannot be read."""
    try:
        keys_of = import_module("..tokens", __package__).keys_of
        made: type[Operating] = import_module(".operating", __package__).Operating
    except ModuleNotFoundError as missing:
        raise SettingsError(f"{missing.name} is missing: pip install 'duckdb-sidecar-client[operate]'") from missing
    file = attached.settings.operation_keys
    keys = keys_of(json.loads(file.read_text()) if file else {}, bound=False)
    return made(attached, database, place, keys, changed)
