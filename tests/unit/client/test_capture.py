"""What is captured of a run."""

import asyncio
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from threading import Thread
from typing import Any

import duckdb
import pandas as pd
import pytest

import schemas
from schemas.client import calls, capture
from schemas.client.sink import Event
from schemas.client.versions import VERSION
from tests.captured import Captured

SINCE_2 = VERSION >= (2, 0)
BEFORE_2 = pytest.mark.skipif(SINCE_2, reason="since 2.0 there is no such method")


@pytest.fixture
def con(captured: Captured) -> duckdb.DuckDBPyConnection:
    captured.start()
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT range AS i, range % 7 AS g FROM range(10000)")
    captured.events()
    captured.batches.clear()
    return con


def only(captured: Captured) -> Event:
    [event] = captured.events()
    return event


def test_a_statement_is_captured_without_its_literals(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("select  i from t where i = 4711 -- mine\n and g::VARCHAR = 'secret'").close()
    event = only(captured)
    assert event.statement.text == "SELECT i FROM t WHERE i = $1 AND g::VARCHAR = $2"
    assert event.statement.kind == "select"
    assert "secret" not in repr(captured.batches)


def test_a_batch_says_where_it_comes_from(captured: Captured, tmp_path: Path) -> None:
    captured.start("shop")
    before_us = time.time_ns() // 1000
    duckdb.connect(tmp_path / "orders.duckdb").execute("SELECT 1").fetchall()
    [event] = captured.events()
    [batch] = captured.batches
    assert (batch.product, batch.database, batch.dropped) == ("shop", "orders", 0)
    assert len(batch.instance) == 32
    assert before_us - 1000 <= event.time_us <= time.time_ns() // 1000 + 1000
    assert batch.statements == {event.statement.fingerprint: event.statement}


READS: dict[str, Callable[[duckdb.DuckDBPyConnection], Any]] = {
    "fetchall": lambda con: con.fetchall(),
    "fetchone": lambda con: [con.fetchone() for _ in range(8)],
    "fetchmany": lambda con: [con.fetchmany(5), con.fetchmany(5)],
    "fetchdf": lambda con: con.fetchdf(),
    "df": lambda con: con.df(),
    "fetch_df_chunk": lambda con: [con.fetch_df_chunk(), con.fetch_df_chunk()],
    "fetchnumpy": lambda con: con.fetchnumpy(),
}


@pytest.mark.parametrize("read", READS)
def test_the_rows_that_the_product_fetched_are_counted(
    captured: Captured, con: duckdb.DuckDBPyConnection, read: str
) -> None:
    con.execute("SELECT * FROM t WHERE i < 7")
    READS[read](con)
    assert only(captured).rows == 7


def test_rows_of_arrow_and_polars_are_counted(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("polars")
    names = ["to_arrow_table"] if SINCE_2 else ["fetch_arrow_table", "pl"]
    for name in names:
        getattr(con.execute("SELECT * FROM t WHERE i < 7"), name)()
    assert [event.rows for event in captured.events()] == [7] * len(names)


def test_the_rows_of_a_reader_are_not_known(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    pytest.importorskip("pyarrow")
    name = "to_arrow_reader" if SINCE_2 else "fetch_record_batch"
    reader = getattr(con.execute("SELECT * FROM t"), name)()
    assert only(captured).rows is None
    assert reader.read_all().num_rows == 10000


def test_latency_lasts_until_the_last_row(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT * FROM (SELECT sum(a.i * b.i) FROM t a, range(400) b(i) UNION ALL SELECT i FROM t)"
    begun = time.perf_counter()
    con.execute(query)
    executed = time.perf_counter()
    rows = con.fetchall()
    ended = time.perf_counter()
    event = only(captured)
    assert event.rows == len(rows) == 10001
    # all of it but for what the test itself does between the calls
    assert event.latency_us <= (ended - begun) * 1e6
    assert event.latency_us >= max(ended - executed, executed - begun) * 1e6 * 0.9


def test_the_products_own_time_between_fetches_is_not_duckdbs(
    captured: Captured, con: duckdb.DuckDBPyConnection
) -> None:
    con.execute("SELECT * FROM t WHERE i < 3")
    while con.fetchone():
        time.sleep(0.05)
    assert only(captured).latency_us < 100_000


def test_a_result_that_is_left_ends_with_the_next_statement(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("SELECT * FROM t")
    con.fetchmany(3)
    assert captured.events() == []
    con.execute("SELECT 1").fetchall()
    assert [(event.statement.text, event.rows) for event in captured.events()] == [
        ("SELECT * FROM t", 3),
        ("SELECT $1", 1),
    ]


@pytest.mark.parametrize("end", ["close", "delete", "commit"])
def test_a_result_that_is_left_ends_with_its_connection(
    captured: Captured, con: duckdb.DuckDBPyConnection, end: str
) -> None:
    cursor = con.cursor()
    cursor.begin()
    cursor.execute("SELECT count(*) FROM t").fetchone()
    if end == "close":
        cursor.close()
    elif end == "commit":
        cursor.commit()
    else:
        del cursor
    assert "SELECT count(*) FROM t" in captured.statements()


def test_a_result_that_is_never_fetched_has_no_known_rows(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("SELECT * FROM t")
    con.execute("SELECT i FROM t").fetchall()
    assert [event.rows for event in captured.events()] == [None, 10000]


WRITES = {
    "INSERT INTO t VALUES (1, 2), (3, 4)": ("insert", 2),
    "UPDATE t SET g = 9 WHERE i < 5": ("update", 5),
    "DELETE FROM t WHERE i < 4": ("delete", 4),
    "  -- note\n CREATE TABLE u (i INTEGER)": ("ddl", None),
}


@pytest.mark.parametrize("statement", WRITES)
def test_a_write_is_over_when_execute_returns(
    captured: Captured, con: duckdb.DuckDBPyConnection, statement: str
) -> None:
    kind, changed = WRITES[statement]
    con.execute(statement)
    if not statement.lstrip().startswith("--"):
        event = only(captured)
        assert (event.statement.kind, event.rows) == (kind, changed if SINCE_2 else None)
    con.close()
    assert only(captured).statement.kind == kind


def test_executemany_is_one_run(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    con.executemany("INSERT INTO t VALUES (?, ?)", [[1, 2], [3, 4], [5, 6]])
    event = only(captured)
    assert event.statement.text == "INSERT INTO t VALUES ($1, $2)"
    assert event.rows == (3 if SINCE_2 else None)


def test_a_script_is_one_run(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    assert con.execute("INSERT INTO t VALUES (1, 2); SELECT count(*) FROM t").fetchall() == [(10001,)]
    event = only(captured)
    assert event.statement.text == "INSERT INTO t VALUES ($1, $2); SELECT count(*) FROM t"
    assert event.rows == 1


def test_transactions_are_captured(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    con.begin()
    con.execute("INSERT INTO t VALUES (1, 2)")
    con.rollback()
    con.execute("BEGIN")
    con.commit()
    texts = ["BEGIN TRANSACTION", "INSERT INTO t VALUES ($1, $2)", "ROLLBACK", "BEGIN", "COMMIT"]
    assert captured.statements() == texts


def test_a_data_frame_that_is_appended_is_an_insert(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    con.append("t", pd.DataFrame({"i": [1, 2, 3], "g": [1, 2, 3]}))
    event = only(captured)
    assert (event.statement.kind, event.statement.text, event.rows) == ("insert", "INSERT INTO t SELECT * FROM df", 3)


@pytest.mark.skipif(not SINCE_2, reason="there are no appenders")
def test_the_flush_of_an_appender_is_an_insert(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    appender = con.appender("t")
    appender.append_row(1, 2)
    assert captured.events() == []
    appender.flush()
    with con.appender("t") as other:
        other.append_row(3, 4)
    assert captured.statements() == ["INSERT INTO t SELECT * FROM appender"] * 2
    assert con.execute("SELECT count(*) FROM t").fetchall() == [(10002,)]


def test_registering_is_no_statement(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    con.register("frame", pd.DataFrame({"a": [1]}))
    con.create_function("twice", lambda x: 2 * x, ["BIGINT"], "BIGINT")
    con.unregister("frame")
    assert captured.events() == []


def test_a_prepared_statement_is_captured_by_its_text(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    [prepared] = con.extract_statements("SELECT i FROM t WHERE i = 3")
    assert con.execute(prepared).fetchall() == [(3,)]
    assert captured.statements() == ["SELECT i FROM t WHERE i = $1"]


def test_an_error_is_captured_by_its_class_alone(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.CatalogException):
        con.execute("SELECT * FROM missing WHERE name = 'secret'")
    with pytest.raises(duckdb.ParserException):
        con.execute("SELEC 'secret'")
    assert [event.error for event in captured.events()] == ["CatalogException", "ParserException"]
    assert "secret" not in repr(captured.batches)


def test_an_error_while_fetching_is_captured(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("SELECT CASE WHEN range < 990000 THEN range ELSE error('no') END FROM range(1000000)")
    with pytest.raises(duckdb.Error) as error:
        con.fetchall()
    assert only(captured).error == type(error.value).__name__


@pytest.mark.skipif(not SINCE_2, reason="before, what does not parse ends an open result")
def test_what_does_not_parse_leaves_the_open_result(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("SELECT * FROM t")
    con.fetchmany(3)
    with pytest.raises(duckdb.ParserException):
        con.execute("SELEC 1")
    con.fetchall()
    assert [(event.rows, event.error) for event in captured.events()] == [(None, "ParserException"), (10000, None)]


def test_runs_carry_the_callers_label(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    @schemas.route("decorated")
    def decorated() -> None:
        con.execute("SELECT 1").fetchall()

    with schemas.route("GET /orders"):
        con.execute("SELECT 1").fetchall()
        with schemas.route("inner"):
            con.execute("SELECT 1").fetchall()
        con.execute("SELECT 1").fetchall()
    decorated()
    con.execute("SELECT 1").fetchall()
    routes = [event.route for event in captured.events()]
    assert routes == ["GET /orders", "inner", "GET /orders", "decorated", None]


async def test_the_label_is_the_tasks_own(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    async def request(n: int) -> None:
        with schemas.route(f"request {n}"):
            await asyncio.sleep(0)
            await asyncio.to_thread(lambda: con.cursor().execute(f"SELECT {n}").fetchall())

    await asyncio.gather(*(request(n) for n in range(4)))
    assert sorted(str(event.route) for event in captured.events()) == [f"request {n}" for n in range(4)]


def test_each_cursor_is_followed_by_itself(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    first, second = con.cursor(), con.duplicate()
    first.execute("SELECT * FROM t WHERE i < 3")
    second.execute("SELECT * FROM t WHERE i < 5")
    assert len(first.fetchall()) == 3
    assert len(second.fetchall()) == 5
    assert [event.rows for event in captured.events()] == [3, 5]


def test_threads_are_captured(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    def work(n: int) -> None:
        cursor = con.cursor()
        for _ in range(50):
            cursor.execute("SELECT * FROM t WHERE i < ?", [n]).fetchall()

    threads = [Thread(target=work, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(event.rows or 0 for event in captured.events()) == [1] * 50 + [2] * 50 + [3] * 50 + [4] * 50


def test_the_default_connection_is_captured(captured: Captured) -> None:
    captured.start()
    duckdb.execute("CREATE OR REPLACE TEMP TABLE d AS SELECT 1 AS a")
    duckdb.execute("SELECT a FROM d WHERE a < 5")
    assert duckdb.fetchone() == (1,)
    assert duckdb.fetchall() == []
    assert duckdb.sql("SELECT a FROM d").fetchall() == [(1,)]
    assert duckdb.query("SELECT a FROM d").df().a.tolist() == [1]
    assert [(event.statement.text, event.rows) for event in captured.events()][1:] == [
        ("SELECT a FROM d WHERE a < $1", 1),
        ("SELECT a FROM d", 1),
        ("SELECT a FROM d", 1),
    ]
    assert {batch.database for batch in captured.batches} == {"memory"}


def test_the_module_runs_on_the_connection_that_it_is_given(captured: Captured, tmp_path: Path) -> None:
    captured.start()
    con = duckdb.connect(tmp_path / "given.duckdb")
    duckdb.execute("CREATE TABLE d AS SELECT 1 AS a", connection=con)
    assert duckdb.sql("SELECT a FROM d", connection=con).fetchall() == [(1,)]
    captured.events()
    assert {batch.database for batch in captured.batches} == {"given"}


# Relations

RELATION_READS: dict[str, Callable[[duckdb.DuckDBPyRelation], Any]] = {
    "fetchall": lambda rel: rel.fetchall(),
    "df": lambda rel: rel.df(),
    "fetchnumpy": lambda rel: rel.fetchnumpy(),
    "pl": lambda rel: rel.pl(),
    "fetch_arrow_table": lambda rel: rel.fetch_arrow_table(),
}


@pytest.mark.parametrize("read", RELATION_READS)
def test_a_relation_runs_when_it_is_read(captured: Captured, con: duckdb.DuckDBPyConnection, read: str) -> None:
    relation = con.sql("SELECT * FROM t WHERE i < 7")
    assert captured.events() == []
    RELATION_READS[read](relation)
    event = only(captured)
    assert (event.statement.text, event.rows) == ("SELECT * FROM t WHERE i < $1", 7)
    RELATION_READS[read](relation)
    assert len(captured.events()) == 2


def test_a_relation_that_is_built_runs_as_one_statement_with_a_steady_shape(
    captured: Captured, con: duckdb.DuckDBPyConnection
) -> None:
    for bound in (3, 5):
        con.table("t").filter(f"i < {bound}").aggregate("g, count(*)").order("g").fetchall()
        con.sql("SELECT * FROM t").filter(f"i < {bound}").project("i").fetchall()
    first, second, *again = captured.events()
    assert first.statement.fingerprint != second.statement.fingerprint
    assert [event.statement.fingerprint for event in again] == [
        first.statement.fingerprint,
        second.statement.fingerprint,
    ]
    assert [event.rows for event in (first, second, *again)] == [3, 3, 5, 5]


def test_joins_of_relations_have_a_steady_shape(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    for _ in range(2):
        left, right = con.sql("SELECT i, g FROM t WHERE i < 9"), con.sql("SELECT i, g AS h FROM t")
        left.set_alias("l").join(right.set_alias("r"), "i").limit(4).fetchall()
    first, second = captured.events()
    assert first.statement.fingerprint == second.statement.fingerprint


def test_what_sql_runs_at_once_is_captured_then(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    con.sql("INSERT INTO t VALUES (1, 2)")
    con.sql("CREATE TABLE made AS SELECT * FROM t")
    assert [event.statement.kind for event in captured.events()] == ["insert", "ddl"]


def test_reading_rows_that_are_there_runs_nothing(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    relation = con.sql("INSERT INTO t VALUES (1, 2) RETURNING i")
    assert relation.fetchall() == [(1,)]
    assert [event.statement.kind for event in captured.events()] == ["insert"]


def test_showing_a_relation_runs_it_once(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    str(con.sql("SELECT i FROM t"))
    assert captured.statements() == ["SELECT * FROM (SELECT i FROM t) LIMIT $1"]


def test_the_length_of_a_relation_is_a_count(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    relation = con.sql("SELECT i FROM t")
    assert len(relation) == 10000
    assert relation.shape == (10000, 1)
    assert captured.statements() == ["SELECT count(*) FROM (SELECT i FROM t)"] * 2


def test_writes_of_relations_are_captured(captured: Captured, con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    relation = con.sql("SELECT i, g FROM t WHERE i < 3")
    relation.create("made")
    relation.insert_into("made")
    con.table("made").insert([7, 8])
    relation.create_view("seen")
    relation.write_csv(str(tmp_path / "made.csv"))
    relation.to_parquet(str(tmp_path / "made.parquet"))
    assert con.execute("SELECT count(*) FROM made").fetchone() == (7,)
    con.close()
    events = captured.events()
    kinds = [event.statement.kind for event in events]
    assert kinds == ["ddl", "insert", "insert", "ddl", "copy", "copy", "select"]
    assert events[0].statement.text == "CREATE TABLE made AS SELECT i, g FROM t WHERE i < $1"
    assert str(tmp_path) not in repr(captured.batches)


@BEFORE_2
def test_a_relation_is_read_row_by_row(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    relation = con.sql("SELECT * FROM t WHERE i < 2")
    assert [relation.fetchone() for _ in range(4)] == [(0, 0), (1, 1), None, None]
    relation = con.sql("SELECT * FROM t WHERE i < 6")
    relation.execute()
    assert len(relation.fetchmany(4)) == 4
    assert len(relation.fetchall()) == 2
    assert [event.rows for event in captured.events()] == [2, 6]


@BEFORE_2
def test_a_relation_that_is_dropped_ends_its_run(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    relation = con.sql("SELECT * FROM t")
    relation.fetchone()
    del relation
    assert only(captured).rows == 1


@pytest.mark.skipif(not SINCE_2, reason="there is no such method")
def test_the_newer_ways_to_read_a_relation_run_it_once(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    relation = con.sql("SELECT * FROM t WHERE i < 3")
    assert list(relation.iter_rows()) == [(0, 0), (1, 1), (2, 2)]
    assert relation.to_dicts()[2] == {"i": 2, "g": 2}
    assert relation.materialize().fetchall() == [(0, 0), (1, 1), (2, 2)]
    assert relation.group_by("g").agg("count(*)").fetchall()
    texts = captured.statements()
    assert texts[:3] == ["SELECT * FROM t WHERE i < $1"] * 3
    assert len(texts) == 4


# The profile

PROFILED = pytest.mark.skipif(not SINCE_2, reason="needs the profiler of 2.0")


@PROFILED
@pytest.mark.usefixtures("every_run_sampled")
def test_a_sampled_run_carries_the_work_counters(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("SELECT g, count(*) FROM t GROUP BY g").fetchall()
    profile = only(captured).profile
    assert profile is not None
    assert profile.rows_scanned == 10000
    assert (profile.row_groups_scanned, profile.row_groups_total) == (1, 1)
    assert profile.intermediate_bytes > 0
    assert profile.peak_memory_bytes > 0
    assert profile.cpu_us > 0


@PROFILED
@pytest.mark.usefixtures("every_run_sampled")
def test_relations_and_writes_are_profiled(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    con.sql("SELECT sum(i) FROM t").fetchall()
    con.execute("UPDATE t SET g = 1 WHERE i = 5")
    assert all(event.profile is not None and event.profile.rows_scanned > 0 for event in captured.events())


@PROFILED
@pytest.mark.usefixtures("every_run_sampled")
def test_a_result_that_is_not_read_to_its_end_has_no_counters(
    captured: Captured, con: duckdb.DuckDBPyConnection
) -> None:
    con.execute("SELECT * FROM t").fetchone()
    con.execute("SELECT * FROM t").fetchall()
    first, second = captured.events()
    assert first.profile is None
    assert second.profile is None  # the profiler is not switched on while a result is open
    con.execute("SELECT * FROM t").fetchall()
    assert captured.events()[2].profile is not None


@PROFILED
@pytest.mark.usefixtures("every_run_sampled")
def test_profiling_prints_nothing_and_leaves_no_setting_changed(
    captured: Captured, con: duckdb.DuckDBPyConnection, capfd: pytest.CaptureFixture[str]
) -> None:
    setting = "SELECT current_setting('enable_profiling'), current_setting('profiling_output')"
    with duckdb.connect() as other:
        untouched = other.execute(setting).fetchall()
    con.execute("SELECT g FROM t").fetchall()
    assert con.execute(setting).fetchall() == untouched
    assert "".join(capfd.readouterr()) == ""


@PROFILED
@pytest.mark.usefixtures("every_run_sampled")
def test_profiling_leaves_what_the_product_sees_of_its_last_result(
    captured: Captured, con: duckdb.DuckDBPyConnection
) -> None:
    con.execute("SELECT i AS named FROM t")
    con.fetchall()
    assert [column[0] for column in con.description or []] == ["named"]
    assert con.fetchall() == []


@PROFILED
@pytest.mark.usefixtures("every_run_sampled")
def test_a_failed_transaction_stays_failed(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE TABLE k (i INTEGER PRIMARY KEY)")
    con.execute("BEGIN")
    con.execute("INSERT INTO k VALUES (1)")
    with pytest.raises(duckdb.Error):
        con.execute("INSERT INTO k VALUES (1)")
    with pytest.raises(duckdb.TransactionException):
        con.execute("SELECT 1")
    con.execute("ROLLBACK")
    assert con.execute("SELECT count(*) FROM k").fetchall() == [(0,)]


@PROFILED
@pytest.mark.usefixtures("every_run_sampled")
@pytest.mark.parametrize("way", ["statement", "method"])
def test_a_profiler_that_the_product_uses_is_left_to_it(
    captured: Captured, con: duckdb.DuckDBPyConnection, capfd: pytest.CaptureFixture[str], way: str
) -> None:
    con.execute("SELECT g FROM t").fetchall()
    if way == "statement":
        con.execute("PRAGMA enable_profiling")
    else:
        con.enable_profiling()
    con.execute("SELECT g FROM t").fetchall()
    assert "Total Time" in "".join(capfd.readouterr())
    con.disable_profiling()
    con.execute("SELECT g FROM t").fetchall()
    events = [event for event in captured.events() if event.statement.kind == "select"]
    assert [event.profile is None for event in events] == [False, True, True]


@PROFILED
def test_statements_that_are_usually_slow_are_profiled_until_that_was_often_enough(
    captured: Captured, con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from schemas.client import recorder

    monkeypatch.setattr(recorder, "SLOW_US", 1)
    monkeypatch.setattr(recorder.Recorder, "is_due", lambda *_: False)
    for _ in range(1 + recorder.PROFILES + 2):
        con.execute("SELECT g, count(*) FROM t GROUP BY g").fetchall()
        captured.events()
    profiled = [event.profile is not None for event in captured.events() if event.statement.kind == "select"]
    assert profiled == [False, *[True] * recorder.PROFILES, False, False]


# Parameters for the exemplars


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, ()),
        ([1, "a", None, date(2024, 1, 2)], (1, "a", None, date(2024, 1, 2))),
        ({"a": 1.5}, {"a": 1.5}),
        (["x" * 2000], None),
        (list(range(100)), None),
        ([object()], None),
        (pd.DataFrame(), None),
    ],
)
def test_small_parameters_alone_are_kept(given: Any, kept: Any) -> None:
    assert capture.kept(given) == kept


def test_parameters_that_are_changed_later_were_copied(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    row = [3]
    con.execute("SELECT i FROM t WHERE i = ?", row)
    con.fetchall()
    row[0] = 99
    fingerprint = only(captured).statement.fingerprint
    schemas.uninstrument()
    assert captured.exemplars().get(fingerprint) == [(("3",), {})]


# Never into the product


def test_a_fault_of_ours_never_reaches_the_product(
    captured: Captured, con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(dict[int, Any]):
        def get(self, *_: Any) -> Any:
            raise RuntimeError("ours")

    monkeypatch.setattr(calls, "perf_counter_ns", None)
    monkeypatch.setattr(capture, "connections", Broken())
    monkeypatch.setattr(capture, "perf_counter_ns", None)
    assert con.execute("SELECT 1").fetchall() == [(1,)]
    assert con.sql("SELECT 2").fetchall() == [(2,)]
    con.executemany("INSERT INTO t VALUES (?, ?)", [[1, 2]])
    con.begin()
    con.commit()


def test_a_closed_connection_says_what_it_said(captured: Captured, con: duckdb.DuckDBPyConnection) -> None:
    con.close()
    with pytest.raises(duckdb.ConnectionException):
        con.execute("SELECT 1")
    never_seen = duckdb.connect()
    never_seen.close()
    calls.connections.clear()
    with pytest.raises(duckdb.ConnectionException):
        never_seen.execute("SELECT 1")


def test_connections_that_were_open_before_are_captured(captured: Captured, tmp_path: Path) -> None:
    con = duckdb.connect(tmp_path / "early.duckdb")
    con.execute("SELECT * FROM range(5000)")
    con.fetchmany(2)
    captured.start()
    assert len(con.fetchmany(3)) == 3  # meeting it does nothing to its open result
    con.execute("SELECT 1").fetchall()
    assert captured.statements() == ["SELECT $1"]
    assert captured.batches[0].database == "early"


def test_connections_and_relations_are_forgotten_when_they_are_gone(
    captured: Captured, con: duckdb.DuckDBPyConnection
) -> None:
    from schemas.client.relations import relations

    known, of_relations = len(calls.connections), len(relations)
    for _ in range(20):
        cursor = con.cursor()
        cursor.sql("SELECT 1").fetchall()
        del cursor
    assert (len(calls.connections), len(relations)) == (known, of_relations)


def test_a_database_is_closed_when_the_product_lets_it_go(captured: Captured, tmp_path: Path) -> None:
    captured.start()
    con = duckdb.connect(tmp_path / "a.duckdb")
    relation = con.sql("SELECT 1")
    relation.fetchall()
    con.execute("SELECT 1").fetchone()
    del con, relation
    with duckdb.connect(tmp_path / "a.duckdb", config={"threads": 1}) as again:  # another configuration is refused
        assert again.execute("SELECT 1").fetchall() == [(1,)]
