"""A log in a file: the formats, the sums, and what is said of a file that is none."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from schemas.client.filesink import JsonLines, ParquetParts
from schemas.client.sink import Batch, Event, Statement
from schemas.errors import InputError
from streams.query_file import read

ROWS = [
    {"statement": "SELECT a FROM t WHERE b = 1", "frequency": 3, "latency_us": 100},
    {"statement": "select a from t where b = 22", "frequency": 4, "latency_us": 300},
    {"statement": "SELECT count(*) FROM t", "frequency": 2, "latency_us": 5000},
]


def write(folder: Path, suffix: str) -> Path:
    file = folder / f"log{suffix}"
    lines = "\n".join(json.dumps(row) for row in ROWS)
    if suffix == ".jsonl":
        file.write_text(lines)
    else:
        (folder / "rows.jsonl").write_text(lines)
        options = "FORMAT parquet" if suffix == ".parquet" else "FORMAT csv, HEADER"
        with duckdb.connect() as connection:
            connection.execute(f"COPY (FROM '{folder / 'rows.jsonl'}') TO '{file}' ({options})")
    return file


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_every_format_gives_the_same_workload(tmp_path: Path, suffix: str) -> None:
    log = read(write(tmp_path, suffix))
    assert [(one.statement, one.count, one.total_us) for one in log.workload] == [
        ("SELECT a FROM t WHERE b = $1", 7, 1500),
        ("SELECT count(*) FROM t", 2, 10_000),
    ]
    assert [one.literals for one in log.exemplars[log.workload[0].fingerprint]] == [("1",), ("22",)]
    assert log.runs == 9


def test_sql_text_counts_each_statement_as_often_as_it_stands_there(tmp_path: Path) -> None:
    file = tmp_path / "log.sql"
    file.write_text("SELECT 1;\n-- a comment; with a semicolon\nSELECT ';' ;\nDELETE FROM t WHERE a = 5")
    assert [(one.statement, one.count, one.kind) for one in read(file).workload] == [
        ("SELECT $1", 2, "select"),
        ("DELETE FROM t WHERE a = $1", 1, "delete"),
    ]


def test_the_window_is_that_of_the_times(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("time,query\n2026-01-01 10:00:00,SELECT 1\n2026-01-03 10:00:00+00:00,SELECT 2\n")
    log = read(file)
    assert (log.start, log.end) == (datetime(2026, 1, 1, 10, tzinfo=UTC), datetime(2026, 1, 3, 10, tzinfo=UTC))


def test_a_log_without_times_counts_as_one_days(tmp_path: Path) -> None:
    log = read(write(tmp_path, ".csv"))
    assert log.end - log.start == timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.csv", "statement_text,n\nSELECT 1,2\n", "none of the columns statement, query, sql"),
        ("log.csv", "statement,frequency\nSELECT 1,often\n", "'often'"),
        ("log.parquet", "no parquet", "cannot be read as parquet"),
        ("log.sql", "SELEC 1", "not SQL that DuckDB reads"),
        ("log.sql", "-- nothing\n", "holds no statement"),
        ("log.sql", "", "holds no statement"),
        ("log.csv", "", "none of the columns statement, query, sql"),
        ("log.csv", "statement,parameters\nSELECT ?,one\n", "its parameters are no JSON, in the row of 'SELECT"),
        ("log.jsonl", '{"a', "cannot be read as jsonl"),
    ],
)
def test_a_file_that_is_no_log_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read(tmp_path / name)


def test_what_a_clients_sink_wrote_is_read_with_its_product_and_its_losses(tmp_path: Path) -> None:
    statement = Statement("1-x", "SELECT a FROM t WHERE b = $1", "select")
    events = [
        Event(statement, 1_750_000_000_000_000 + n, 40, 1, "IOException" if n else None, "/home", None) for n in (0, 1)
    ]
    lines, parts = JsonLines(tmp_path / "log.jsonl"), ParquetParts(tmp_path / "log.parquet")
    for written in (lines, parts):
        written.write(Batch("shop", "orders", "i", 3, events))
        written.close()
    log = read(tmp_path / "log.jsonl")
    assert read(tmp_path / "log.parquet") == log
    assert (log.runs, log.dropped, log.product) == (2, 3, "shop")
    (found,) = log.workload
    assert (found.statement, found.total_us, found.errors, found.routes) == (statement.text, 80, 1, {"/home": 2})
    assert log.exemplars == {found.fingerprint: []}
    assert log.start == datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC)


PARAMETERS = [
    ("SELECT a FROM t WHERE b = ? AND c = ?", '[4711, "2026-01-01"]', ("4711", "'2026-01-01'")),
    ("SELECT a FROM t WHERE d = ? AND e = 7", '["it\'s"]', ("'it''s'", "7")),
    ("SELECT a FROM t WHERE f = $low OR f = $High", '{"High": 2.5, "low": true}', ("TRUE", "2.5e0")),
    ("SELECT a FROM t WHERE g = $2 OR h = $1", "[null, 1]", ("1", "NULL")),
    ("SELECT a FROM t WHERE i = ?", "[]", None),
    ("SELECT a FROM t WHERE j = ?", '"text"', None),
    ("SELECT a FROM t WHERE k = ?", None, None),
]


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".parquet"])
def test_parameters_are_the_values_of_placeholders(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"log{suffix}"
    if suffix.startswith(".json"):
        objects = ",\n".join(
            f'{{"statement": {json.dumps(text)}, "Parameters": {given or "null"}, "time": "2026-11-28T09:30:00.125Z"}}'
            for text, given, _ in PARAMETERS
        )
        file.write_text(f"[{objects}]" if suffix == ".json" else objects.replace(",\n", "\n"))
    else:
        with duckdb.connect() as connection:
            connection.execute("CREATE TABLE log (statement VARCHAR, time VARCHAR, parameters VARCHAR)")
            rows = [(text, "2026-11-28T09:30:00.125Z", given) for text, given, _ in PARAMETERS]
            connection.executemany("INSERT INTO log VALUES (?, ?, ?)", rows)
            connection.execute(f"COPY log TO '{file}'")
    log = read(file)
    assert [[one.literals for one in found] for found in log.exemplars.values()] == [
        [] if literals is None else [literals] for *_, literals in PARAMETERS
    ]
    assert log.end == datetime(2026, 11, 28, 9, 30, 0, 125_000, tzinfo=UTC)


def test_what_only_the_last_of_many_lines_tell_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(
        '{"statement": "SELECT 1"}\n' * 30_000
        + '{"statement": "SELECT ? + 1", "parameters": [5], "error": "IOError"}\n'
    )
    first, last = read(log).workload
    assert (first.count, first.errors, last.count, last.errors) == (30_000, 0, 1, 1)
    assert [one.literals for one in read(log).exemplars[last.fingerprint]] == [("5", "1")]


@pytest.mark.parametrize(
    ("text", "value"),
    [("SELECT ? + ?", "[4, 5]"), ("SELECT $a + $b", "{'b': 5, 'a': 4}"), ("SELECT $2 + $1", "[5, 4]")],
)
def test_parquet_may_hold_parameters_as_they_are(tmp_path: Path, text: str, value: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT '{text}' AS statement, {value} AS parameters) TO '{tmp_path / 'log.parquet'}'"
        )
    ((found,),) = read(tmp_path / "log.parquet").exemplars.values()
    assert found.literals == ("4", "5")


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("name", ["log[1]", "log?", "lo*", "**"])
def test_a_path_is_no_pattern(tmp_path: Path, name: str, suffix: str) -> None:
    folder = tmp_path / "parts[1]"
    for place in (folder, tmp_path / "parts1"):
        place.mkdir()
        write(place, suffix).rename(place / f"{name}{suffix}")
        (place / "rows.jsonl").unlink(missing_ok=True)
    shutil.copy(folder / f"{name}{suffix}", tmp_path / f"{name}{suffix}")
    shutil.copy(folder / f"{name}{suffix}", tmp_path / f"log1{suffix}")
    assert read(folder).runs == 9
    assert read(tmp_path / f"{name}{suffix}").runs == 9


def test_a_path_with_brackets_is_not_read_as_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "log[1].jsonl").write_text('{"statement": "SELECT 1"}')
    (tmp_path / "log1.jsonl").write_text('{"statement": "SELECT a FROM neighbour"}')
    assert [one.statement for one in read(tmp_path / "log[1].jsonl").workload] == ["SELECT $1"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        read(tmp_path / "log.sql")
