"""Starts the measuring process, and kills it where it has to be: at the deadline, or when a statement cannot be ended.

DuckDB interrupts a statement that runs, but not one that it plans, and a statement may take the whole process with
it. Where that happens while a query is run for the first time, this query is not measurable and all begins again
without it; where it happens later, what was finished stays.
"""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import IO

from .job import JOB, RESULT, Job, Outcome
from .run import SCRATCH, machine_of
from .session import unmeasured
from .verdict import NOT_REACHED
from .workbench import discard

SPARE_S = 10.0
"""Beyond the budget, for starting and for the step that is running."""
STUCK_S = 5.0
"""Beyond what probing a query may take."""
ATTEMPTS = 5
POLL_S = 0.1
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")
"""All else stays outside, passwords above all."""
SAID = 4_000
"""Characters of what the process said at its end, for the product's own log."""

logger = logging.getLogger("duckdb_sidecar")


@dataclass(slots=True)
class Step:
    """What the process is at, and since when (`time.monotonic`)."""

    name: str
    about: str
    begun_s: float


def run_measure(job: Job, folder: Path, stop: Event) -> Outcome:
    """Blocks until the measurement is done, `stop` is set or its time is over.

    `folder` is the job's alone, mode 0700, and its owner's to remove; nothing is left in it of the measurement, nor
    of the clone. Raises OSError where no process can be started.
    """
    begun = time.monotonic()
    try:
        for attempt in range(1, ATTEMPTS + 1):
            left_s = job.request.budget_s - (time.monotonic() - begun)
            request = job.request.model_copy(update={"budget_s": max(left_s, 0.0)})
            step, problem = _attempt(job.model_copy(update={"request": request}), folder, left_s + SPARE_S, stop)
            if problem is None and (outcome := _read(folder)):
                return outcome.model_copy(update={"measured_s": time.monotonic() - begun})
            if step.name != "probe" or stop.is_set() or left_s <= 0 or attempt == ATTEMPTS:
                break
            found = {**job.not_measurable, step.about: f"running it ended the measuring process: {problem}"}
            job = job.model_copy(update={"not_measurable": found})
        return _unfinished(job, _read(folder), f"measuring ended early: {problem}", time.monotonic() - begun)
    finally:
        _clean(job, folder)


def _attempt(job: Job, folder: Path, limit_s: float, stop: Event) -> tuple[Step, str | None]:
    """The last step, and why the process ended before its end; None where it did not."""
    (folder / RESULT).unlink(missing_ok=True)
    file = os.open(folder / JOB, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(file, "w") as into:
        into.write(job.model_dump_json())
    step = Step("start", "", time.monotonic())
    said: list[str] = []
    with subprocess.Popen(  # noqa: S603 - this interpreter and this package
        [sys.executable, "-P", "-m", __package__, str(folder)],
        env=environment(folder),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        readers = [
            Thread(target=_follow, args=(process.stdout, step), daemon=True),
            Thread(target=_hear, args=(process.stderr, said), daemon=True),
        ]
        try:
            for reader in readers:
                reader.start()
            problem = _wait(process, step, limit_s, job.limits.query_s, stop)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            for reader in filter(Thread.is_alive, readers):
                reader.join()  # before its pipe is closed
    if problem:
        logger.debug("measuring ended early: %s %s", problem, "".join(said)[-SAID:])
    return step, problem


def _wait(process: "subprocess.Popen[str]", step: Step, limit_s: float, query_s: float, stop: Event) -> str | None:
    deadline = time.monotonic() + limit_s
    while process.poll() is None:
        now = time.monotonic()
        if stop.wait(POLL_S):
            return "the product ends"
        if now > deadline:
            return "its time was over"
        if step.name == "probe" and now - step.begun_s > 2 * query_s + STUCK_S:
            return "it could not be interrupted"
    code = process.returncode
    if code == 0:
        return None
    return f"it was ended by signal {-code}" if code < 0 else f"it failed with code {code}"


def _follow(output: IO[str], step: Step) -> None:
    for line in output:
        with suppress(ValueError):  # a line that was cut off
            said = json.loads(line)
            step.name, step.about, step.begun_s = said["step"], said["about"], time.monotonic()


def _hear(output: IO[str], said: list[str]) -> None:
    for line in output:
        said.append(line)
        del said[:-100]


def environment(folder: Path) -> dict[str, str]:
    """Of a process that runs a product's statements, with `folder` for its home."""
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    # this package is found where this process found it, whatever its folder then was
    paths = os.pathsep.join(str(Path(path).resolve()) for path in sys.path)
    return {**kept, "HOME": str(folder), "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "DUCKDB_SIDECAR": "off"}


def _read(folder: Path) -> Outcome | None:
    with suppress(OSError, ValueError):
        return Outcome.model_validate_json((folder / RESULT).read_bytes())
    return None


def _unfinished(job: Job, outcome: Outcome | None, error: str, seconds: float) -> Outcome:
    """What was finished, and for the rest that it was not reached."""
    results = {result.candidate_id: result for result in (outcome.results if outcome else [])}
    for candidate in job.request.candidates:
        results.setdefault(candidate.candidate_id, unmeasured(candidate, NOT_REACHED, error, "proposed"))
    return Outcome(
        machine=outcome.machine if outcome else machine_of(job, 0, 0),
        measured_s=seconds,
        error=error,
        results=[results[candidate.candidate_id] for candidate in job.request.candidates],
        not_measurable={**job.not_measurable, **(outcome.not_measurable if outcome else {})},
    )


def _clean(job: Job, folder: Path) -> None:
    discard(job.clone.file)
    for name in (JOB, RESULT, f"{RESULT}.new"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / SCRATCH, ignore_errors=True)
