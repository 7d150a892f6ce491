"""How large tables are and what is in their columns, without reading them whole: from DuckDB's own statistics and
from a sample. Only counts come out of it, no value.
"""

import math
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Timer
from typing import Any

import duckdb

from ..quoting import identifier, qualified, string
from ..records import Column, Table
from .catalog import Place

ROW_GROUP = 122_880
BLOCK = 2_048
"""Rows that DuckDB samples together."""
BLOCKS = 96
ROWS_OF_BLOCK = 64
SAMPLE_BYTES = 32 * 1024 * 1024
POINTS = 128
LARGEST_TEXT = 40
"""Bytes of a number, date, timestamp or UUID as text."""
SEGMENTS = 5_000
"""A table with more segments of columns (0.03 ms each) has its size guessed."""

# a text such as 007 is a code: a type holds texts that it gives back as they were
HOLDS = {
    "integer": "TRY_CAST({0} AS BIGINT)::VARCHAR = {0}",
    "date": "TRY_CAST({0} AS DATE)::VARCHAR = {0}",
    "timestamp": r"regexp_full_match({0}, '\d{{4}}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{{1,6}})?') "
    "AND TRY_CAST({0} AS TIMESTAMP) IS NOT NULL",
    "uuid": "TRY_CAST({0} AS UUID)::VARCHAR = lower({0})",
}
_UNSORTED = re.compile(r"(STRUCT|MAP|UNION|VARIANT|JSON|BLOB|BIT$|GEOMETRY)|.*\]$", re.IGNORECASE)
_UNIQUE = re.compile(r"Approx Unique: (\d+)\]")


def with_figures(
    connection: duckdb.DuckDBPyConnection, place: Place, tables: Sequence[Table], budget_s: float
) -> list[Table]:
    """The same tables with sizes and, as far as `budget_s` goes and largest first, with figures of their columns."""
    deadline = time.monotonic() + budget_s
    found = {
        (table.schema_name, table.name): table.model_copy(update={"bytes": size, "row_groups": row_groups(table)})
        for table, size in zip(tables, sizes(connection, place, tables), strict=True)
    }
    for name, table in sorted(found.items(), key=lambda item: item[1].rows, reverse=True):
        if table.kind == "table" and table.rows and (left := deadline - time.monotonic()) > 0:
            try:
                with interrupted_after(connection, left):
                    columns = _columns(connection, place.database, table)
            except duckdb.Error:
                continue  # took too long, or was altered meanwhile: the next snapshot tells
            found[name] = table.model_copy(update={"columns": columns})
    return list(found.values())


def row_groups(table: Table) -> int:
    return math.ceil(table.rows / ROW_GROUP)


def sizes(connection: duckdb.DuckDBPyConnection, place: Place, tables: Sequence[Table]) -> list[int]:
    """Estimated bytes of each table: of its blocks in the file, or of its values in memory. Views have none."""
    if place.file is None:
        return [table.rows * sum(_width(column.type) for column in table.columns) for table in tables]
    [(block, used)] = connection.execute(
        "SELECT block_size, used_blocks * block_size FROM pragma_database_size() WHERE database_name = ?",
        [place.database],
    ).fetchall()
    known: dict[int, int] = {}
    for index, table in enumerate(tables):
        if table.kind == "table" and row_groups(table) * len(table.columns) <= SEGMENTS:
            name = string(qualified(place.database, table.schema_name, table.name))
            [(blocks,)] = connection.execute(
                f"SELECT count(DISTINCT block_id) FROM pragma_storage_info({name})"  # noqa: S608
            ).fetchall()
            known[index] = blocks * block
    # the large ones share what is left, by the number of their values
    values = [0 if index in known else table.rows * len(table.columns) for index, table in enumerate(tables)]
    left = max(0, used - sum(known.values()))
    return [known.get(index, left * count // max(1, sum(values))) for index, count in enumerate(values)]


def _columns(connection: duckdb.DuckDBPyConnection, database: str, table: Table) -> list[Column]:
    stored = {f"c{index}": column for index, column in enumerate(table.columns) if not column.generated}
    place = qualified(database, table.schema_name, table.name)
    statistics = ", ".join(f"stats({identifier(column.name)})" for column in stored.values())
    known = connection.execute(f"SELECT {statistics} FROM {place} LIMIT 1").fetchall()  # noqa: S608
    distinct = dict(zip(stored, (_distinct(one) for one in known[0]), strict=True)) if known else {}

    blocks = min(BLOCKS, max(1, SAMPLE_BYTES * table.rows // (BLOCK * max(1, table.bytes))))
    share = blocks * BLOCK / table.rows
    # of a large table some rows of some blocks, of a small one some rows from everywhere
    step = BLOCK if share < 1 else max(1, table.rows // POINTS)
    part = f"TABLESAMPLE system({100 * share:.6f} PERCENT) REPEATABLE (1)" if share < 1 else ""
    columns = ", ".join(f"{identifier(column.name)} AS {name}" for name, column in stored.items())
    sorts = [name for name, column in stored.items() if not _UNSORTED.match(column.type)]
    of_rows = [f"count({name}) AS present_{name}" for name in stored]
    of_rows += [
        f"bool_and(coalesce(strlen({name}) <= {LARGEST_TEXT} AND {test.format(name)}, {name} IS NULL)) AS {kind}_{name}"
        for name, column in stored.items() if column.type == "VARCHAR" for kind, test in HOLDS.items()
    ]  # fmt: skip
    before = [f"lag({name}) OVER (ORDER BY r) AS before_{name}" for name in sorts]
    of_points = [f"count(*) FILTER ({name} > before_{name}) AS up_{name}" for name in sorts]
    of_points += [f"count(*) FILTER ({name} < before_{name}) AS down_{name}" for name in sorts]
    result = connection.execute(
        f"WITH chosen AS MATERIALIZED (SELECT rowid AS r, {columns} FROM {place} {part} "  # noqa: S608
        f"WHERE rowid % {step} < {ROWS_OF_BLOCK}), "
        f"points AS (SELECT {', '.join(['r', *sorts, *before])} FROM chosen WHERE r % {step} = 0) "
        f"SELECT * FROM (SELECT {', '.join(['count(*) AS rows', *of_rows])} FROM chosen), "
        f"(SELECT {', '.join(['count(*) AS points', *of_points])} FROM points)"
    )
    names = [described[0] for described in result.description]
    [row] = result.fetchall()
    counts = dict(zip(names, row, strict=True))
    distinct |= {name: table.rows for name, column in stored.items() if column.name in _keys(table)}
    described = {
        column.name: _described(name, column, counts, distinct.get(name, -1)) for name, column in stored.items()
    }
    return [described.get(column.name, column) for column in table.columns]


def _described(name: str, column: Column, counts: dict[str, Any], distinct: int) -> Column:
    rows, present = counts["rows"], counts[f"present_{name}"]
    up, down = counts.get(f"up_{name}", 0), counts.get(f"down_{name}", 0)
    holds = (kind for kind in HOLDS if present and counts.get(f"{kind}_{name}"))
    update = {
        "distinct": distinct,
        "null_share": 1 - present / rows if rows else 0.0,
        "holds": next(holds, None),
        "ordered": up / (up + down) if up + down else -1.0,
    }
    return column.model_copy(update=update)


def _keys(table: Table) -> set[str]:
    """Columns that hold every value once."""
    unique = [one.columns for one in table.constraints if one.kind in ("primary key", "unique")]
    return {names[0] for names in unique if len(names) == 1}


def _distinct(statistics: Any) -> int:
    """A mapping since 2.0, before it a text in which texts of the data come before the count."""
    if isinstance(statistics, str):
        found = _UNIQUE.findall(statistics)
        return int(found[-1]) if found else -1
    return int(statistics.get("approx_unique", -1)) if isinstance(statistics, dict) else -1


def _width(kind: str) -> int:
    """Bytes of a value in memory, with a guess for what has no fixed width."""
    fixed = {"BOOLEAN": 1, "TINYINT": 1, "UTINYINT": 1, "SMALLINT": 2, "USMALLINT": 2, "ENUM": 2}
    fixed |= dict.fromkeys(("INTEGER", "UINTEGER", "FLOAT", "DATE"), 4)
    fixed |= dict.fromkeys(("HUGEINT", "UHUGEINT", "UUID", "INTERVAL"), 16)
    return fixed.get(kind, 8) if kind != "VARCHAR" and not _UNSORTED.match(kind) else 24


@contextmanager
def interrupted_after(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    timer = Timer(seconds, connection.interrupt)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
