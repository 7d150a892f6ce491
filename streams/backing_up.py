"""Backups as the control process makes them: in a thread of their own, now and then and when somebody asks.

What was made is a decision of the journal, which answers who asked. The file is read in one transaction while the
control process goes on; what is decided meanwhile comes from the journal once the backup is put back.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from duckdb import DuckDBPyConnection

from schemas.canonical import canonical
from schemas.errors import BackupError
from store import decisions, requests
from store.backup_file import Backup
from store.decisions import BackedUp
from store.knowledge import KnowledgeFile
from store.requests import Waiting
from streams import metrics
from streams.backups import BackupRules, make, told
from streams.deciding import Deciding
from streams.scheduling import AT_ONCE, Answered, Scheduler

AGAIN = timedelta(minutes=10)
"""After one that could not be made."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """`asked` is empty where nobody has."""

    future: "Future[Backup]"
    asked: list[Waiting]


class BackingUp:
    """For one thread, but that it has the work done in another. `rules` is None where none are to be made."""

    def __init__(self, file: KnowledgeFile, rules: BackupRules | None) -> None:
        """Raises SettingsError for a key that cannot be had."""
        self._file = file
        self._rules = rules
        self._key = rules.key.load() if rules else b""
        self._stop = threading.Event()
        self._worker = ThreadPoolExecutor(1, "backup")
        self._work: Work | None = None
        self._next: datetime | None = None

    def turn(self, tx: DuckDBPyConnection, deciding: Deciding, scheduler: Scheduler, now: datetime) -> None:
        """Begins a backup that is due or asked for; tells of one that has ended.

        Where the transaction fails, who asked still waits, and another one is made.
        """
        asked = [one for one in requests.waiting(tx, AT_ONCE) if one.kind == "backup"]
        if self._rules is None:
            self._refuse(scheduler, asked, "the control process makes no backups: set SIDECAR_BACKUP_FOLDER and a key")
        elif self._work is None:
            if asked or now >= self._due(tx, self._rules.interval):
                future = self._worker.submit(make, self._file, self._rules, self._key, now, self._stop)
                self._work = Work(future, asked)
        elif self._work.future.done():
            work, self._work = self._work, None
            self._tell(self._rules, work, deciding, scheduler, now)

    def close(self) -> None:
        """Waits until what is under way has given up."""
        self._stop.set()
        self._worker.shutdown()

    def _due(self, tx: DuckDBPyConnection, interval: timedelta) -> datetime:
        if self._next is None:
            last = decisions.last(tx, "backup")
            self._next = last + interval if last else datetime.min.replace(tzinfo=UTC)
        return self._next

    def _tell(self, rules: BackupRules, work: Work, deciding: Deciding, scheduler: Scheduler, now: datetime) -> None:
        try:
            made = work.future.result()
        except BackupError as error:
            logger.error("no backup was made", reason=str(error))
            self._next = now + min(AGAIN, rules.interval)
            self._refuse(scheduler, work.asked, str(error))
            return
        self._next = now + rules.interval
        metrics.BACKUP_TIMESTAMP.set(made.header.time.timestamp())
        logger.info("a backup was made", file=str(made.path), sequence=made.header.standing.sequence)
        body = BackedUp(
            file=str(made.path),
            bytes=made.header.bytes,
            sequence=made.header.standing.sequence,
            hash=made.header.standing.hash,
        )
        for one in work.asked:
            body_for = body.model_copy(
                update={
                    "request": one.place, "closes": True, "request_id": one.request_id,
                    "requested_by": one.requested_by,
                }
            )  # fmt: skip
            deciding.decide("backup", "", "", canonical(body_for), scheduler.answer_to(one, "made", told(made)))
        if not work.asked:
            deciding.decide("backup", "", "", canonical(body))

    def _refuse(self, scheduler: Scheduler, asked: Sequence[Waiting], reason: str) -> None:
        for one in asked:
            scheduler.refuse(Answered(one, closes=True), "", reason)
