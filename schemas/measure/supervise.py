"""Starts the measuring process, and kills it where it has to be: at the deadline, or when a statement cannot be ended.

DuckDB interrupts a statement that runs, but not one that it plans, and a statement may take the whole process with
it. Where that happens while a query is run for the first time, the query is not measurable and the rest begins again
without it; later, what was finished stays.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from ..errors import CloneError
from .__main__ import JOB, RESULT
from .job import Job, Outcome
from .run import machine_of
from .session import unmeasured
from .verdict import NOT_REACHED

SPARE_S = 10.0
"""Beyond the budget, for starting and for the step that is running."""
STUCK_S = 5.0
"""Beyond what probing a query may take."""
ATTEMPTS = 5
POLL_S = 0.1
STDERR = "stderr"
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")
"""All else stays outside, passwords above all."""

logger = logging.getLogger("duckdb_sidecar")


@dataclass(slots=True)
class Step:
    name: str = "start"
    about: str = ""
    begun_s: float = 0.0


def run_measure(job: Job, folder: Path, stop: Event) -> Outcome:
    """Blocks until the measurement is done, `stop` is set or the deadline has passed.

    `folder` is the job's alone, mode 0700, and its owner's to remove: of what the measurement makes in it, and of
    the clone, nothing is left. Raises OSError where no process can be started.
    """
    deadline = time.monotonic() + job.request.budget_s + SPARE_S
    begun = time.monotonic()
    try:
        for _ in range(ATTEMPTS):
            left = job.request.budget_s - (time.monotonic() - begun)
            attempt = job.model_copy(update={"request": job.request.model_copy(update={"budget_s": max(left, 0.0)})})
            ended, step = _attempt(attempt, folder, deadline, stop)
            if ended is None:
                return _outcome(job, folder, None)
            if step.name != "probe" or stop.is_set() or time.monotonic() > deadline:
                break
            reason = f"running it ended the measuring process ({ended})"
            job = job.model_copy(update={"not_measurable": {**job.not_measurable, step.about: reason}})
        return _outcome(job, folder, f"measuring ended early, while it was at {step.name!r}: {ended}")
    finally:
        _clean(job, folder)
