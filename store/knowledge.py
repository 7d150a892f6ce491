"""The knowledge file: one owner process, one connection that writes, migrations by number."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from schemas.errors import StoreError, StoreTaken
from schemas.quoting import identifier, string

MIGRATIONS = Path(__file__).with_name("migrations")
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": "2",
    "memory_limit": "1GB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


class KnowledgeFile:
    """Open from construction to `close`. Only one thread may write; any thread may read."""

    def __init__(self, path: Path, migrations: Path = MIGRATIONS) -> None:
        """Makes the file if need be and brings it to the newest migration.

        Raises StoreTaken where another process has it open, StoreError where it cannot be used, or a newer release
        has written it.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the knowledge file {path} cannot be made: {error}") from error
        self._connection = _connect(path, read_only=False)
        try:
            _migrate(self, migrations)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """All that is done with the connection becomes lasting at the end, or nothing if something is raised."""
        self._connection.begin()
        try:
            yield self._connection
            self._connection.commit()
        except BaseException:
            with suppress(duckdb.Error):  # a failed commit has ended the transaction already
                self._connection.rollback()
            raise

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One consistent state, for any thread of this process; whatever would write is refused by DuckDB."""
        with self._connection.cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            yield cursor

    @contextmanager
    def copied(self) -> Iterator[Path]:
        """A copy of one consistent state, while it is written on; for any thread, but one at a time.

        Not by reading the file: this process would lose its lock once it closes it again. Raises duckdb.Error, OSError,
        as for a full disk.
        """
        folder = _folder_of_copy(self.path)
        shutil.rmtree(folder, ignore_errors=True)  # what a process that was killed has left
        folder.mkdir(mode=0o700)
        try:
            self._copy_to(folder / self.path.name)
            yield folder / self.path.name
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _copy_to(self, copy: Path) -> None:
        with self._connection.cursor() as cursor:
            [(name,)] = cursor.execute("SELECT current_database()").fetchall()
            cursor.execute(f"ATTACH {string(str(copy))} AS copy_of_it")
            try:
                cursor.execute(f"COPY FROM DATABASE {identifier(name)} TO copy_of_it")
            finally:
                cursor.execute("DETACH copy_of_it")

    def close(self) -> None:
        with suppress(duckdb.Error):  # with a full disk the checkpoint at the end fails; the log beside is kept
            self._connection.close()


@contextmanager
def reading(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A file that no process has open, left as it is. Raises StoreTaken, StoreError."""
    with _connect(path, read_only=True) as connection:
        yield connection


def is_taken(error: duckdb.Error) -> bool:
    """Whether another process has the file open. A path, or what is said of a broken block, may hold "lock" too."""
    return isinstance(error, duckdb.IOException) and "Could not set lock on file" in str(error)


def naive(time: datetime) -> datetime:
    """UTC without a zone, as the tables hold times."""
    return time.astimezone(UTC).replace(tzinfo=None)


def zoned(row: Sequence[Any]) -> list[Any]:
    """A row of a table with its times in UTC."""
    return [value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for value in row]


def _folder_of_copy(path: Path) -> Path:
    return path.absolute().with_name(f".{path.name}-copy")


def _connect(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    try:
        connection = duckdb.connect(str(path), read_only=read_only, config=CONFIG)
        # in this order: afterwards nothing more can be allowed
        connection.execute(f"SET allowed_directories = [{string(str(_folder_of_copy(path)))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection
    except duckdb.Error as error:
        if is_taken(error):
            raise StoreTaken(
                f"another process has the knowledge file {path} open, and only one may: stop that one, "
                f"or give this one a file of its own by store_path ({error})"
            ) from error
        raise StoreError(f"the knowledge file {path} cannot be opened: {error}") from error


def _migrate(file: KnowledgeFile, folder: Path) -> None:
    scripts = {int(script.name.partition("_")[0]): script for script in sorted(folder.glob("*.sql"))}
    with file.transaction() as tx:
        tx.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name VARCHAR NOT NULL)")
        applied = dict(tx.execute("SELECT number, name FROM migrations").fetchall())
        if newer := sorted(set(applied) - set(scripts)):
            raise StoreError(
                f"{file.path} was written by a newer release (migrations {newer}): use that release, "
                "or rebuild the file with this one (`sidecar store rebuild`)"
            )
        for number, script in scripts.items():
            if number not in applied:
                tx.execute(script.read_text())
                tx.execute("INSERT INTO migrations VALUES (?, ?)", [number, script.name])
