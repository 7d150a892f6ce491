"""A connection on a clone that can reach nothing else.

No file but the database and the copies of external files, no network, no extension, no object of Python; memory and
disk limited; the configuration locked, last. Reading is done on a database attached read-only. The database is
attached to an empty one in memory, so that it has the product's name for it whatever its file is called.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import duckdb

from ..client.catalog import SETTINGS, structure
from ..errors import NotMeasurable
from ..quoting import identifier, string
from ..render import Tables, by_name

Row = tuple[Any, ...]

FETCHED = 10_000
"""Rows at a time."""

OURS = frozenset(
    "threads memory_limit max_temp_directory_size enable_external_access lock_configuration disabled_optimizers "
    "storage_compatibility_version".split()
)
"""Settings of the product that are not taken over as they are."""

LOCKED = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "python_scan_all_frames": "false",
    "enable_progress_bar": "false",
    "enable_external_access": "false",
    "lock_configuration": "true",
}

ERRORS: list[tuple[type[duckdb.Error], str]] = [
    (duckdb.InterruptException, "it runs too long"),
    (duckdb.OutOfMemoryException, "it needs more memory than it may use"),
    (duckdb.CatalogException, "it names a table, view, type or function that the clone lacks"),
    (duckdb.BinderException, "its names or types do not fit the clone"),
    (duckdb.ParserException, "DuckDB does not parse it"),
    (duckdb.PermissionException, "it reaches for what the sandbox keeps closed, as a view over files does"),
    (duckdb.IOException, "it reads a file that the clone lacks"),
    (duckdb.TransactionException, "it could not be committed, as where the disk is full"),
    (duckdb.HTTPException, "it reaches for the network"),
    (duckdb.ConversionException, "a value cannot be converted"),
    (duckdb.ConstraintException, "it breaks a constraint"),
    (duckdb.OutOfRangeException, "a value is out of range"),
]


def why(error: Exception) -> str:
    """In words, for a report: DuckDB's own message may hold values."""
    if isinstance(error, duckdb.IOException) and "Could not write" in str(error):
        return "its disk is full (IOException)"
    for kind, words in ERRORS:
        if isinstance(error, kind):
            return f"{words} ({kind.__name__})"
    return f"it failed with {type(error).__name__}"


class Sandbox:
    """`skipped` are settings of the product that this version of DuckDB does not take, with the reason."""

    def __init__(
        self,
        file: Path,
        database: str,
        *,
        read_only: bool,
        threads: int,
        memory_bytes: int,
        settings: Mapping[str, str],
        readable: Sequence[Path] = (),
        scratch: Path,
    ) -> None:
        """`readable` are folders of files that may be read, `scratch` is for what does not fit into memory.

        Raises duckdb.Error where the file cannot be opened.
        """
        self.skipped: dict[str, str] = {}
        self.threads = threads
        self.memory_bytes = memory_bytes
        self._database = database
        self._connection = duckdb.connect()
        run = self._connection.execute
        try:
            run(f"ATTACH {string(str(file))} AS {identifier(database)} ({'READ_ONLY' if read_only else 'READ_WRITE'})")
            run(f"USE {identifier(database)}")
            run(f"SET threads = {threads}")
            run(f"SET memory_limit = '{memory_bytes}B'")
            run(f"SET temp_directory = {string(str(scratch))}")
            folders = ", ".join(string(f"{folder}/") for folder in readable)
            run(f"SET allowed_directories = [{folders}]")
            for setting in SETTINGS:
                if setting in settings and setting not in OURS:
                    self._set(setting, string(settings[setting]))
            for setting, value in LOCKED.items():
                self._set(setting, value)
            if run("SELECT current_setting('enable_external_access')").fetchall() != [(False,)]:
                raise NotMeasurable("DuckDB did not close its access to files: nothing is run with it")
        except BaseException:
            self._connection.close()
            raise

    def _set(self, setting: str, value: str) -> None:
        try:
            self._connection.execute(f"SET {setting} = {value}")
        except duckdb.Error as error:
            if setting in ("enable_external_access", "lock_configuration"):
                raise
            self.skipped[setting] = type(error).__name__

    @contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """What runs inside is interrupted after `seconds`, and then raises NotMeasurable; so does all that fails."""
        if seconds <= 0:  # an interrupt that comes before a statement begins has no effect
            raise NotMeasurable("there was no time left for it")
        timer = Timer(seconds, self._connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (duckdb.Error, MemoryError, RuntimeError) as error:
            raise NotMeasurable(why(error)) from error
        finally:
            timer.cancel()

    def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(statement, parameters).fetchall()

    def first(self, statement: str, most: int) -> list[Row]:
        """At most so many rows; the rest is not computed."""
        return self._connection.execute(statement).fetchmany(most)

    def drain(self, statement: str) -> None:
        """Fetches every row, as a product does, and keeps none."""
        result = self._connection.execute(statement)
        while result.fetchmany(FETCHED):
            pass

    def tables(self) -> Tables:
        """As they are now."""
        return by_name(structure(self._connection, self._database))

    def columns(self) -> list[str]:
        """The names of the last result's."""
        return [column[0] for column in self._connection.description or ()]

    def close(self) -> None:
        self._connection.close()
