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

from .job import JOB, Job
from .run import cpus, measure

NICENESS = 10
SPARE_S = 60
"""Of processor time, beyond the budget on every processor."""


def main(folder: Path) -> None:
    job = Job.model_validate_json((folder / JOB).read_bytes())
    _limit(job)
    Thread(target=_end_with_parent, daemon=True).start()
    measure(job, folder, _report, lambda outcome: outcome.save(folder)).save(folder)


def _report(step: str, about: str) -> None:
    sys.stdout.write(json.dumps({"step": step, "about": about}) + "\n")
    sys.stdout.flush()


def _limit(job: Job) -> None:
    os.nice(NICENESS)
    cpu_s = int(max(job.request.budget_s, 0) * cpus()) + SPARE_S
    limits = {resource.RLIMIT_AS: job.limits.memory_bytes, resource.RLIMIT_CPU: cpu_s, resource.RLIMIT_CORE: 0}
    for what, limit in limits.items():
        with suppress(ValueError, OSError):  # not every system knows all of them, and a lower one may hold already
            resource.setrlimit(what, (limit, limit))


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
