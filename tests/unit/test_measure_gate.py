from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from schemas.errors import NotMeasurable
from schemas.measure.gate import Gate
from schemas.measure.sandbox import Sandbox
from tests.jobs import clone

GOLDEN = Path(__file__).parents[1] / "golden" / "statements.sql"

SETUP = """
    CREATE SEQUENCE numbers;
    CREATE TABLE t AS SELECT range AS i, range % 10 AS d, 'x' || range AS s, [range, 2] AS l FROM range(3000);
    CREATE INDEX by_i ON t(i);
    CREATE VIEW v AS SELECT * FROM t WHERE i < 10;
    CREATE MACRO twice(x) AS x * 2;
    CREATE MACRO head(n) AS TABLE SELECT * FROM t LIMIT n;
    CREATE MACRO counting() AS nextval('numbers');
    CREATE MACRO through() AS twice(counting());
    CREATE MACRO told() AS TABLE SELECT * FROM query('SELECT 1');
    CREATE MACRO sum(x) AS nextval('numbers');
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gate")
    clone(folder, SETUP)
    readable = folder / "readable"
    readable.mkdir()
    (readable / "in.csv").write_text("a,b\n1,2\n")
    (folder / "hidden.csv").write_text("password\nhunter2\n")
    return folder


def sandbox_on(folder: Path, file: str = "clone.duckdb", *, read_only: bool = True) -> Sandbox:
    return Sandbox(
        folder / file,
        "shop",
        read_only=read_only,
        threads=1,
        memory_bytes=2**28,
        settings={},
        readable=[folder / "readable"],
        scratch=folder / "scratch",
    )


@pytest.fixture(scope="module")
def gate(folder: Path) -> Iterator[Gate]:
    sandbox = sandbox_on(folder)
    yield Gate(sandbox)
    sandbox.close()


READS = """
SELECT d, count(*) FROM t GROUP BY d ORDER BY 2 LIMIT 3
SELECT * FROM shop.main.t WHERE i = 5
SELECT * FROM v
SELECT twice(i) FROM head(4)
SELECT row_number() OVER (ORDER BY i), lag(i) OVER (PARTITION BY d ORDER BY i) FROM t QUALIFY 1 = 1
SELECT * FROM t WHERE EXISTS (SELECT 1 FROM t u WHERE u.i = t.d) AND s ~ 'x1' AND s LIKE 'x%' AND i IN (1, 2)
SELECT * FROM t ASOF JOIN t u ON t.i >= u.i
SELECT * FROM t, v LIMIT 4
SELECT * FROM t POSITIONAL JOIN v
SELECT * FROM t a JOIN t b ON a.i < b.d AND a.d > b.i
WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r WHERE x < 5) SELECT * FROM r
WITH x AS MATERIALIZED (SELECT * FROM t) SELECT * FROM x, x y LIMIT 1
SELECT * FROM t USING SAMPLE 10
SELECT unnest(l) FROM t
SELECT * FROM range(3), generate_series(1, 2), (VALUES (1), (2))
SELECT 1 UNION ALL SELECT 2 INTERSECT SELECT 3 EXCEPT SELECT 4
UNPIVOT t ON i, d INTO NAME n VALUE w
PIVOT t ON d IN (1, 2) USING count(*)
SELECT list_transform(l, lambda x: x + 1), l[1], {'a': i}.a, try_cast(s AS INT), coalesce(i, 1), random() FROM t
SELECT date_trunc('month', DATE '2020-01-02' + INTERVAL 1 DAY), now(), current_date, extract(year FROM now())
SELECT d, grouping(d) FROM t GROUP BY ROLLUP (d)
SELECT quantile_cont(i, 0.5), percentile_cont(0.5) WITHIN GROUP (ORDER BY i), string_agg(s, ',') FROM t
SELECT * EXCLUDE (i) REPLACE (d + 1 AS d), COLUMNS('s') FROM t
DESCRIBE t
SUMMARIZE t
SELECT '{"a": 1}'::JSON -> 'a', '{"a": 1}'::JSON ->> '$.a'
SELECT * FROM (SELECT d FROM t GROUP BY ALL) ORDER BY ALL LIMIT 10%
""".strip().splitlines()


@pytest.mark.parametrize("statement", READS)
def test_what_reads_may_run(gate: Gate, statement: str) -> None:
    gate.reading(statement)


def test_of_all_kinds_of_reading_statements_only_these_calls_are_refused(gate: Gate) -> None:
    """The tables of these statements do not exist, which is another reason, and one that comes after the list's."""
    refused = set()
    for statement in GOLDEN.read_text().splitlines():
        if statement.startswith(("SELECT", "WITH", "FROM", "VALUES", "(")):
            try:
                with gate.sandbox.limit(5):
                    gate.reading(statement)
            except NotMeasurable as error:
                refused |= {str(error)} if "not on the list" in str(error) else set()
    assert refused == {
        f"it calls {name}, which is not on the list of what may run"
        for name in ("nextval", "parquet_metadata", "glob", "read_text")
    }


def test_a_copied_file_may_be_read(gate: Gate, folder: Path) -> None:
    gate.reading(f"SELECT * FROM read_csv('{folder}/readable/*.csv', header = true)")
    gate.reading(f"FROM '{folder}/readable/in.csv'")


REFUSED = """
WITH x AS (COPY t TO 'FOLDER/out.csv') SELECT 1
WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x
WITH x AS (INSERT INTO t SELECT * FROM t RETURNING *) SELECT * FROM x
WITH x AS (UPDATE t SET i = 1 RETURNING *) SELECT * FROM x
SELECT (SELECT count(*) FROM (WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x))
SELECT * FROM read_text('/etc/passwd')
SELECT * FROM read_blob('/etc/passwd')
SELECT * FROM read_csv('/etc/passwd')
SELECT * FROM read_csv('FOLDER/hidden.csv')
SELECT * FROM read_csv('FOLDER/readable/../hidden.csv')
SELECT * FROM 'FOLDER/hidden.csv'
FROM '/etc/passwd'
SELECT * FROM sniff_csv('/etc/passwd')
SELECT * FROM glob('/*')
SELECT * FROM parquet_metadata('/etc/passwd')
SELECT * FROM 'https://example.com/x.csv'
SELECT * FROM read_parquet('s3://bucket/x.parquet')
FROM query('SELECT 1')
FROM query_table('t')
FROM query('WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x')
SELECT getenv('HOME')
SELECT nextval('numbers')
SELECT counting()
SELECT through()
SELECT sum(i) FROM t
FROM told()
SELECT sleep_ms(10000)
SELECT write_log('x')
SELECT setseed(0.5)
SELECT error('x')
SELECT * FROM json_execute_serialized_sql('{}')
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_settings()
SELECT * FROM pandas_scan(0)
SELECT * FROM not_in_the_clone
SELECT $1
ATTACH 'FOLDER/other.duckdb'
INSTALL httpfs
LOAD httpfs
PRAGMA database_list
SET threads = 1
RESET memory_limit
USE memory
CALL pragma_version()
COPY t TO 'FOLDER/out.csv'
EXPORT DATABASE 'FOLDER/out'
CREATE TABLE x AS SELECT 1
CREATE TEMP TABLE x AS SELECT 1
DROP TABLE t
INSERT INTO t SELECT * FROM t
EXPLAIN ANALYZE DELETE FROM t
PREPARE p AS SELECT 1
BEGIN
CHECKPOINT
VACUUM
SELECT 1; SELECT 2
SELECT 1; DROP TABLE t
SELECT
""".strip().splitlines()


@pytest.mark.parametrize("statement", REFUSED)
def test_an_escape_is_refused_and_nothing_of_it_told(gate: Gate, folder: Path, statement: str) -> None:
    with pytest.raises(NotMeasurable) as refused, gate.sandbox.limit(10):
        gate.reading(statement.replace("FOLDER", str(folder)))
    assert "passwd" not in str(refused.value)
    assert str(folder) not in str(refused.value)


@pytest.mark.parametrize("statement", [one for one in REFUSED if "sleep" not in one])
def test_behind_the_gate_the_sandbox_reaches_and_changes_nothing_either(folder: Path, statement: str) -> None:
    """As if the gate had let it through."""
    before = {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    sandbox = sandbox_on(folder)
    told: list[tuple[object, ...]] = []
    with suppress(NotMeasurable), sandbox.limit(5):
        told = sandbox.rows(statement.replace("FOLDER", str(folder)))
    sandbox.close()
    assert not [row for row in told if "root:" in str(row) or "hunter2" in str(row)]
    assert {file: file.read_bytes() for file in folder.iterdir() if file.is_file()} == before


def test_the_configuration_is_locked(folder: Path) -> None:
    sandbox = sandbox_on(folder)
    for setting in ("enable_external_access = true", "lock_configuration = false", "memory_limit = '100GB'"):
        with pytest.raises(NotMeasurable), sandbox.limit(5):
            sandbox.rows(f"SET {setting}")
    sandbox.close()


def test_objects_of_python_are_not_seen(gate: Gate) -> None:
    seen_if_replaced = duckdb.sql("SELECT 1")  # noqa: F841
    with pytest.raises(NotMeasurable), gate.sandbox.limit(5):
        gate.reading("SELECT * FROM seen_if_replaced")


def test_settings_of_the_product_are_taken_over_and_those_that_do_not_exist_are_named(folder: Path) -> None:
    sandbox = Sandbox(
        folder / "clone.duckdb",
        "shop",
        read_only=True,
        threads=1,
        memory_bytes=2**28,
        settings={"TimeZone": "Asia/Tokyo", "default_null_order": "NULLS_FIRST", "integer_division": "nonsense"},
        scratch=folder / "scratch",
    )
    found = sandbox.rows("SELECT current_setting('TimeZone'), current_setting('default_null_order')")
    skipped = sandbox.skipped
    sandbox.close()
    assert (found, skipped) == ([("Asia/Tokyo", "NULLS_FIRST")], {"integer_division": "InvalidInputException"})


@pytest.fixture(scope="module")
def writing_gate(folder: Path) -> Iterator[Gate]:
    clone(folder, SETUP, name="written.duckdb")
    sandbox = sandbox_on(folder, "written.duckdb", read_only=False)
    yield Gate(sandbox)
    sandbox.close()


WRITES = [
    "INSERT INTO t VALUES (1, 2, 'x', [1])",
    "INSERT INTO t BY NAME SELECT 7 AS i",
    "WITH x AS (SELECT 1 AS i) INSERT INTO t BY NAME SELECT * FROM x",
    "UPDATE t SET d = 3 WHERE i = 1",
    "DELETE FROM t WHERE i = 1",
    "MERGE INTO t USING v ON t.i = v.i WHEN MATCHED THEN DELETE",
]


@pytest.mark.parametrize("statement", WRITES)
def test_a_write_may_be_replayed(writing_gate: Gate, statement: str) -> None:
    writing_gate.writing(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "DELETE FROM t; DELETE FROM t",
        "COPY t TO 'FOLDER/out.csv'",
        "COPY t FROM '/etc/passwd'",
        "CREATE TABLE x AS SELECT 1",
        "DROP TABLE t",
        "SET threads = 1",
        "ATTACH 'FOLDER/other.duckdb'",
        "INSERT INTO t BY NAME SELECT content AS s FROM read_text('/etc/passwd')",
        "INSERT INTO t BY NAME SELECT column0 AS s FROM read_csv('/etc/passwd')",
        "",
        "not SQL",
    ],
)
def test_what_is_no_single_write_is_not_replayed(writing_gate: Gate, folder: Path, statement: str) -> None:
    with pytest.raises(NotMeasurable), writing_gate.sandbox.limit(5):
        writing_gate.writing(statement.replace("FOLDER", str(folder)))
    assert not (folder / "out.csv").exists()


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_nothing_runs_when_no_time_is_left(writing_gate: Gate, seconds: float) -> None:
    with pytest.raises(NotMeasurable, match="there was no time left for it"), writing_gate.sandbox.limit(seconds):
        pytest.fail("it ran")
