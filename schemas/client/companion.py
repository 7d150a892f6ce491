"""The thread beside a database of the product: tells of its catalog and answers requests to measure."""

import logging
from threading import Thread

from .attached import Attached
from .cloned import Cloned
from .live import Database
from .measuring import Measuring
from .reports import CatalogReports
from .sink import Batch
from .slowness import Slowness

INTERVAL_S = 1.0

logger = logging.getLogger("duckdb_sidecar")


class Companion:
    def __init__(self, attached: Attached, database: str, live: Database) -> None:
        self._attached = attached
        self._slowness = Slowness()
        self._reports = CatalogReports(attached, database, live)
        self._measuring: Measuring | None = None
        if attached.settings.measure:
            self._measuring = Measuring(attached, database, Cloned(attached, database, live, self._slowness).measure)
        self._thread = Thread(target=self._work, name=f"duckdb-sidecar-{database}", daemon=True)
        self._thread.start()

    def hear(self, batch: Batch) -> None:
        for event in batch.events:
            self._slowness.add(event)
        if self._attached.files.hear(batch):
            self._reports.expect_more()

    def catalog_hash(self, anew: bool) -> str:
        return self._reports.hash_of(anew)

    def join(self, timeout: float | None) -> None:
        """Returns when its work has ended, or after `timeout` seconds."""
        self._thread.join(timeout)

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
        if self._measuring is not None:
            self._measuring.close()
