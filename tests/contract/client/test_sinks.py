"""Every sink that keeps the query log in a file keeps the same rows."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import duckdb
import pytest

import schemas
from schemas.client import filesink
from schemas.client.filesink import COLUMNS, JsonLines, ParquetParts
from schemas.client.sink import Batch, Event, Profile, Sink, Statement
from tests.captured import Captured

Rows = list[dict[str, Any]]


def lines(log: Path) -> Rows:
    rows: Rows = [json.loads(line) for line in log.read_text().splitlines()]
    for row in rows:
        row["time"] = datetime.fromisoformat(row["time"])
    return rows


def parts(log: Path) -> Rows:
    rows: Rows = []
    for part in sorted(log.glob("*.parquet")):
        read = duckdb.connect().execute("SELECT * FROM read_parquet(?)", [str(part)])
        names = [column[0] for column in read.description or []]
        rows += [dict(zip(names, row, strict=True)) for row in read.fetchall()]
    for row in rows:
        row["time"] = row["time"].replace(tzinfo=UTC)
    return rows


class Log:
    def __init__(self, place: Path, open_sink: Callable[[Path], Sink], read: Callable[[Path], Rows]) -> None:
        self.place = place
        self._open, self._read = open_sink, read

    def open(self) -> Sink:
        return self._open(self.place)

    def rows(self) -> Rows:
        return self._read(self.place)


@pytest.fixture(params=["jsonl", "parquet"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    open_sink, read = {"jsonl": (JsonLines, lines), "parquet": (ParquetParts, parts)}[request.param]
    return Log(tmp_path / "folder" / f"log.{request.param}", open_sink, read)


AN_EVENT = Event(
    statement=Statement("1-abc", "SELECT 'ü' || $1", "select"),
    time_us=1_700_000_000_123_456,
    latency_us=1234,
    rows=7,
    error=None,
    route="GET /orders",
    profile=Profile(1, 2, 3, 4, 5, 6),
)
A_FAILURE = Event(
    Statement("1-def", "DROP TABLE t", "ddl"), 1_700_000_000_000_000, 5, None, "CatalogException", None, None
)


def a_batch(*events: Event, dropped: int = 0, instance: str = "i" * 32) -> Batch:
    return Batch("shop", "orders", instance, dropped, list(events))


def test_a_row_has_all_that_is_known_of_a_run(log: Log) -> None:
    sink = log.open()
    sink.write(a_batch(AN_EVENT, A_FAILURE, dropped=3))
    sink.close()
    origin = {"product": "shop", "database": "orders", "instance": "i" * 32}
    assert log.rows() == [
        {
            "time": datetime(2023, 11, 14, 22, 13, 20, 123456, UTC), **origin,
            "fingerprint": "1-abc", "statement": "SELECT 'ü' || $1", "kind": "select", "latency_us": 1234, "rows": 7,
            "error": None, "route": "GET /orders", "rows_scanned": 1, "row_groups_scanned": 2, "row_groups_total": 3,
            "intermediate_bytes": 4, "peak_memory_bytes": 5, "cpu_us": 6, "dropped": 3,
        },
        {
            "time": datetime(2023, 11, 14, 22, 13, 20, 0, UTC), **origin,
            "fingerprint": "1-def", "statement": "DROP TABLE t", "kind": "ddl", "latency_us": 5, "rows": None,
            "error": "CatalogException", "route": None, "rows_scanned": None, "row_groups_scanned": None,
            "row_groups_total": None, "intermediate_bytes": None, "peak_memory_bytes": None, "cpu_us": None,
            "dropped": None,
        },
    ]  # fmt: skip
    assert all(list(row) == list(COLUMNS) for row in log.rows())


def test_the_next_process_adds_to_it(log: Log) -> None:
    for _ in range(2):
        sink = log.open()
        sink.write(a_batch(AN_EVENT))
        sink.write(a_batch(A_FAILURE))
        sink.close()
    assert len(log.rows()) == 4


def test_what_is_flushed_can_be_read(log: Log) -> None:
    sink = log.open()
    sink.write(a_batch(AN_EVENT))
    sink.flush(1)
    assert len(log.rows()) == 1
    sink.write(a_batch(AN_EVENT))
    sink.flush(1)
    sink.flush(1)
    assert len(log.rows()) == 2
    sink.close()
    assert len(log.rows()) == 2


def test_several_writers_do_not_mix_their_rows(log: Log) -> None:
    def work(instance: str) -> None:
        sink = log.open()
        for _ in range(20):
            sink.write(a_batch(*[AN_EVENT] * 30, instance=instance))
        sink.close()

    threads = [Thread(target=work, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = log.rows()
    assert {str(n): sum(row["instance"] == str(n) for row in rows) for n in range(4)} == dict.fromkeys("0123", 600)


def test_a_statement_that_is_no_text_of_unicode_is_kept_as_far_as_it_is(log: Log) -> None:
    sink = log.open()
    sink.write(a_batch(Event(Statement("f", "SELECT \ud800", "select"), 0, 0, None, None, None, None), AN_EVENT))
    sink.close()
    assert [row["fingerprint"] for row in log.rows()] == ["f", "1-abc"]


def test_a_product_writes_it(log: Log, captured: Captured) -> None:
    schemas.instrument("shop", sink=log.place)
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT range AS i FROM range(10)")
    with schemas.route("GET /"):
        con.execute("SELECT * FROM t WHERE i < 3").fetchall()
    con.close()
    schemas.uninstrument()
    rows = log.rows()
    assert [(row["product"], row["database"], row["kind"], row["route"]) for row in rows] == [
        ("shop", "memory", "ddl", None),
        ("shop", "memory", "select", "GET /"),
    ]
    assert rows[1]["statement"] == "SELECT * FROM t WHERE i < $1"
    assert rows[1]["rows"] == 3


def test_a_full_part_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesink, "PART_ROWS", 3)
    sink = ParquetParts(tmp_path)
    for _ in range(4):
        sink.write(a_batch(AN_EVENT, A_FAILURE))
    assert (len(list(tmp_path.glob("*.parquet"))), len(list(tmp_path.iterdir()))) == (2, 2)
    sink.close()
    assert len(parts(tmp_path)) == 8


def test_rows_of_a_part_that_is_not_closed_lie_beside_the_others(tmp_path: Path) -> None:
    ParquetParts(tmp_path).write(a_batch(AN_EVENT))
    [unfinished] = tmp_path.iterdir()
    assert len(lines(unfinished)) == 1


def test_no_room_is_an_error(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    with pytest.raises(OSError, match="."):
        JsonLines(Path("/dev/full")).write(a_batch(AN_EVENT))
