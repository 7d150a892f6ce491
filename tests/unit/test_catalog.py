from pathlib import Path

import duckdb
import pytest

from schemas.client.catalog import catalog_hash, place_of, routines, settings, structure
from schemas.client.external import external_tables
from schemas.client.figures import with_figures
from schemas.records import Column, Constraint, Index, Table

CANARY = "canary-5f1d"
SCHEMA = f"""
CREATE SCHEMA s;
CREATE TABLE s.parent ("the key" INTEGER PRIMARY KEY);
CREATE TABLE s."child" (
    a INTEGER NOT NULL REFERENCES s.parent ("the key"), b VARCHAR DEFAULT '{CANARY}', c INTEGER AS (a + 4711),
    mood ENUM ('glad', 'isn''t'), UNIQUE (a, b), CHECK (b <> '{CANARY}' AND b <> '')
);
CREATE INDEX plain ON s."child" (b);
CREATE UNIQUE INDEX computed ON s."child" ((b || '{CANARY}'), a);
CREATE VIEW v AS SELECT a FROM s."child" WHERE b = '{CANARY}' AND a < 4711;
CREATE TEMPORARY TABLE passing (a INTEGER);
"""


def read(connection: duckdb.DuckDBPyConnection) -> list[Table]:
    return structure(connection, place_of(connection).database)


def table(name: str, **changed: object) -> Table:
    values = {"schema_name": "s", "kind": "table", "rows": 0, "bytes": 0, "row_groups": 0, "columns": []}
    return Table.model_validate({"name": name, **values, **changed})


def test_the_structure_is_told_with_no_literal_in_it() -> None:
    with duckdb.connect() as connection:
        connection.execute(SCHEMA)
        view, child, parent = read(connection)
    assert parent == table(
        "parent",
        columns=[Column(name="the key", type="INTEGER", nullable=False)],
        constraints=[
            Constraint(kind="not null", columns=["the key"]),
            Constraint(kind="primary key", columns=["the key"]),
        ],
    )
    assert child == table(
        "child",
        columns=[
            Column(name="a", type="INTEGER", nullable=False),
            Column(name="b", type="VARCHAR", nullable=True, has_default=True),
            Column(name="c", type="INTEGER", nullable=True, generated=True),
            Column(name="mood", type="ENUM", nullable=True, enum_values=["glad", "isn't"]),
        ],
        constraints=[
            Constraint(kind="check", columns=["b"]),
            Constraint(kind="foreign key", columns=["a"], references="parent", referenced_columns=["the key"]),
            Constraint(kind="not null", columns=["a"]),
            Constraint(kind="unique", columns=["a", "b"]),
        ],
        indexes=[
            Index(name="computed", columns=["b", "a"], unique=True, expression=True),
            Index(name="plain", columns=["b"], unique=False),
        ],
    )
    assert view == table(
        "v",
        schema_name="main",
        kind="view",
        columns=[Column(name="a", type="INTEGER", nullable=True)],
        statement="SELECT a FROM s.child WHERE ((b = $1) AND (a < $2))",
    )


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE lonely ADD COLUMN c INTEGER",
        "ALTER TABLE lonely ALTER a TYPE BIGINT",
        "ALTER TABLE lonely ALTER a SET DEFAULT 3",
        "ALTER TABLE lonely ALTER a SET NOT NULL",
        "CREATE INDEX i ON lonely (a)",
        "CREATE OR REPLACE VIEW w AS SELECT a + 1 FROM lonely",
        "DROP TABLE lonely",
    ],
)
def test_a_change_of_structure_changes_the_hash(change: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE lonely (a INTEGER); CREATE VIEW w AS SELECT a FROM lonely")
        before = catalog_hash(read(connection))
        connection.execute(change)
        assert catalog_hash(read(connection)) != before


def test_rows_sizes_figures_and_files_do_not_change_the_hash(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "x.duckdb") as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
        before = catalog_hash(read(connection))
        connection.execute("INSERT INTO t SELECT range FROM range(200_000)")
        connection.execute("CHECKPOINT")
        found = with_figures(connection, place_of(connection), read(connection), 5.0)
        assert (found[0].rows, found[0].row_groups) == (200_000, 2)
        assert found[0].bytes > 0
        assert catalog_hash([*found, table("@file:0.csv", kind="file")]) == before


def test_what_macros_and_triggers_do_is_told_with_no_literal_in_it() -> None:
    with duckdb.connect() as connection:
        connection.execute(SCHEMA)
        connection.execute(
            f"""
            CREATE MACRO least_of(x) AS (SELECT min(a) FROM v WHERE a > x AND '{CANARY}' > '');
            CREATE MACRO twice(x) AS x + 4711, (x, y) AS x + y;
            CREATE MACRO rows_of(x) AS TABLE SELECT c FROM s."child" WHERE b = x;
            CREATE TEMP MACRO passing(x) AS x;
            """
        )
        connection.execute(
            "CREATE TRIGGER copied AFTER INSERT ON s.parent REFERENCING NEW TABLE AS new FOR EACH STATEMENT "
            f"INSERT INTO s.child (b) SELECT '{CANARY}' FROM new"
        )
        found = routines(connection, place_of(connection).database)
    assert found == [
        "(SELECT min(a) FROM v WHERE ((a > x) AND ($1 > $2)))",
        "(x + $1)",
        "(x + y)",
        'CREATE TRIGGER copied AFTER INSERT ON s.parent REFERENCING NEW TABLE AS "new" FOR EACH STATEMENT '
        "INSERT INTO s.child(b) SELECT '$1' FROM \"new\"",
        "SELECT c FROM s.child WHERE (b = x)",
    ]


@pytest.mark.parametrize("rows", [500, 60_000, 1_500_000])
def test_what_columns_hold_is_told_from_a_sample(rows: int) -> None:
    columns = {
        "sorted": "range",
        "falling": "-range",
        "noise": "hash(range)",
        "few": "range % 4",
        "number": "range::VARCHAR",
        "code": "'00' || range",
        "day": "(DATE '2020-01-01' + (range % 1000)::INTEGER)::VARCHAR",
        "moment": "'2020-01-01T10:00:0' || range % 10",
        "id": "uuid()::VARCHAR",
        "word": "'word ' || range",
        "half": "CASE WHEN hash(range) % 2 = 0 THEN range::VARCHAR END",
        "nothing": "NULL::VARCHAR",
        "list": "[range]",
        "long": "repeat('9', 50)",
    }
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS SELECT {selected} FROM range({rows})")
        [found] = with_figures(connection, place_of(connection), read(connection), 60.0)
    by_name = {column.name: column for column in found.columns}
    assert {name: column.holds for name, column in by_name.items() if column.holds} == {
        "number": "integer", "day": "date", "moment": "timestamp", "id": "uuid", "half": "integer",
    }  # fmt: skip
    assert (by_name["sorted"].ordered, by_name["falling"].ordered, by_name["list"].ordered) == (1.0, 0.0, -1.0)
    assert 0.3 < by_name["noise"].ordered < 0.7
    assert by_name["few"].distinct == 4
    assert by_name["half"].null_share == pytest.approx(0.5, abs=0.1)
    assert by_name["nothing"].null_share == 1.0
    assert by_name["noise"].distinct == pytest.approx(rows, rel=0.6)


def test_a_key_has_as_many_values_as_rows() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)")
        connection.execute("INSERT INTO t SELECT range, 1 FROM range(50_000)")
        [found] = with_figures(connection, place_of(connection), read(connection), 5.0)
    assert [column.distinct for column in found.columns] == [50_000, 1]


def test_without_time_for_figures_sizes_are_told() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS a FROM range(1000)")
        [found] = with_figures(connection, place_of(connection), read(connection), 0.0)
    assert (found.rows, found.bytes, found.columns[0].distinct) == (1000, 8000, -1)


def test_no_setting_tells_a_path_or_a_secret(tmp_path: Path) -> None:
    with duckdb.connect(config={"threads": 3, "temp_directory": str(tmp_path / CANARY)}) as connection:
        found = settings(connection)
    assert found["threads"] == "3"
    assert CANARY not in str(found)


def test_a_replaced_file_has_another_id(tmp_path: Path) -> None:
    file = tmp_path / "x.duckdb"
    with duckdb.connect(file) as connection:
        place = place_of(connection)
        first = place.file_id(b"salt")
        assert (place.access_mode, len(first), place.file_bytes) == ("read_write", 32, file.stat().st_size)
        assert place.file_id(b"other") != first
    file.rename(tmp_path / "y.duckdb")
    assert place.file_id(b"salt") == ""
    duckdb.connect(file).close()
    assert place.file_id(b"salt") not in ("", first)


def test_external_files_are_told_by_their_ids(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT range AS n, hash(range) AS h FROM range(40_000)) "
            f"TO '{tmp_path}/a.parquet' (ROW_GROUP_SIZE 10_000)"
        )
        connection.execute(f"COPY (SELECT range AS n, 2 * range AS m FROM range(1000)) TO '{tmp_path}/a.csv'")
    (tmp_path / "headless.csv").write_text(f"{CANARY},1\n" * 3)
    (tmp_path / "notes.txt").write_text(CANARY)
    parquet, csv, headless, text, missing, remote = external_tables(
        {
            "@file:0.parquet": f"{tmp_path}/*.parquet",
            "@file:1.csv": f"{tmp_path}/a.csv",
            "@file:2.csv": f"{tmp_path}/headless.csv",
            "@file:3.txt": f"{tmp_path}/notes.txt",
            "@file:4.csv": f"{tmp_path}/missing.csv",
            "@url:5.csv": "https://127.0.0.1:1/x.csv",
        },
        {"n"},
    )
    assert parquet == table(
        "@file:0.parquet",
        schema_name="",
        kind="file",
        rows=40_000,
        bytes=(tmp_path / "a.parquet").stat().st_size,
        row_groups=4,
        columns=[
            Column(name="n", type="BIGINT", nullable=True, ordered=1.0),
            Column(name="h", type="UBIGINT", nullable=True, ordered=0.0),
        ],
    )
    assert [column.name for column in csv.columns] == ["n", "column1"]  # no statement names m
    assert csv.rows == pytest.approx(1000, abs=2)
    assert CANARY not in headless.model_dump_json()
    assert (text.bytes, text.columns) == (len(CANARY), [])
    for unknown in (missing, remote):
        assert (unknown.rows, unknown.bytes, unknown.columns) == (-1, -1, [])
