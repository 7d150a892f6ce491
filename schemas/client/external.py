"""External files that the workload reads, as tables under their salted ids: columns, rows and bytes.

They are read by a connection of ours, on one thread. Of a file that is not local nothing but the id is told. The
names of a CSV's or JSON's columns are guessed from its data, and the guess may be wrong: those are told alone that
the workload names as well.
"""

import glob
import os
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import duckdb

from ..quoting import string
from ..records import Column, Table
from .figures import interrupted_after
from .watching import private_connection

BUDGET_S = 1.0
MOST_FILES = 1_000
HEAD = 64 * 1024
"""Bytes in which lines are counted, where that is all there is to tell the rows by."""
READERS = {
    "parquet": "read_parquet",
    **dict.fromkeys(("csv", "tsv"), "read_csv"),
    **dict.fromkeys(("json", "jsonl", "ndjson"), "read_json"),
}


def external_tables(files: Mapping[str, str], named: Set[str]) -> list[Table]:
    """`files` are paths or patterns by their salted ids, `named` the workload's names in lower case.

    What is not known of a file is -1, or missing.
    """
    connection = private_connection()
    try:
        connection.execute("SET autoinstall_known_extensions = false")
        return [_table(connection, name, path, named) for name, path in sorted(files.items())]
    finally:
        connection.close()


def _table(connection: duckdb.DuckDBPyConnection, name: str, path: str, named: Set[str]) -> Table:
    table = Table(schema_name="", name=name, kind="file", rows=-1, bytes=-1, row_groups=0, columns=[])
    if not name.startswith("@file:"):
        return table
    try:
        paths = [path] if os.path.isfile(path) else sorted(glob.glob(path, recursive=True))[:MOST_FILES]
        if not paths:
            return table
        table = table.model_copy(update={"bytes": sum(os.path.getsize(one) for one in paths)})
        with interrupted_after(connection, BUDGET_S):
            return _read(connection, table, paths, named)
    except (OSError, duckdb.Error):
        return table  # gone, unreadable or slow: it stays at what is known


def _read(connection: duckdb.DuckDBPyConnection, table: Table, paths: Sequence[str], named: Set[str]) -> Table:
    endings = table.name.split(".")[1:]
    reader = next((READERS[ending] for ending in endings if ending in READERS), None)
    if reader is None:
        return table
    found = connection.execute(f"DESCRIBE SELECT * FROM {reader}({_list(paths)})").fetchall()  # noqa: S608
    columns = [Column(name=name, type=kind, nullable=True) for name, kind, *_ in found]
    if reader != "read_parquet":
        rows = _lines(Path(paths[0]), table.bytes) if endings[-1] in READERS else -1
        columns = [_guessed(index, column, named) for index, column in enumerate(columns)]
        return table.model_copy(update={"columns": columns, "rows": rows})
    [(rows, groups)] = connection.execute(
        f"SELECT sum(num_rows), sum(num_row_groups) FROM parquet_file_metadata({_list(paths)})"  # noqa: S608
    ).fetchall()
    columns = [column.model_copy(update={"ordered": _ordered(connection, column, paths)}) for column in columns]
    return table.model_copy(update={"columns": columns, "rows": int(rows), "row_groups": int(groups)})


def _guessed(index: int, column: Column, named: Set[str]) -> Column:
    name = column.name if column.name.lower() in named else f"column{index}"
    return column.model_copy(update={"name": name, "type": column.type.partition("(")[0]})


def _ordered(connection: duckdb.DuckDBPyConnection, column: Column, paths: Sequence[str]) -> float:
    """The share of neighbouring row groups of which the second begins where the first has ended, or after it."""
    [(pairs, ascending)] = connection.execute(
        "SELECT count(*) FILTER (least IS NOT NULL AND before IS NOT NULL), count(*) FILTER (least >= before) FROM ("  # noqa: S608
        f"SELECT TRY_CAST(stats_min_value AS {column.type}) AS least, lag(TRY_CAST(stats_max_value AS {column.type})) "
        f"OVER (ORDER BY file_name, row_group_id) AS before FROM parquet_metadata({_list(paths)}) "
        "WHERE path_in_schema = ?)",
        [column.name],
    ).fetchall()
    return ascending / pairs if pairs else -1.0


def _lines(file: Path, size: int) -> int:
    with file.open("rb") as opened:
        head = opened.read(HEAD)
    return size * head.count(b"\n") // max(1, len(head))


def _list(paths: Sequence[str]) -> str:
    return "[" + ", ".join(map(string, paths)) + "]"
