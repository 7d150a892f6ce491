"""A made database as the product's side sees it: its catalog, and a session of measuring on its file."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Signal

from schemas.client.attached import Local
from schemas.client.exemplars import Exemplars
from schemas.client.files import Files
from schemas.client.live import SnapshotFile
from schemas.client.reports import snapshot_of
from schemas.client.settings import ClientSettings
from schemas.measure.files import Copies
from schemas.measure.job import CloneFacts, Exemplar, Job, Limits
from schemas.measure.queries import Side
from schemas.measure.session import Session
from schemas.measure.workbench import Workbench
from schemas.records import CatalogSnapshot, MeasurementRequest

from .database import Design
from .queries import Asked

PRODUCT = "distill"
LIMIT_S = 10.0
"""For one run of one statement."""
MEMORY_BYTES = 8 * 1024**3
FOREVER_S = 1e9


def catalog_of(design: Design, file: Path, folder: Path, stop: Signal) -> CatalogSnapshot:
    """By the client's own code, as a product tells of it that has the file open and writes it.

    `folder` is for what a client keeps, of which there is nothing here.
    """
    exemplars = Exemplars(folder)
    local = Local(PRODUCT, PRODUCT, ClientSettings(), folder, b"", exemplars, Files(exemplars), list, stop)
    found = snapshot_of(local, design.name, SnapshotFile(file), instances=1, in_place=True)
    return found.model_copy(update={"access_mode": "read_write", "as_code": "", "event_id": design.name})


@contextmanager
def opened(
    design: Design, file: Path, folder: Path, asked: Sequence[Asked], catalog: CatalogSnapshot
) -> Iterator[Session]:
    """The file is A. `folder` is made for what is tried, and removed."""
    readable = folder / "files"
    readable.mkdir(parents=True)
    job = Job(
        request=_request(catalog),
        exemplars={one.fingerprint: [Exemplar(literals=literals) for literals in one.literals] for one in asked},
        clone=CloneFacts(file=file, database=design.name, kind="full", rows=design.fact.rows,
                         bytes=file.stat().st_size, seconds=0.0),
        limits=Limits(query_s=LIMIT_S, memory_bytes=MEMORY_BYTES),
    )  # fmt: skip
    bench = Workbench(job, folder, readable)
    bench.prepare()
    session = Session(job, bench, Copies(readable, 0), Side(bench.reading(file)), time.monotonic() + FOREVER_S)
    try:
        yield session
    finally:
        session.before.sandbox.close()
        shutil.rmtree(folder)


def _request(catalog: CatalogSnapshot) -> MeasurementRequest:
    """The job's frame: what is tried comes one by one."""
    now = datetime.now(UTC)
    return MeasurementRequest(
        product=PRODUCT, database=catalog.database, instance=PRODUCT, event_id="", time=now, analysis_id="",
        revision=1, epoch=0, catalog_hash=catalog.catalog_hash, window_start=now, window_end=now, deadline=now,
        budget_s=0.0, tables=[], workload=[], candidates=[], refused=[],
    )  # fmt: skip
