"""The measuring process: `python -m duckdb_sidecar.measure FOLDER`, with `job.json` in the folder.

It limits itself before it touches the clone, writes `result.json` anew after every step, says on its output what it
is about to do, and ends with the process that started it.
"""

import json
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

from .job import Job, Outcome
from .run import cpus, measure

NICENESS = 10
SPARE_S = 60
JOB, RESULT = "job.json", "result.json"


def main(folder: Path) -> None:
    job = Job.model_validate_json((folder / JOB).read_bytes())
    _limit(job)
    Thread(target=_end_with_parent, daemon=True).start()

    def report(step: str, about: str) -> None:
        sys.stdout.write(json.dumps({"step": step, "about": about}) + "\n")
        sys.stdout.flush()

    save(measure(job, folder, report, lambda outcome: save(outcome, folder)), folder)


def save(outcome: Outcome, folder: Path) -> None:
    """Whole or not at all, whenever the process is killed."""
    fresh = folder / f"{RESULT}.new"
    fresh.write_text(outcome.model_dump_json())
    fresh.replace(folder / RESULT)


def _limit(job: Job) -> None:
    os.nice(NICENESS)
    seconds = int(job.request.budget_s * cpus()) + SPARE_S
    for what, limit in ((resource.RLIMIT_AS, job.limits.memory_bytes), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):  # not every system has each of them
            resource.setrlimit(what, (limit, limit))


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
