"""Latencies that a log does not tell: each of its statements is run on the file that is analysed, which is only read.

Without them no rule knows what is slow. They put candidates in order and are no part of what a suggestion says.
"""

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from schemas.client.attached import Local
from schemas.client.databases import name_of
from schemas.client.exemplars import Exemplars
from schemas.errors import NotMeasurable
from schemas.measure.files import Copies
from schemas.measure.gate import Gate
from schemas.measure.job import Exemplar, Limits
from schemas.measure.queries import READ, Side, probe
from schemas.measure.sandbox import Sandbox
from schemas.records import WorkloadShape

LIMIT_S = 10.0
"""For one run of one statement."""


def with_latencies(
    workload: Iterable[WorkloadShape], local: Local, file: Path, folder: Path, budget_s: float
) -> tuple[list[WorkloadShape], dict[str, str]]:
    """The same shapes, and why some have none still, by their statements: those come last that ran least often.

    `folder` is for copies of external files. Raises KeyboardInterrupt when told to stop.
    """
    shapes = list(workload)
    deadline = time.monotonic() + budget_s
    failed: dict[str, str] = {}
    with closing(_sandbox(file, folder)) as sandbox:
        side, gate, copies = Side(sandbox), Gate(sandbox), Copies(folder, Limits().file_bytes)
        for place, shape in enumerate(shapes):
            if shape.kind != READ or shape.total_us:
                continue
            limit_s = min(LIMIT_S, deadline - time.monotonic())
            try:
                if limit_s <= 0:
                    raise NotMeasurable("the time for it was over")
                run_s = probe(shape, _first(local.exemplars, shape), side, gate, copies, limit_s).run_s
            except NotMeasurable as error:
                if local.stop.is_set():
                    raise KeyboardInterrupt from None
                failed[shape.statement] = str(error)
                continue
            us = max(1, round(run_s * 1e6))
            shapes[place] = shape.model_copy(update={"total_us": us * shape.count, "p50_us": us, "p95_us": us})
    return shapes, failed


def _first(exemplars: Exemplars, of: WorkloadShape) -> Sequence[Exemplar]:
    return [Exemplar(literals=list(one), files=files) for one, files in exemplars.get(of.fingerprint)[:1]]


def _sandbox(file: Path, folder: Path) -> Sandbox:
    folder.mkdir(mode=0o700)
    return Sandbox(
        file,
        name_of(str(file)),
        read_only=True,
        threads=os.cpu_count() or 1,
        memory_bytes=Limits().memory_bytes // 2,
        settings={},
        readable=[folder],
        scratch=folder,
    )
