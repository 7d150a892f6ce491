"""Latencies that a log does not tell: each of its statements is run on the file that is analysed, which is only read.

Without them no rule knows what is slow. They put candidates in order and are no part of what a suggestion says.
"""

import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack, closing
from multiprocessing import Pipe
from pathlib import Path
from tempfile import TemporaryDirectory

from schemas.client.attached import Local
from schemas.client.exemplars import Exemplars
from schemas.errors import NotMeasurable
from schemas.measure.job import Exemplar
from schemas.measure.queries import READ
from schemas.measure.supervise import environment
from schemas.records import WorkloadShape
from streams.latency_process import Answer, Question

LIMIT_S = 10.0
"""For one run of one statement, of which there are two."""
STUCK_S = 2.0
"""Beyond both, after which the statement cannot be interrupted."""
START_S = 30.0
PROCESS = "streams.latency_process"


def with_latencies(
    workload: Iterable[WorkloadShape], local: Local, file: Path, folder: Path, budget_s: float
) -> tuple[list[WorkloadShape], dict[str, str]]:
    """The same shapes, and why some have none still, by their statements: those come last that ran least often.

    `folder` is for copies of external files. To be called in the main thread, where a signal raises
    KeyboardInterrupt.
    """
    shapes = list(workload)
    deadline = time.monotonic() + budget_s
    failed: dict[str, str] = {}
    folder.mkdir(mode=0o700)
    with closing(_Runner(file, folder)) as runner:
        for place, shape in enumerate(shapes):
            if shape.kind != READ or shape.total_us:
                continue
            if local.stop.is_set():
                raise KeyboardInterrupt
            limit_s = min(LIMIT_S, deadline - time.monotonic())
            try:
                if limit_s <= 0:
                    raise NotMeasurable("the time for it was over")
                run_s = runner.run_s(Question(shape=shape, exemplars=_first(local.exemplars, shape), limit_s=limit_s))
            except NotMeasurable as error:
                failed[shape.statement] = str(error)
                continue
            us = max(1, round(run_s * 1e6))
            shapes[place] = shape.model_copy(update={"total_us": us * shape.count, "p50_us": us, "p95_us": us})
    return shapes, failed


def _first(exemplars: Exemplars, of: WorkloadShape) -> list[Exemplar]:
    return [Exemplar(literals=list(one), files=files) for one, files in exemplars.get(of.fingerprint)[:1]]


class _Runner:
    """Runs one statement after the other in a process, and after one that did not end in another process."""

    def __init__(self, file: Path, folder: Path) -> None:
        self._file, self._folder = file, folder
        self._made = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def run_s(self, question: Question) -> float:
        """Raises NotMeasurable."""
        if self._process is None:
            self._start()
            self._said(START_S, reason := "the process that runs it did not start", reason)
        ended = "running it ended the process that ran it"
        try:
            self._connection.send_bytes(question.model_dump_json().encode())
        except OSError:
            self.close()
            raise NotMeasurable(ended) from None
        said = self._said(2 * question.limit_s + STUCK_S, "it could not be interrupted", ended)
        answer = Answer.model_validate_json(said)
        if answer.reason is not None:
            raise NotMeasurable(answer.reason)
        return answer.run_s

    def close(self) -> None:
        self._made.close()

    def _start(self) -> None:
        own = Path(self._made.enter_context(TemporaryDirectory(dir=self._folder)))
        self._made.callback(self._end)  # whatever comes while it starts
        self._connection, theirs = Pipe()
        self._made.enter_context(self._connection)
        with theirs:
            socket = theirs.fileno()
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and this package
                [sys.executable, "-P", "-m", PROCESS, str(socket), str(self._file.absolute()), str(own)],
                env=environment(own),
                pass_fds=[socket],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for this process, which ends that one
            )

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _said(self, limit_s: float, late: str, ended: str) -> bytes:
        reason = late
        try:
            if self._connection.poll(limit_s):
                return self._connection.recv_bytes()
        except (EOFError, OSError):
            reason = ended
        self.close()
        raise NotMeasurable(reason)
