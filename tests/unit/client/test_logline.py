"""What one line of a foreign log tells."""

import json
from typing import Any

import duckdb
import pytest

from schemas.client.logline import read
from schemas.client.recorder import Run
from schemas.errors import RecordError

NOW_US = 1_795_000_000_000_000  # 2026-11-18T11:06:40Z


def a_run(**values: Any) -> Run:
    return read(json.dumps({"statement": "SELECT 1"} | values).encode(), "orders", NOW_US)[0]


def test_a_line_tells_all_of_a_run() -> None:
    run, dropped = read(
        b'{"time": "2026-11-18T12:06:30.5+01:00", "statement": "SELECT $1", "parameters": [7], "latency_us": 1500, '
        b'"rows": 3, "error": "Timeout", "route": "GET /", "dropped": 2, "trace": {"id": 1}}\r',
        "orders",
        NOW_US,
    )
    assert (run.database, run.text, run.parameters, run.route) == ("orders", "SELECT $1", (7,), "GET /")
    assert (run.time_us, run.spent_ns, run.rows, run.error) == (NOW_US - 9_500_000, 1_500_000, 3, "Timeout")
    assert dropped == 2


def test_a_statement_is_enough() -> None:
    run, dropped = read(b'\xef\xbb\xbf{"statement": "SELECT 1"}', "orders", NOW_US)
    assert (run.text, run.parameters, run.time_us, run.spent_ns) == ("SELECT 1", (), NOW_US, 0)
    assert (run.rows, run.error, run.route, dropped) == (None, None, None, 0)


def test_other_names_of_the_same_are_read() -> None:
    run, _ = read(
        b'{"sql": "SELECT 2", "timestamp": "2026-11-18T11:06:30", "latency_ms": 1.25, "error_class": "E", "calls": 1}',
        "orders",
        NOW_US,
    )
    assert (run.text, run.time_us, run.spent_ns, run.error) == ("SELECT 2", NOW_US - 10_000_000, 1_250_000, "E")


@pytest.mark.parametrize(
    ("claimed", "taken_us"),
    [
        ("2090-01-01T00:00:00Z", NOW_US),
        ("1970-01-01", NOW_US),
        ("0001-01-01T00:00:00+14:00", NOW_US),
        ("2026-11-18T11:11:40Z", NOW_US + 300_000_000),
        ("2026-11-18T11:11:41Z", NOW_US),
        ("2026-11-11T11:06:40Z", NOW_US - 7 * 86_400_000_000),
        ("2026-11-11T11:06:39Z", NOW_US),
    ],
)
def test_a_time_that_cannot_be_is_now(claimed: str, taken_us: int) -> None:
    assert a_run(time=claimed).time_us == taken_us


@pytest.mark.parametrize(
    ("claimed", "taken_us"),
    [(-5, 0), (1e300, 86_400_000_000), ("12", 12)],
)
def test_a_latency_that_cannot_be_is_brought_inside(claimed: object, taken_us: int) -> None:
    assert a_run(latency_us=claimed).spent_ns == taken_us * 1000


@pytest.mark.parametrize(("claimed", "taken"), [(-1, None), (0, 0), (1e30, 2**40), (None, None)])
def test_rows_that_cannot_be_are_brought_inside(claimed: object, taken: int | None) -> None:
    assert a_run(rows=claimed).rows == taken


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        ("ConversionException", "ConversionException"),
        ("java.sql.SQLException", "java.sql.SQLException"),
        ("PG::UndefinedTable", "PG::UndefinedTable"),
        ("java.sql.SQLException: canary", "java.sql.SQLException"),
        ("ValueError: canary", "ValueError"),
        ("Error: canary", "Error"),
        ("Conversion Error: Could not convert string 'canary' to INT32", "ConversionException"),
        ("Out of Memory Error: canary", "OutOfMemoryException"),
        ("Binder Error", "BinderException"),
        ("customer Canary unknown Error: x", "Error"),
        ("Canary Binder Error: x", "Error"),
        ("Canary Error: x", "Error"),
        ("4711 Error: x", "Error"),
        ("4711Error: x", "Error"),
        ("canary", "Error"),
        ("canary.4711", "Error"),
        ("Cänary", "Error"),
        ("Canary:4711", "Error"),
        ("canary: no such customer", "Error"),
        ("no customer canary", "Error"),
        ({"message": "canary"}, "Error"),
        (True, "Error"),
        (False, None),
        ("", None),
    ],
)
def test_of_an_error_no_more_than_its_class_is_kept(error: object, kept: str | None) -> None:
    assert a_run(error=error).error == kept


@pytest.mark.parametrize(
    "failing",
    [
        "SELECT a FROM nowhere",
        "SELECT a",
        "SELEC",
        "SELECT 'canary'::INTEGER",
        "SELECT error('canary')",
        "CREATE TABLE t (a INTEGER CHECK (a > 1)); INSERT INTO t VALUES (1)",
        "FROM 'canary.parquet'",
        "BEGIN; BEGIN",
        "SELECT 9223372036854775807 + a FROM range(1, 2) r(a)",
        "SET memory_limit = '1MB'; CREATE TABLE u AS SELECT range::VARCHAR FROM range(1_000_000) ORDER BY ALL DESC",
    ],
)
def test_a_message_of_duckdb_gives_the_class_that_our_client_captures(failing: str) -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as raised:
        connection.execute(failing).fetchall()
    assert a_run(error=str(raised.value)).error == type(raised.value).__name__


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"canary", "it is no JSON"),
        (b'{"statement": "SELECT \xff"}', "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b'["canary"]', "it is no JSON object"),
        (b'{"latency_us": 5}', "it has no statement"),
        (b'{"statement": " "}', "it has no statement"),
        (b'{"statement": ["canary"]}', "it has no statement"),
        (b'{"statement": "canary", "time": "canary"}', "its time is not ISO 8601"),
        (b'{"statement": "canary", "latency_us": "canary"}', "its latency_us is no number"),
        (b'{"statement": "canary", "latency_us": Infinity}', "its latency_us is no number"),
        (b'{"statement": "canary", "latency_ms": 1e999}', "its latency_ms is no number"),
        (b'{"statement": "canary", "rows": true}', "its rows is no number"),
        (b'{"statement": "canary", "rows": NaN}', "its rows is no number"),
        (b'{"statement": "canary", "rows": "nan"}', "its rows is no number"),
        (b'{"statement": "canary", "rows": -Infinity}', "its rows is no number"),
        (b'{"statement": "canary", "dropped": NaN}', "its dropped is no number"),
        (
            b'{"statement": "canary", "frequency": 12}',
            "it stands for several runs: write a line for each, or give the file to `sidecar analyze`",
        ),
    ],
)
def test_what_is_no_run_is_told_without_data(line: bytes, reason: str) -> None:
    with pytest.raises(RecordError) as raised:
        read(line, "orders", NOW_US)
    assert str(raised.value) == reason
