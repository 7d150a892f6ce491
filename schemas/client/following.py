"""A log of JSON lines, which a product in another language writes, as the runs of one of its databases.

The file is the buffer: its lines are read `logfile.LINES` at a time, and the next ones when Kafka has answered for
these: a Kafka that is away costs neither memory nor lines, but for those at hand when it goes, which are counted as
dropped after `kafka.WAITING_MS`. The place behind what was answered for is kept in the product's folder, so that a
process that is killed repeats at most `logfile.LINES` lines when it comes again, and loses none.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from threading import Event as Signal

from ..errors import RecordError, SettingsError
from . import logline
from .alive import Alive
from .logfile import LARGEST_LINE, Line, LogFile, Place
from .recorder import EXIT_S, INTERVAL_S, Recorder

COMPLAIN_AGAIN_S = 60.0
ANSWER_S = 0.2
MANY = 100
"""Lines in one look that make it likely that more wait."""

logger = logging.getLogger("duckdb_sidecar")


class Following:
    """Of one file by one process. `unanswered` counts what the recorder's sink has sent and nobody has taken yet."""

    def __init__(
        self, file: Path, folder: Path, database: str, recorder: Recorder, unanswered: Callable[[], int], stop: Signal
    ) -> None:
        """Raises SettingsError where another process follows the file already, OSError."""
        self._file = file.absolute()
        self._database = database
        self._recorder = recorder
        self._unanswered = unanswered
        self._stop = stop
        self._untold = 0
        self._handed_over = True
        self._complained_s: dict[str, float] = {}
        name = blake2b(f"{database} {self._file}".encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        self._kept = folder / "logs" / f"{name}.json"
        self._kept.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            self._alone = Alive(self._kept.with_suffix(".lock"))
        except BlockingIOError as error:
            raise SettingsError(f"another process follows {self._file}: end that one, or name another log") from error
        place = self._last_place()
        self._log = LogFile(self._file, place)
        self._keep()
        if place is None:
            logger.info("%s is followed from its end, line %d", self._file, self._log.place.lines)

    def work(self) -> None:
        """Hands over what has come. To be called every second or so, that records do not get small."""
        try:
            many = True
            while many and not self._stop.is_set() and (lines := self._log.read()):
                self._hand_over(lines)
                self._await_answers()
                many = len(lines) >= MANY
        except OSError as error:
            if self._may_complain("file"):
                logger.warning("%s cannot be read (%s), and is tried again", self._file, error.strerror)

    def close(self) -> None:
        """Gives what was read a second to be answered for. What is not comes again with the next process."""
        if self._handed_over and self._is_answered(EXIT_S):
            self._keep()
        self._recorder.stop(EXIT_S)
        self._recorder.join(EXIT_S)
        self._log.close()
        self._alone.release()

    def _hand_over(self, lines: list[Line]) -> None:
        now_us = time.time_ns() // 1000
        self._handed_over = False
        for number, line in lines:
            try:
                self._record(line, now_us)
            except Exception as error:  # noqa: BLE001 - one that cannot be read is no reason to lose the others
                told = error if isinstance(error, RecordError) else f"it cannot be read ({type(error).__name__})"
                self._recorder.drop(1)
                self._untold += 1
                if self._may_complain("line"):
                    logger.warning(
                        "line %d of %s is dropped: %s (%d dropped since this was last told)",
                        number, self._file, told, self._untold,
                    )  # fmt: skip
                    self._untold = 0
        self._handed_over = True

    def _record(self, line: bytes | None, now_us: int) -> None:
        if line is None:
            raise RecordError(f"it is longer than {LARGEST_LINE} bytes")
        if not line.strip():
            return
        run, dropped = logline.read(line, self._database, now_us)
        self._recorder.drop(dropped)
        if self._recorder.admits(run.text):
            self._recorder.runs.append(run)

    def _await_answers(self) -> None:
        while not self._stop.is_set():
            if self._is_answered(INTERVAL_S):
                self._keep()
                return
            self._stop.wait(ANSWER_S)

    def _is_answered(self, timeout: float) -> bool:
        """Whether all that was read is with Kafka, or given up and counted."""
        return self._recorder.flush(timeout) and self._unanswered() == 0

    def _keep(self) -> None:
        try:
            fresh = self._kept.with_suffix(".new")
            fresh.write_text(json.dumps(asdict(self._log.place)))
            fresh.replace(self._kept)
        except OSError as error:
            if self._may_complain("place"):
                logger.warning("where %s was read to is not kept, a restart would repeat lines: %s", self._file, error)

    def _last_place(self) -> Place | None:
        try:
            return Place(**json.loads(self._kept.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            logger.warning("%s is damaged, so the log is followed from its end: %s", self._kept, error)
            return None

    def _may_complain(self, about: str) -> bool:
        """Once in a while: a log may be wrong in every line."""
        now = time.monotonic()
        due = now - self._complained_s.get(about, float("-inf")) >= COMPLAIN_AGAIN_S
        if due:
            self._complained_s[about] = now
        return due
