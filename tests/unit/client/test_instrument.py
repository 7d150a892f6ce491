"""Where capture begins and ends, and for whom."""

import json
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import duckdb
import pytest

import schemas
from schemas.client import instrument as entrance
from schemas.client import versions
from schemas.client.versions import TESTED, minor_of
from schemas.errors import SettingsError
from tests.captured import Captured

ROOT = Path(__file__).parents[3]


def attributes() -> dict[tuple[str, str], Any]:
    owners = [duckdb, duckdb.DuckDBPyConnection, duckdb.DuckDBPyRelation]
    if hasattr(duckdb, "Appender"):
        owners.append(duckdb.Appender)
    return {(str(owner), name): value for owner in owners for name, value in vars(owner).items()}


def test_everything_is_put_back(captured: Captured) -> None:
    before = attributes()
    captured.start()
    during = attributes()
    schemas.uninstrument()
    after = attributes()
    assert list(before) == list(during) == list(after)
    assert all(after[name] is value for name, value in before.items())
    replaced = {name for (_, name), value in before.items() if during[_, name] is not value}
    assert {"execute", "executemany", "sql", "fetchall", "connect", "df", "cursor", "close"} <= replaced


def test_what_somebody_else_has_wrapped_since_stays(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    captured.start()
    ours = duckdb.DuckDBPyConnection.execute

    def theirs(self: duckdb.DuckDBPyConnection, *args: Any) -> Any:
        return ours(self, *args)

    with monkeypatch.context() as other:
        other.setattr(duckdb.DuckDBPyConnection, "execute", theirs)
        schemas.uninstrument()
        assert duckdb.DuckDBPyConnection.execute is theirs
        assert duckdb.connect().execute("SELECT 1").fetchall() == [(1,)]
    # what it puts back is ours, which does nothing any more
    assert duckdb.connect().execute("SELECT 1").fetchall() == [(1,)]
    duckdb.DuckDBPyConnection.execute = ours.__wrapped__


def test_nothing_is_captured_before_and_after(captured: Captured) -> None:
    con = duckdb.connect()
    con.execute("SELECT 'before'").fetchall()
    captured.start()
    con.execute("SELECT 'during'").fetchall()
    schemas.uninstrument()
    con.execute("SELECT 'after'").fetchall()
    assert [event.statement.text for batch in captured.batches for event in batch.events] == ["SELECT $1"]


def test_the_same_call_again_changes_nothing(captured: Captured) -> None:
    captured.start()
    execute = duckdb.DuckDBPyConnection.execute
    captured.start()
    assert duckdb.DuckDBPyConnection.execute is execute
    duckdb.connect().execute("SELECT 1").fetchall()
    assert len(captured.events()) == 1


def test_another_call_for_the_same_product_is_refused(captured: Captured, tmp_path: Path) -> None:
    captured.start()
    with pytest.raises(SettingsError, match="uninstrument first"):
        captured.start(database=tmp_path / "other.duckdb")
    with pytest.raises(SettingsError, match="uninstrument first"):
        schemas.instrument("shop", sink=tmp_path / "log.jsonl")


def test_a_database_has_one_product(captured: Captured, tmp_path: Path) -> None:
    captured.start("shop", database=tmp_path / "a.duckdb")
    with pytest.raises(SettingsError, match="a database of product shop already"):
        captured.start("stock", database={"other": tmp_path / "b" / ".." / "a.duckdb"})
    captured.start("everything-else")
    with pytest.raises(SettingsError, match="name those of more"):
        captured.start("more")


@pytest.mark.parametrize("name", ["", "a b", "../up", ".", "x" * 101, "a/b"])
def test_a_product_has_a_plain_name(captured: Captured, name: str) -> None:
    with pytest.raises(SettingsError, match="letters, digits"):
        captured.start(name)
    assert not hasattr(duckdb.DuckDBPyConnection.execute, "__wrapped__")


def test_a_sink_is_a_file_of_a_known_kind(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"a \.jsonl or a \.parquet"):
        schemas.instrument("shop", sink=tmp_path / "log.csv")


def test_each_database_is_its_products(captured: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    others = Captured()
    captured.start("shop", database="shop.duckdb")
    others.start("stock", database={"warehouse": tmp_path / "w.duckdb", "memo": ":memory:memo"})
    for place in ("shop.duckdb", tmp_path / "shop.duckdb", "w.duckdb", ":memory:memo", ":memory:", "nobodys.duckdb"):
        with duckdb.connect(place) as con:
            con.execute(f"SELECT '{place}'").fetchall()
    captured.events()
    others.events()
    assert [(batch.product, batch.database, len(batch.events)) for batch in captured.batches] == [("shop", "shop", 2)]
    assert {(batch.product, batch.database): len(batch.events) for batch in others.batches} == {
        ("stock", "warehouse"): 1,
        ("stock", "memo"): 1,
    }


def test_a_product_without_databases_has_what_no_other_declares(captured: Captured, tmp_path: Path) -> None:
    others = Captured()
    captured.start("all")
    con = duckdb.connect(tmp_path / "orders.duckdb")
    con.execute("SELECT 1").fetchall()
    others.start("orders", database=tmp_path / "orders.duckdb")
    con.execute("SELECT 1").fetchall()
    con.cursor().execute("SELECT 1").fetchall()
    duckdb.connect(tmp_path / "main.duckdb").execute("SELECT 1").fetchall()
    duckdb.connect(":memory:x").execute("SELECT 1").fetchall()
    assert len(others.events()) == 2
    captured.events()
    assert sorted(batch.database for batch in captured.batches) == ["main_db", "memory:x", "orders"]


def test_two_undeclared_databases_of_one_name_are_not_mixed(
    captured: Captured, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    captured.start()
    (tmp_path / "old").mkdir()
    for place in (tmp_path / "a.duckdb", tmp_path / "old" / "a.duckdb"):
        duckdb.connect(place).execute("SELECT 1").fetchall()
    assert len(captured.events()) == 1
    assert "give both a name with `database`" in caplog.text


def test_names_of_databases_are_duckdbs_own(captured: Captured, tmp_path: Path) -> None:
    captured.start()
    expected = []
    for name in ("plain", "two.dots.db", "with space.db", ".hidden.db", "main.db", "temp.duckdb"):
        con = duckdb.connect(tmp_path / name)
        expected += con.execute("SELECT current_database()").fetchall()
        con.close()
    captured.events()
    assert [batch.database for batch in captured.batches] == [name for (name,) in expected]


def test_switched_off_the_process_is_untouched(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUCKDB_SIDECAR", "off")
    before = attributes()
    captured.start()
    assert all(value is before[name] for name, value in attributes().items())
    duckdb.connect().execute("SELECT 1").fetchall()
    assert captured.batches == []
    assert not Path(os.environ["XDG_STATE_HOME"]).exists()


def test_on_an_untested_version_it_stands_aside_and_says_so_once(
    captured: Captured, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(entrance, "VERSION", (3, 7))
    entrance._stand_aside.cache_clear()
    with caplog.at_level(logging.WARNING, "duckdb_sidecar"):
        captured.start()
        captured.start("another")
    [record] = caplog.records
    assert "stands aside" in record.getMessage()
    assert not hasattr(duckdb.DuckDBPyConnection.execute, "__wrapped__")


@pytest.mark.parametrize(
    ("version", "minor"),
    [("2.0.0", (2, 0)), ("1.4.4", (1, 4)), ("v1.5.6.dev3", (1, 5)), ("2.0.1rc1", (2, 0)), ("a build", (0, 0))],
)
def test_versions_are_told_by_minor(version: str, minor: tuple[int, int]) -> None:
    assert minor_of(version) == minor


def test_the_version_that_runs_here_is_a_tested_one() -> None:
    assert versions.VERSION in TESTED


def run(script: str, tmp_path: Path) -> str:
    """What a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "LOG": str(tmp_path / "log.jsonl")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout + done.stderr


def test_importing_the_contract_is_cheap(tmp_path: Path) -> None:
    script = """
        import sys, schemas
        print("duckdb" in sys.modules, "schemas.client" in sys.modules)
        schemas.instrument
        print("duckdb" in sys.modules, "confluent_kafka" in sys.modules)
    """
    assert run(script, tmp_path) == "False False\nTrue False\n"


def test_the_client_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'other'"):
        schemas.other  # noqa: B018


def test_the_end_of_the_process_hands_over_what_is_open(tmp_path: Path) -> None:
    script = """
        import os, duckdb, schemas
        schemas.instrument("shop", sink=os.environ["LOG"])
        con = duckdb.connect()
        con.execute("SELECT 1").fetchall()
        con.execute("SELECT 2, 3").fetchone()
    """
    run(script, tmp_path)
    log = (tmp_path / "log.jsonl").read_text()
    assert log.count('"SELECT $1"') == 1
    assert log.count('"SELECT $1, $2"') == 1


def test_the_end_of_the_process_does_not_wait_for_a_sink(tmp_path: Path) -> None:
    script = """
        import atexit, threading, time, duckdb
        atexit.register(lambda: print("waited", time.monotonic() - ended < 1.5))  # runs after ours
        import schemas
        class Stuck:
            def write(self, batch): threading.Event().wait()
            def flush(self, timeout): return True
            def close(self): pass
        schemas.instrument("shop", sink=Stuck)
        duckdb.connect().execute("SELECT 1").fetchall()
        ended = time.monotonic()
    """
    assert "waited True" in run(script, tmp_path)


FORKING = """
    import atexit, os, duckdb, schemas
    def end():  # as a child of multiprocessing: DuckDB's own teardown in a forked process may wait for ever
        atexit._run_exitfuncs()
        os._exit(0)
    schemas.instrument("shop", sink=os.environ["LOG"])
    con = duckdb.connect()
    con.execute("SELECT 'parent'").fetchall()
"""


def instances(tmp_path: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in (tmp_path / "log.jsonl").read_text().splitlines():
        counts[json.loads(line)["instance"]] = counts.get(json.loads(line)["instance"], 0) + 1
    return counts


def test_a_forked_child_starts_afresh(tmp_path: Path) -> None:
    script = (
        FORKING
        + """
    if (child := os.fork()) == 0:
        duckdb.connect().execute("SELECT 'child', 1").fetchall()
        end()
    os.waitpid(child, 0)
    con.execute("SELECT 'parent'").fetchall()
    """
    )
    run(script, tmp_path)
    assert sorted(instances(tmp_path).values()) == [1, 2]


def test_a_child_of_multiprocessing_hands_over_at_its_end(tmp_path: Path) -> None:
    script = (
        FORKING
        + """
    import multiprocessing
    def work():
        duckdb.connect().execute("SELECT 'child', 1").fetchall()
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    """
    )
    run(script, tmp_path)
    assert sorted(instances(tmp_path).values()) == [1, 1]


def test_an_open_result_of_the_parent_is_not_the_childs(tmp_path: Path) -> None:
    script = (
        FORKING
        + """
    con.execute("SELECT * FROM range(9)").fetchone()
    if (child := os.fork()) == 0:
        end()
    os.waitpid(child, 0)
    con.fetchall()
    """
    )
    run(script, tmp_path)
    assert list(instances(tmp_path).values()) == [2]
