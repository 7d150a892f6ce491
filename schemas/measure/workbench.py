"""The two databases that are compared: A as it is, B a copy of A's file with a change made to it.

Why so (tried on DuckDB 1.2.2, 1.4.4 and 2.0.0, at 3M rows):
- Two files in two instances, each attached under the product's own name, so that statements run unchanged, qualified
  names and views included. Two databases attached to one instance were no less noisy (identical ones: 0.96-1.01 in
  processor time either way), but only one of them can have the product's name.
- B starts as a copy of A's file, byte for byte, so both have one layout. A is written afresh like B's changed
  tables: a clone comes row by row from the product, and a snapshot, which has the product's own gaps and short row
  groups, is copied anew first. What B then gains is the change's, not that of tidying up.
- Both are closed after they were written and opened again to be read: nothing is measured on an index that was never
  on disk, on rows of an open transaction, or on row groups that no checkpoint has compressed.
- A copied file costs 0.04 s for 92 MB. There are two at a time, four while writes are replayed, and free space is
  looked at before each.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import duckdb

from ..actions import Body, ChangeType
from ..errors import ActionError, CloneError, NotMeasurable
from ..quoting import identifier, qualified, string
from ..render import render
from .job import Job
from .sandbox import Sandbox, why

MEMORY_SHARE = 0.25
"""Of the address space for the buffers of each instance: the allocator keeps about as much again."""
WATCHED_S = 0.02

_UNITS = {"b": 1, "bytes": 1} | {
    f"{prefix}{unit}": base**power
    for power, prefix in enumerate("kmgt", 1)
    for unit, base in (("b", 1000), ("ib", 1024))
}


@dataclass(frozen=True, slots=True)
class Built:
    """A file with a change in it. `extra_bytes` are what its data use more, `peak_bytes` were on disk in between."""

    file: Path
    build_s: float
    extra_bytes: int
    peak_bytes: int


class Workbench:
    """All files are in `folder`. `file` is that of A."""

    def __init__(self, job: Job, folder: Path, readable: Path) -> None:
        """`readable` is the folder of the copies of external files."""
        self._job = job
        self._folder = folder
        self._readable = readable
        self._made = 0
        self.file = job.clone.file
        self.threads = max(1, min(int(job.settings.get("threads", os.cpu_count() or 1)), job.limits.threads))
        self.memory_bytes = min(
            int(job.limits.memory_bytes * MEMORY_SHARE), bytes_of(job.settings.get("memory_limit", ""))
        )
        self._identity = self._look()

    def prepare(self) -> None:
        """Brings A into the layout of a fresh copy, with the product's own indexes. Raises CloneError."""
        try:
            if self._job.clone.kind == "snapshot":
                self._write_afresh()
            with self.writing(self.file) as sandbox:
                for statement in self._job.clone.indexes:
                    sandbox.rows(index_statement(statement))
                sandbox.rows("CHECKPOINT")
        except (duckdb.Error, NotMeasurable) as error:
            raise CloneError(f"the clone cannot be used ({why(error)}): ask for another analysis") from error
        self._identity = self._look()

    def check(self) -> None:
        """Raises CloneError where A's file is gone, or is another than it was."""
        if self._look() != self._identity:
            raise CloneError("the clone was replaced while it was measured: leave its folder to the sidecar")

    def reading(self, file: Path) -> Sandbox:
        return self._open(file, read_only=True)

    @contextmanager
    def writing(self, file: Path) -> Iterator[Sandbox]:
        sandbox = self._open(file, read_only=False)
        try:
            yield sandbox
        finally:
            sandbox.close()

    def copy(self, file: Path) -> Path:
        """Raises NotMeasurable where there is no room for it, CloneError where A is gone."""
        self.check()
        target = self.place()
        size, floor = file.stat().st_size, self._job.limits.free_bytes
        if (free := shutil.disk_usage(self._folder).free - size) < floor:
            raise NotMeasurable(
                f"a copy of the clone would leave {max(free, 0):,} bytes free on the disk, and {floor:,} must stay"
            )
        try:
            shutil.copyfile(file, target)
        except OSError as error:
            discard(target)
            raise NotMeasurable(f"the clone could not be copied ({error.strerror})") from error
        return target

    def place(self) -> Path:
        """For another database file."""
        self._made += 1
        return self._folder / f"{self._made}.duckdb"

    def build(self, bodies: Sequence[Body], limit_s: float) -> Built:
        """Raises NotMeasurable where the change cannot be made to A; CloneError."""
        file = self.copy(self.file)
        try:
            with self._peak(file) as peak, self.writing(file) as sandbox:
                size = _used_bytes(sandbox)
                views = _readable_views(sandbox)
                begun = time.perf_counter()
                with sandbox.limit(limit_s):
                    for body in bodies:
                        self._apply(body, sandbox)
                    sandbox.rows("CHECKPOINT")
                build_s = time.perf_counter() - begun
                extra = _used_bytes(sandbox) - size
                if broken := views - _readable_views(sandbox):
                    raise NotMeasurable(f"the view {min(broken)} could not be read any more")
        except (ActionError, NotMeasurable) as error:
            discard(file)
            raise NotMeasurable(f"the change cannot be made here: {error}") from error
        return Built(file, build_s, extra, max(peak))

    def accept(self, built: Built) -> None:
        """B is the new A."""
        discard(self.file)
        self.file = built.file
        self._identity = self._look()

    def _open(self, file: Path, *, read_only: bool) -> Sandbox:
        scratch = file.with_suffix(".tmp")  # two instances must not share one
        try:
            return Sandbox(
                file,
                self._job.clone.database,
                read_only=read_only,
                threads=self.threads,
                memory_bytes=self.memory_bytes,
                settings=self._job.settings,
                readable=[self._readable],
                scratch=scratch,
            )
        except duckdb.Error as error:
            self.check()
            raise CloneError(f"the clone cannot be opened ({why(error)}): ask for another analysis") from error

    def _look(self) -> tuple[int, int]:
        try:
            state = self.file.stat()
        except OSError as error:
            raise CloneError(
                "the clone is gone: leave its folder to the sidecar, and ask for another analysis"
            ) from error
        return state.st_dev, state.st_ino

    def _apply(self, body: Body, sandbox: Sandbox) -> None:
        if isinstance(body, ChangeType):
            refuse_loss(body, sandbox, share=self._job.clone.share)
        for statement in render(body, sandbox.tables()):
            sandbox.rows(statement)

    def _write_afresh(self) -> None:
        target = self.place()
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH {string(str(self.file))} AS old (READ_ONLY)")
            connection.execute(f"ATTACH {string(str(target))} AS new")
            connection.execute("COPY FROM DATABASE old TO new")
        target.replace(self.file)

    @contextmanager
    def _peak(self, file: Path) -> Iterator[list[int]]:
        """What `file` and all beside it of its name take more on disk, looked at every `WATCHED_S`."""
        sizes = [0]
        before = _size(file)
        done = Event()

        def watch() -> None:
            while not done.wait(WATCHED_S):
                sizes.append(_size(file) - before)

        watcher = Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield sizes
        finally:
            sizes.append(_size(file) - before)
            done.set()
            watcher.join()


def refuse_loss(body: ChangeType, sandbox: Sandbox, *, share: float) -> None:
    """Raises NotMeasurable with the count of values that the new type would not give back as they were."""
    if body.to_type == "ENUM":
        return
    column, place = identifier(body.column), qualified(body.schema_name, body.table)
    [(lost, changed)] = sandbox.rows(f"""
        SELECT count(*) FILTER (converted IS NULL), count(*) FILTER (CAST(converted AS VARCHAR) <> text)
        FROM (SELECT CAST({column} AS VARCHAR) AS text, TRY_CAST({column} AS {body.to_type}) AS converted
              FROM {place} WHERE {column} IS NOT NULL)
    """)
    where = "the clone" if share >= 1 else "a sample of the rows"
    if lost:
        raise NotMeasurable(f"{lost:,} values of {where} are no {body.to_type}")
    if changed and body.to_type not in ("TIMESTAMP", "UUID"):
        raise NotMeasurable(f"{changed:,} values of {where} would read otherwise as {body.to_type}, as 007 does as 7")


def index_statement(statement: str) -> str:
    """The same, passing over an index that there is. Raises NotMeasurable for all but one CREATE INDEX."""
    found = duckdb.extract_statements(statement)
    head = re.match(r"\s*CREATE\s+(UNIQUE\s+)?INDEX\s+(?!IF\b)", statement, re.IGNORECASE)
    if len(found) != 1 or not head:
        raise NotMeasurable("what comes with the clone is no index")
    return f"{head[0]} IF NOT EXISTS {statement[head.end() :]}"


def bytes_of(text: str) -> int:
    """Of DuckDB's `12.4 GiB`; without a limit 2 ** 63."""
    found = re.fullmatch(r"([\d.]+) ?([a-z]+)", text.strip().lower())
    return int(float(found[1]) * _UNITS[found[2]]) if found and found[2] in _UNITS else 2**63


def discard(file: Path) -> None:
    for beside in (file, file.with_name(f"{file.name}.wal")):
        with suppress(FileNotFoundError):
            beside.unlink()
    shutil.rmtree(file.with_suffix(".tmp"), ignore_errors=True)


def _size(file: Path) -> int:
    total = 0
    for entry in [file, file.with_name(f"{file.name}.wal"), *file.with_suffix(".tmp").glob("*")]:
        with suppress(OSError):
            total += os.path.getsize(entry)
    return total


def _readable_views(sandbox: Sandbox) -> set[str]:
    """Before DuckDB 2.0 a view fails whose table has other columns or types than when it was made."""
    found = set()
    for (schema, name), table in sandbox.tables().items():
        if table.kind == "view":
            with suppress(duckdb.Error):
                sandbox.rows(f"SELECT * FROM {qualified(schema, name)} LIMIT 0")
                found.add(name)
    return found


def _used_bytes(sandbox: Sandbox) -> int:
    [(used,)] = sandbox.rows(
        "SELECT used_blocks * block_size FROM pragma_database_size() WHERE database_name = current_database()"
    )
    return int(used)
