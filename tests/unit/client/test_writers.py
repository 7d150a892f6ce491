"""Writers of the product wait while the database is shut; reads and what has begun do not."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import schemas
from schemas.client import calls, writers
from schemas.client.databases import place_of
from schemas.errors import OperationError

WAIT_S = 20


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    schemas.instrument("shop", database=tmp_path / "a.duckdb", sink=tmp_path / "log.jsonl")
    yield tmp_path / "a.duckdb"
    schemas.uninstrument()


def waits(write: Callable[[], Any], place: str) -> bool:
    """Whether it is held back while the database is shut, and done after."""
    done = threading.Event()

    def run() -> None:
        write()
        done.set()

    with writers.shut(place, 1, WAIT_S) as held:
        thread = threading.Thread(target=run)
        thread.start()
        while not done.is_set() and not held.waiting:
            time.sleep(0.001)
        waited = not done.is_set()
    thread.join(WAIT_S)
    assert done.is_set()
    return waited


WRITES: dict[str, Callable[[duckdb.DuckDBPyConnection], Any]] = {
    "insert": lambda con: con.execute("  INSERT INTO t VALUES (1)"),
    "after a comment": lambda con: con.execute("/* SELECT */ -- x\n update t SET i = 2"),
    "with parameters": lambda con: con.execute("DELETE FROM t WHERE i = ?", [1]),
    "below WITH": lambda con: con.execute("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x"),
    "EXPLAIN ANALYZE": lambda con: con.execute("EXPLAIN ANALYZE INSERT INTO t VALUES (1)"),
    "many": lambda con: con.executemany("INSERT INTO t VALUES (?)", [[1], [2]]),
    "sql": lambda con: con.sql("INSERT INTO t VALUES (1)"),
    "a relation": lambda con: con.sql("SELECT 1").insert_into("t"),
    "a new table": lambda con: con.sql("SELECT 1").create("fresh"),
    "a script": lambda con: con.execute("INSERT INTO t VALUES (1); SELECT 1"),
    "an appender": lambda con: con.append("t", __import__("pandas").DataFrame({"i": [1]})),
    "in a transaction that has only read": lambda con: (
        con.execute("BEGIN"), con.execute("FROM t").fetchall(), con.execute("INSERT INTO t VALUES (1)"), con.commit(),
    ),
}  # fmt: skip
READS: dict[str, Callable[[duckdb.DuckDBPyConnection], Any]] = {
    "select": lambda con: con.execute("select * FROM t").fetchall(),
    "SELECT": lambda con: con.execute("SELECT * FROM t").fetchall(),
    "from": lambda con: con.execute("FROM t").fetchall(),
    "with": lambda con: con.execute("""WITH "insert" AS (SELECT 'delete') FROM "insert" """).fetchall(),
    "a relation": lambda con: con.sql("FROM t").fetchall(),
    "explain": lambda con: con.execute("EXPLAIN SELECT 1").fetchall(),
    "a setting": lambda con: con.execute("SET threads = 2"),
    "a transaction": lambda con: (con.begin(), con.execute("FROM t").fetchall(), con.rollback()),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_who_writes_waits_and_then_goes_on(file: Path, write: Callable[[duckdb.DuckDBPyConnection], Any]) -> None:
    with duckdb.connect(file) as connection:
        connection.execute("CREATE TABLE t(i INTEGER)")
        assert waits(lambda: write(connection), place_of(file))


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_reads_never_wait(file: Path, read: Callable[[duckdb.DuckDBPyConnection], Any]) -> None:
    with duckdb.connect(file) as connection:
        connection.execute("CREATE TABLE t(i INTEGER)")
        assert not waits(lambda: read(connection), place_of(file))


def test_it_is_shut_when_those_that_have_written_have_ended_and_not_before(file: Path) -> None:
    place = place_of(file)
    with duckdb.connect(file) as connection:
        connection.execute("CREATE TABLE t(i INTEGER)")
        connection.execute("BEGIN")
        connection.execute("INSERT INTO t VALUES (1)")
        early = pytest.raises(OperationError, match=r"^1 transactions .* did not end within 0.05 s$")
        with early, writers.shut(place, 0.05, WAIT_S):
            pytest.fail("it has not ended")
        shut = threading.Event()

        def change() -> None:
            with writers.shut(place, WAIT_S, WAIT_S):
                shut.set()

        thread = threading.Thread(target=change)
        thread.start()
        connection.execute("INSERT INTO t VALUES (2)")  # it has begun, so it is let to its end
        assert not shut.is_set()
        connection.execute("COMMIT")
        thread.join(WAIT_S)
        assert shut.is_set()
        assert connection.execute("SELECT count(*) FROM t").fetchall() == [(2,)]


@pytest.mark.parametrize("end", ["ROLLBACK", "COMMIT", "failed", "closed", "script"])
def test_however_a_transaction_ends_it_is_seen_to(file: Path, end: str) -> None:
    with duckdb.connect(file) as keeper:
        keeper.execute("CREATE TABLE t(i INTEGER PRIMARY KEY)")
        connection = keeper.cursor()
        if end == "script":
            connection.execute("BEGIN; INSERT INTO t VALUES (1); COMMIT")
        else:
            connection.execute("BEGIN")
            connection.execute("INSERT INTO t VALUES (1)")
        if end == "failed":
            keeper.execute("INSERT INTO t VALUES (1)")
            with pytest.raises(duckdb.Error):
                connection.execute("COMMIT")
        elif end == "closed":
            connection.close()
        elif end != "script":
            connection.execute(end)
        with writers.shut(place_of(file), 0.2, WAIT_S):
            pass


def test_two_changes_of_one_database_are_not_under_way_at_once(file: Path) -> None:
    place, refused = place_of(file), pytest.raises(OperationError, match="^another change of this database")
    with writers.shut(place, 1, WAIT_S), refused, writers.shut(place, 1, WAIT_S):
        pytest.fail("there is one")
    with writers.shut(place_of(file), 1, WAIT_S):
        pass


def test_another_database_is_not_held_back(file: Path, tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "b.duckdb") as other:
        assert not waits(lambda: other.execute("CREATE TABLE t(i INTEGER)"), place_of(file))


def test_nobody_is_held_back_for_longer_than_is_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "SPARE_S", 0.1)
    with duckdb.connect(file) as connection, writers.shut(place_of(file), 0.0, 0.1) as held:
        begun = time.monotonic()
        connection.execute("CREATE TABLE t(i INTEGER)")
        assert time.monotonic() - begun >= 0.1
        assert held.waiting == 1
        connection.execute("INSERT INTO t VALUES (1)")
        assert held.waiting == 1


@pytest.mark.parametrize(
    "statements",
    [
        ["BEGIN; INSERT INTO t VALUES (1)"],
        ["SET threads = 2; BEGIN; INSERT INTO t VALUES (1)"],
        ["BEGIN", "INSERT INTO s VALUES ('a; end of it')"],
        ["BEGIN", "SELECT 1; INSERT INTO t VALUES (1)"],
        ["BEGIN", "WITH x AS (SELECT 1) INSERT INTO t FROM x"],
    ],
)
def test_a_transaction_that_has_written_is_seen_however_it_was_said(file: Path, statements: list[str]) -> None:
    with duckdb.connect(file) as connection:
        connection.execute("CREATE TABLE t(i INTEGER); CREATE TABLE s(text VARCHAR)")
        for statement in statements:
            connection.execute(statement)
        early = pytest.raises(OperationError, match=r"^1 transactions .* did not end")
        with early, writers.shut(place_of(file), 0.05, WAIT_S):
            pytest.fail("it has not ended")
        connection.execute("ROLLBACK")
        with writers.shut(place_of(file), 0.2, WAIT_S):
            pass


def test_two_threads_on_one_connection_are_both_waited_for(file: Path) -> None:
    with duckdb.connect(file) as connection:
        connection.execute("CREATE TABLE t(i INTEGER)")
        known = calls.connections[id(connection)]
        assert writers.enter(known, "INSERT INTO t VALUES (1)")
        assert writers.enter(known, "INSERT INTO t VALUES (2)")
        writers.leave(known, "INSERT INTO t VALUES (1)", failed=False)
        early = pytest.raises(OperationError, match=r"^1 transactions")
        with early, writers.shut(place_of(file), 0.05, WAIT_S):
            pytest.fail("one still writes")
        writers.leave(known, "INSERT INTO t VALUES (2)", failed=False)
        with writers.shut(place_of(file), 0.2, WAIT_S):
            pass


def test_a_script_that_begins_with_a_query_waits_where_it_writes(file: Path) -> None:
    with duckdb.connect(file) as connection:
        connection.execute("CREATE TABLE t(i INTEGER)")
        assert waits(lambda: connection.execute("SELECT 1; INSERT INTO t VALUES (1)"), place_of(file))
        assert not waits(lambda: connection.execute("SELECT 'a; insert into t'"), place_of(file))
