"""A clone of some of the product's tables, made inside its process while it works.

Nowhere else can an open database be read. DuckDB copies the schema as a whole, so that keys, checks, defaults, types,
sequences, views and macros are what they were; tables that nobody asked for are dropped again, so that no query finds
them empty. Rows are copied in their order and in one transaction, as of one moment, in steps so small that a single
thread does each. Secondary indexes are left to whoever measures: the clone comes with their statements.
"""

import logging
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import duckdb

from ..errors import CloneError
from ..measure.job import CloneFacts
from ..quoting import identifier, qualified, string
from ..records import Table
from ..render import Name
from .catalog import Place, definitions, private_columns, structure
from .figures import ROW_GROUP, sizes
from .needed import needed, parents_first
from .pace import CLOSED, Pace
from .versions import VERSION

# Half a row group: one thread reads it, and DuckDB 1.2 loses blocks, or crashes, where a transaction appends whole
# row groups to a table more than once.
STEP = ROW_GROUP // 2
LARGE_ROWS = 1_000_000
"""Rows of a table of which a sample keeps less than all, and then at least as many."""
MOST = 2
"""Times as large as it should be a sample may be, for its tables are cut no smaller."""
HELD = VERSION < (1, 4)
"""Whether a file that is detached stays open, and locked, until the oldest transaction of the product ends."""

logger = logging.getLogger("duckdb_sidecar")


@dataclass(frozen=True, slots=True)
class Plan:
    place: Place
    tables: list[Table]
    """Parents of foreign keys first."""
    shares: list[float]
    """Of each table's rows."""
    superfluous: list[Table]
    """Children first."""
    indexes: dict[str, str]
    """Statements by the quoted name of the index."""
    bytes: int
    private: dict[Name, set[str]] = field(default_factory=dict)
    """Columns by their tables, which are empty in the clone."""

    @property
    def kind(self) -> str:
        return "full" if min(self.shares, default=1.0) == 1.0 else "sample"


class Extent(NamedTuple):
    rows: int
    last: int
    """The highest row id, -1 without rows."""


def plan_clone(
    connection: duckdb.DuckDBPyConnection, place: Place, asked: Iterable[str], texts: Iterable[str], largest: int
) -> Plan:
    """What to copy of which tables, so that the clone has about `largest` bytes at the most."""
    tables = structure(connection, place.database)
    macros = {name: text for kind, name, text in definitions(connection, place.database) if kind == "macro"}
    bodies = {table.name: table.statement or "" for table in tables if table.kind == "view"} | macros
    chosen = needed(asked, texts, tables, bodies)
    size = sizes(connection, place, chosen)
    names = [(table.schema_name, table.name) for table in chosen]
    others = [table for table in tables if table.kind == "table" and (table.schema_name, table.name) not in names]
    indexes = {
        qualified(schema, index): sql
        for schema, table, index, sql in connection.execute(
            "SELECT schema_name, table_name, index_name, sql FROM duckdb_indexes() "
            "WHERE database_name = ? AND sql IS NOT NULL ORDER BY ALL",
            [place.database],
        ).fetchall()
        if (schema, table) in names
    }
    shares = _shares(chosen, size, largest)
    total = sum(round(share * one) for share, one in zip(shares, size, strict=True))
    private = private_columns(connection, place.database)
    return Plan(place, chosen, shares, parents_first(others)[::-1], indexes, total, private)


def hindrance(connection: duckdb.DuckDBPyConnection, plan: Plan, largest: int) -> str | None:
    """Why the plan cannot be carried out, None where it can."""
    if plan.place.type != "duckdb":
        return f"the database is of type {plan.place.type}, and only DuckDB's own can be cloned"
    if plan.place.encrypted:
        return "the database is encrypted, and a clone would not be"
    if not connection.execute("SELECT current_setting('enable_external_access')").fetchall()[0][0]:
        return "enable_external_access is off, so that no other file can be attached"
    if kept := next(_cannot_be_empty(plan), None):
        return f"{kept} is private, and cannot be left empty: it is a key, or NOT NULL where foreign keys refer to"
    if plan.bytes > MOST * largest:
        return f"even a sample of the tables would take {plan.bytes} bytes, and clone_bytes is {largest}"
    return None


def make_clone(connection: duckdb.DuckDBPyConnection, plan: Plan, file: Path, pace: Pace) -> CloneFacts:
    """Raises CloneError, whose message holds no data, where the clone is given up."""
    pace.room_for(plan.bytes * (2 if HELD else 1))
    written = file.with_suffix(".held") if HELD else file
    try:
        with _attached(connection, plan.place, written) as clone:
            _copy_schema(connection, plan, clone)
            rows, of = _copy_rows(connection, plan, clone, pace)
            if HELD:
                connection.execute(f"CHECKPOINT {clone}")
    except duckdb.Error as error:
        if isinstance(error, duckdb.InterruptException) or not pace.goes_on:  # an interrupted commit is no interrupt
            raise CloneError(CLOSED) from None
        # DuckDB's messages may hold values
        logger.debug("no clone", exc_info=True)
        unwritten = isinstance(error, duckdb.IOException | duckdb.TransactionException)  # the latter at the commit
        what_to_do = "see whether its disk is full, or set clone_folder to a larger one" if unwritten else "ask again"
        raise CloneError(
            f"DuckDB refused to make the clone ({type(error).__name__}; the product's log has the message at DEBUG): "
            f"{what_to_do}"
        ) from None
    if HELD:
        shutil.copyfile(written, file)
        written.unlink()
    return CloneFacts(
        file=file,
        database=plan.place.database,
        kind=plan.kind,
        share=rows / of if of else 1.0,
        rows=rows,
        bytes=os.path.getsize(file),
        seconds=pace.seconds,
        indexes=list(plan.indexes.values()),
    )


def _cannot_be_empty(plan: Plan) -> Iterator[str]:
    """DuckDB alters no table that a foreign key refers to."""
    referred = {(table.schema_name, one.references) for table in plan.tables for one in table.constraints}
    for table in plan.tables:
        place = table.schema_name, table.name
        keys = {name for one in table.constraints if one.kind == "primary key" for name in one.columns}
        for column in table.columns:
            needed = column.name in keys or (not column.nullable and place in referred)
            if needed and column.name in plan.private.get(place, ()):
                yield f"{table.name}.{column.name}"


def _shares(tables: Sequence[Table], sizes: Sequence[int], largest: int) -> list[float]:
    if sum(sizes) <= largest:
        return [1.0] * len(tables)
    # a parent that misses rows would refuse its children
    parents = {(table.schema_name, one.references) for table in tables for one in table.constraints if one.references}
    divisible = [table.rows > LARGE_ROWS and (table.schema_name, table.name) not in parents for table in tables]
    whole = sum(size for size, part in zip(sizes, divisible, strict=True) if not part)
    share = max(0, largest - whole) / max(1, sum(sizes) - whole)
    return [max(share, LARGE_ROWS / table.rows) if part else 1.0 for table, part in zip(tables, divisible, strict=True)]


@contextmanager
def _attached(connection: duckdb.DuckDBPyConnection, place: Place, file: Path) -> Iterator[str]:
    name = f"duckdb_sidecar_{secrets.token_hex(4)}"
    # from a product that only reads, the clone still has to be written
    options = ["READ_WRITE", *([f"STORAGE_VERSION {string(place.storage_version)}"] if place.storage_version else [])]
    connection.execute(f"ATTACH {string(str(file))} AS {name} ({', '.join(options)})")
    try:
        yield name
    finally:
        with suppress(duckdb.Error):  # there may be no transaction, or an ended one
            connection.execute("ROLLBACK")
        connection.execute(f"DETACH {name}")


def _copy_schema(connection: duckdb.DuckDBPyConnection, plan: Plan, clone: str) -> None:
    connection.execute("BEGIN TRANSACTION")
    connection.execute(f"COPY FROM DATABASE {identifier(plan.place.database)} TO {clone} (SCHEMA)")
    for table in plan.superfluous:
        connection.execute(f"DROP TABLE {clone}.{qualified(table.schema_name, table.name)}")
    for index in plan.indexes:
        connection.execute(f"DROP INDEX {clone}.{index}")
    # Not in the transaction that copies rows: so many kinds of work in one are too much for DuckDB 1.2.
    connection.execute("COMMIT")
    for table in plan.tables:
        for column in table.columns:
            if column.name in plan.private.get((table.schema_name, table.name), ()) and not column.nullable:
                name = f"{clone}.{qualified(table.schema_name, table.name)}"
                connection.execute(f"ALTER TABLE {name} ALTER COLUMN {identifier(column.name)} DROP NOT NULL")


def _copy_rows(connection: duckdb.DuckDBPyConnection, plan: Plan, clone: str, pace: Pace) -> tuple[int, int]:
    """The rows that were copied, and those that there are."""
    state = _state_of_file(plan.place)
    connection.execute("BEGIN TRANSACTION")
    extents = _extents(connection, plan)
    copied = 0
    for table, share, extent in zip(plan.tables, plan.shares, extents, strict=True):
        private = plan.private.get((table.schema_name, table.name), ())
        names = [column.name for column in table.columns if not column.generated]
        columns = ", ".join(map(identifier, names))
        values = ", ".join("NULL" if one in private else identifier(one) for one in names)
        name = qualified(table.schema_name, table.name)
        source = f"{identifier(plan.place.database)}.{name}"
        rows = 0
        for first, last in _steps(extent.last, share):
            [(inserted,)] = connection.execute(
                f"INSERT INTO {clone}.{name} ({columns}) SELECT {values} FROM {source} "  # noqa: S608
                f"WHERE rowid BETWEEN {first} AND {last}"
            ).fetchall()
            rows += inserted
            pace.step()
        if share == 1.0 and rows != extent.rows:
            raise _moved()
        copied += rows
    if _extents(connection, plan) != extents or _state_of_file(plan.place) != state:
        raise _moved()
    connection.execute("COMMIT")
    return copied, sum(extent.rows for extent in extents)


def _extents(connection: duckdb.DuckDBPyConnection, plan: Plan) -> list[Extent]:
    """The first of these takes the transaction's snapshot, of all tables at once."""
    selects = (
        f"SELECT {index}, count(*), coalesce(max(rowid), -1) "  # noqa: S608
        f"FROM {qualified(plan.place.database, table.schema_name, table.name)}"
        for index, table in enumerate(plan.tables)
    )
    found = connection.execute(" UNION ALL ".join(selects) or "SELECT 0, 0, 0 WHERE false").fetchall()
    return [Extent(rows, last) for _, rows, last in sorted(found)]


def _steps(last: int, share: float) -> Iterator[tuple[int, int]]:
    """Ranges of row ids: of every row group the first `share`, so that the rows come from everywhere, in order."""
    length = ROW_GROUP if share == 1.0 else max(1, round(ROW_GROUP * share))
    for group in range(0, last + 1, ROW_GROUP):
        end = min(group + length, last + 1)
        for first in range(group, end, STEP):
            yield first, min(first + STEP, end) - 1


def _state_of_file(place: Place) -> int | None:
    """Changes with every checkpoint. Before 1.4 a checkpoint takes rows away from transactions that still see them."""
    return os.stat(place.file).st_mtime_ns if place.file is not None and VERSION < (1, 4) else None


def _moved() -> CloneError:
    return CloneError("the rows changed below the clone's snapshot: ask again when less is written")
