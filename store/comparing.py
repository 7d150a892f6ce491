"""Two knowledge files, table by table."""

from pathlib import Path

import duckdb

from schemas.quoting import identifier, string

Rows = tuple[int | None, int | None]
"""In the first file alone, in the second alone; None where that one lacks the table."""


def differences(one: Path, other: Path) -> dict[str, Rows]:
    """Of the tables that are not the same in both."""
    with duckdb.connect() as connection:
        for name, path in (("one", one), ("other", other)):
            connection.execute(f"ATTACH {string(str(path))} AS {name} (READ_ONLY)")
        tables = connection.execute(
            "SELECT table_name, bool_or(database_name = 'one'), bool_or(database_name = 'other') "
            "FROM duckdb_tables() WHERE database_name IN ('one', 'other') GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        found: dict[str, Rows] = {}
        for table, in_one, in_other in tables:
            ours, theirs = f"FROM one.{identifier(table)}", f"FROM other.{identifier(table)}"
            if in_one and in_other:
                counts = (
                    _count(connection, f"{ours} EXCEPT ALL {theirs}"),
                    _count(connection, f"{theirs} EXCEPT ALL {ours}"),
                )
                if any(counts):
                    found[table] = counts
            else:
                found[table] = (_count(connection, ours), None) if in_one else (None, _count(connection, theirs))
        return found


def _count(connection: duckdb.DuckDBPyConnection, rows: str) -> int:
    [(count,)] = connection.execute(f"SELECT count(*) FROM ({rows})").fetchall()  # noqa: S608
    return int(count)
