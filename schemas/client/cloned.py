"""Measures on a clone of the product's database."""

import os
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from ..definition import words
from ..errors import CloneError
from ..fingerprint import shape
from ..measure.files import REMOTE
from ..measure.job import CloneFacts, Exemplar, Job, Limits, Outcome
from ..measure.supervise import run_measure
from ..records import MeasurementRequest, WorkloadShape
from ..topics import key_of
from .attached import Local
from .catalog import place_of, private_names, settings
from .clone import hindrance, make_clone, plan_clone
from .live import Database
from .pace import Pace
from .slowness import Slowness
from .snapshot import make_snapshot
from .workspace import Workspace, sweep

CLONE = "clone.duckdb"
LEFT_OUT = "it names a column that is private, and so empty in the clone"


class Cloned:
    """Of one database, for `Measuring`."""

    def __init__(self, local: Local, name: str, live: Database, slowness: Slowness) -> None:
        self._local = local
        self._foreign_salt = key_of(local.product, name)  # as `observe` has it for what is not our client's
        self._live = live
        self._slowness = slowness
        self._root = local.settings.clone_folder or local.folder / "clones"
        sweep(self._root)

    def measure(self, request: MeasurementRequest) -> Outcome:
        """Raises CloneError, OSError."""
        workspace = Workspace(self._root, blake2b(request.event_id.encode(), digest_size=16).hexdigest())
        try:
            clone, in_force = self._clone(request, workspace.folder / CLONE)
            private = self._private()
            left_out = {one.fingerprint: LEFT_OUT for one in request.workload if words(one.statement) & private}
            made = datetime.now(UTC)
            job = Job(
                request=request,
                exemplars={
                    one.fingerprint: self._exemplars(one) for one in request.workload if one.fingerprint not in left_out
                },
                not_measurable=left_out,
                clone=clone,
                settings=in_force,
                limits=Limits(
                    memory_bytes=self._local.settings.measure_memory_bytes,
                    free_bytes=self._local.settings.clone_free_bytes,
                ),
            )
            outcome = run_measure(job, workspace.folder, self._local.stop)
        finally:
            gone = workspace.remove()
        told = {"clone_made": made, "clone_deleted": datetime.now(UTC) if gone else None}
        return outcome.model_copy(update={"machine": outcome.machine.model_copy(update=told)})

    def _clone(self, request: MeasurementRequest, file: Path) -> tuple[CloneFacts, dict[str, str]]:
        """A full clone if there can be one, else the team's snapshot, else a sample."""
        wanted = self._local.settings
        pace = Pace(wanted, file.parent, self._slowness, self._local.stop, self._live.is_open)
        with self._live.connection() as connection:
            place = place_of(connection)
            in_force = settings(connection)
            texts = (one.statement for one in request.workload)
            plan = plan_clone(connection, place, request.tables, texts, wanted.clone_bytes)
            problem = hindrance(connection, plan, wanted.clone_bytes)
            if problem is None and (plan.kind == "full" or not wanted.snapshot_command):
                self._slowness.watch()
                try:
                    return make_clone(connection, plan, file, pace), in_force
                except CloneError as error:
                    problem = str(error)
                finally:
                    self._slowness.unwatch()
        if not wanted.snapshot_command:
            raise CloneError(f"{problem}; or set snapshot_command")
        file.unlink(missing_ok=True)
        make_snapshot(wanted.snapshot_command, file, wanted.snapshot_s, self._local.stop)
        snapshot = CloneFacts(
            file=file,
            database=place.database,
            kind="snapshot",
            rows=sum(table.rows for table in plan.tables),
            bytes=file.stat().st_size,
            seconds=pace.seconds,
        )
        return snapshot, in_force

    def _private(self) -> set[str]:
        with self._live.connection() as connection:
            return private_names(connection, place_of(connection).database)

    def _exemplars(self, of: WorkloadShape) -> list[Exemplar]:
        """Those that are kept here, or those that a producer without our client has sent."""
        kept = self._local.exemplars.get(of.fingerprint)
        if not kept:
            sent = (shape(text, salt=self._foreign_salt) for text in of.exemplars)
            kept = [(one.literals, dict(one.files)) for one in sent if one.literals is not None]
        return [
            Exemplar(literals=list(literals), files={name: absolute(path) for name, path in files.items()})
            for literals, files in kept
        ]


def absolute(path: str) -> str:
    """As this process reads it: the measuring process has a working folder of its own."""
    return path if REMOTE in path else os.path.abspath(os.path.expanduser(path))
