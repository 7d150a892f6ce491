"""How much the log holds."""

import sys
from types import ModuleType

import duckdb
import pytest

import schemas
from schemas.errors import SettingsError
from tests.captured import Captured


def test_all_of_a_captured_process_is_covered(captured: Captured) -> None:
    captured.start()
    con = duckdb.connect()
    con.cursor().execute("SELECT 1").fetchall()
    captured.events()
    coverage = schemas.coverage("shop")
    assert (coverage.runs, coverage.dropped, coverage.connections, coverage.met) == (1, 0, 2, 0)
    assert coverage.share == 1.0
    assert coverage.unseen == ()
    assert coverage.full


def test_connections_that_were_open_before_are_told(captured: Captured) -> None:
    con = duckdb.connect()
    captured.start()
    con.execute("SELECT 1").fetchall()
    captured.events()
    assert (schemas.coverage("shop").connections, schemas.coverage("shop").met) == (0, 1)


def test_what_was_dropped_lowers_the_share(captured: Captured) -> None:
    from schemas.client import instrument

    captured.start()
    duckdb.connect().execute("SELECT 1").fetchall()
    captured.events()
    instrument._products["shop"].recorder.drop(3)
    coverage = schemas.coverage("shop")
    assert coverage.share == 0.25
    assert not coverage.full


def test_names_that_were_imported_before_are_found(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    app = ModuleType("an_app")
    con = duckdb.connect()

    class Repository:
        run = duckdb.DuckDBPyConnection.execute

    Repository.__module__ = "an_app"
    app.execute = duckdb.execute  # type: ignore[attr-defined]
    app.bound = con.fetchall  # type: ignore[attr-defined]
    app.Repository = Repository  # type: ignore[attr-defined]
    app.later = None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "an_app", app)
    captured.start()
    app.later = duckdb.execute  # type: ignore[attr-defined]
    coverage = schemas.coverage("shop")
    assert set(coverage.unseen) == {
        "an_app.execute is duckdb.execute from before `instrument` was called",
        "an_app.bound is DuckDBPyConnection.fetchall from before `instrument` was called",
        "an_app.Repository.run is DuckDBPyConnection.execute from before `instrument` was called",
    }
    assert not coverage.full


def test_adbc_is_told(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    captured.start()
    monkeypatch.setitem(sys.modules, "adbc_driver_duckdb", ModuleType("adbc_driver_duckdb"))
    assert any("ADBC" in sentence for sentence in schemas.coverage("shop").unseen)


def test_a_product_that_is_not_instrumented_has_no_coverage() -> None:
    with pytest.raises(SettingsError, match="is not instrumented"):
        schemas.coverage("nobody")
