"""Whatever is written while a table is rebuilt behind the real gate, what was acknowledged is there, and no more."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from schemas.actions import Body, ChangeType, Cluster, SortKey
from schemas.client import operating, watching, writers
from schemas.client.databases import place_of
from schemas.client.operating import DRAIN_S, Operating
from schemas.operate import run
from schemas.operate.transaction import tables_of
from schemas.plan import drift, expected
from tests.operated_product import attached_to
from tests.operating import LOOKS, SALT, Shop

ROWS = 2000
MOST = 4
"""Writers, each with keys of its own, so that what is acknowledged says which rows there are."""
BY_DAY = Cluster(table="visits", keys=[SortKey(column="day")])
NUMBER = ChangeType(table="visits", column="number", from_type="VARCHAR", to_type="INTEGER")

Statement = tuple[str, int, int]
Transaction = tuple[str, list[Statement]]

STATEMENTS = st.tuples(st.sampled_from(["insert", "update", "delete"]), st.integers(0, 999), st.integers(0, 99))
TRANSACTIONS = st.tuples(
    st.sampled_from(["COMMIT", "ROLLBACK", "each by itself"]), st.lists(STATEMENTS, min_size=1, max_size=3)
)
WRITTEN = st.lists(TRANSACTIONS, min_size=1, max_size=4)


class Writer(threading.Thread):
    """Repeats its transactions. `kept` are its rows as it was told that they are."""

    def __init__(self, execute: Callable[..., Any], number: int, transactions: list[Transaction]) -> None:
        super().__init__()
        self._execute = execute
        self._transactions = transactions
        self._fresh = count(ROWS - ROWS % MOST + MOST + number, MOST)
        self.kept = {key: str(key) for key in range(number, ROWS, MOST)}
        self.failures: list[duckdb.Error] = []
        self.rounds = 0
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.wait(0.001):
            for end, statements in self._transactions:
                self._transact(end, statements)
            self.rounds += 1

    def _transact(self, end: str, statements: list[Statement]) -> None:
        alone = end == "each by itself"
        wanted = self.kept if alone else dict(self.kept)
        try:
            if not alone:
                self._execute("BEGIN")
            for statement in statements:
                self._write(wanted, *statement)
            if not alone:
                self._execute(end)
        except duckdb.Error as error:
            self.failures.append(error)
            with suppress(duckdb.Error):
                self._execute("ROLLBACK")
        else:
            if end == "COMMIT":
                self.kept = wanted

    def _write(self, rows: dict[int, str], kind: str, at: int, value: int) -> None:
        if kind == "insert" or not rows:
            key = next(self._fresh)
            self._execute("INSERT INTO visits(id, number) VALUES (?, ?)", [key, str(value)])
            rows[key] = str(value)
            return
        key = list(rows)[at % len(rows)]
        if kind == "update":
            self._execute("UPDATE visits SET number = ? WHERE id = ?", [str(value), key])
            rows[key] = str(value)
        else:
            self._execute("DELETE FROM visits WHERE id = ?", [key])
            del rows[key]


@contextmanager
def database(folder: Path, *, indexed: bool) -> Iterator[Shop]:
    folder.mkdir()
    shop = Shop(folder)
    shop.connection.execute(f"""
        CREATE TABLE visits(
            id INTEGER PRIMARY KEY, day DATE NOT NULL DEFAULT DATE '2020-01-01', number VARCHAR, CHECK (id >= 0)
        );
        COMMENT ON TABLE visits IS 'all of them';
        INSERT INTO visits SELECT range, DATE '2020-01-01' + (range * 7 % 60)::INTEGER, range::VARCHAR
        FROM range({ROWS});
    """)
    if indexed:
        shop.connection.execute("CREATE INDEX visits_day ON visits(day); COMMENT ON INDEX visits_day IS 'by day'")
    yield shop
    shop.connection.close()


def catalog(shop: Shop) -> dict[str, Any]:
    return {name: shop.connection.execute(sql).fetchall() for name, sql in LOOKS.items() if name != "rows"}


@pytest.mark.parametrize("body", [BY_DAY, NUMBER], ids=lambda body: body.kind)
@pytest.mark.parametrize("checked", [True, False], ids=["as in production", "beside strangers"])
def test_rows_are_what_acknowledged_statements_make_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: Body, checked: bool
) -> None:
    """An index is dropped and made again only where strangers are looked for: DuckDB 2.0 does not survive that."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(operating, "SETTLE_S", 0.1)
    monkeypatch.setattr(run, "PATIENCE_S", 0.5)
    with database(tmp_path / "promised", indexed=checked) as shop:
        looks = {"undone": catalog(shop)}
        assert shop.executor().carry_out(shop.order(body)).state == "done"
        looks["done"] = catalog(shop)
    numbers = count()

    @settings(max_examples=3)
    @given(st.lists(WRITTEN, min_size=1, max_size=2), st.lists(WRITTEN, min_size=0 if checked else 1, max_size=2))
    def holds(known: list[list[Transaction]], strange: list[list[Transaction]]) -> None:
        with ExitStack() as ends:
            folder = tmp_path / str(next(numbers))
            schemas.instrument("sales", database=folder / "shop.duckdb", sink=tmp_path / "log.jsonl")
            ends.callback(schemas.uninstrument)
            shop = ends.enter_context(database(folder, indexed=checked))
            place = place_of(shop.file)
            ours = Operating(attached_to(folder, "127.0.0.1:9", ""), "shop", place, {}, lambda: None)
            ends.callback(ours.close)
            executor = replace(ours._executor, salt=SALT)
            if not checked:
                executor = replace(executor, gate=partial(writers.shut, place, DRAIN_S))
            strangers = [ends.enter_context(watching._connect(shop.file)) for _ in strange]
            executes = [shop.connection.cursor().execute for _ in known]
            executes += [partial(watching._execute, stranger) for stranger in strangers]
            threads = [
                Writer(execute, number, transactions)
                for number, (execute, transactions) in enumerate(zip(executes, known + strange, strict=True))
            ]
            order = shop.order(body)
            for thread in threads:
                thread.start()
            try:
                wait_for_rounds(threads)
                result = executor.carry_out(order)
                wait_for_rounds(threads)
            finally:
                for thread in threads:
                    thread.stop.set()
                for thread in threads:
                    thread.join()
            wanted = {key: str(key) for key in range(ROWS) if key % MOST >= len(threads)}
            for thread in threads:
                wanted |= thread.kept
            found = shop.connection.execute("SELECT id, number::VARCHAR FROM visits").fetchall()
            assert (len(found), dict(found)) == (len(wanted), wanted)
            by_key = shop.connection.execute("SELECT count(*) FROM visits WHERE id = ANY(?)", [list(wanted)]).fetchall()
            assert by_key == [(len(wanted),)]
            assert [thread.failures for thread in threads[: len(known)]] == [[]] * len(known)
            if checked and strange:
                assert result.state == "undone"
                assert result.reason.startswith(f"{len(strange)} connections to the database are not known")
            elif checked:
                assert result.state == "done", result
            assert catalog(shop) == looks[result.state], result
            with shop.reading() as cursor:
                assert drift(expected(order.meant, done=result.state == "done"), tables_of(cursor, "shop")) == []

    holds()


def wait_for_rounds(threads: list[Writer]) -> None:
    before = [thread.rounds for thread in threads]
    while any(thread.rounds == rounds for thread, rounds in zip(threads, before, strict=True)):
        assert all(thread.is_alive() for thread in threads)
        time.sleep(0.001)
