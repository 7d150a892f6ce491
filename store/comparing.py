"""Two knowledge files, table by table."""

from pathlib import Path

import duckdb

from schemas.quoting import identifier, string


def differences(one: Path, other: Path) -> dict[str, tuple[int, int]]:
    """How many rows of which tables are in one of them alone: in the first, in the second."""
    with duckdb.connect() as connection:
        for name, path in (("one", one), ("other", other)):
            connection.execute(f"ATTACH {string(str(path))} AS {name} (READ_ONLY)")
        tables = connection.execute(
            "SELECT DISTINCT table_name FROM duckdb_tables() WHERE database_name IN ('one', 'other') ORDER BY ALL"
        ).fetchall()
        found = {}
        for (table,) in tables:
            quoted = identifier(table)
            [counts] = connection.execute(
                f"SELECT (SELECT count(*) FROM (FROM one.{quoted} EXCEPT ALL FROM other.{quoted})), "  # noqa: S608
                f"(SELECT count(*) FROM (FROM other.{quoted} EXCEPT ALL FROM one.{quoted}))"
            ).fetchall()
            if any(counts):
                found[table] = counts
        return found
