"""What stands on DuckDB works the same with and without capture, and is captured."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import Any

import duckdb
import pandas as pd
import pytest

import schemas
from tests.captured import Captured

pytest.importorskip("sqlalchemy")

ROWS = [(n, f"name {n % 3}", n * 1.5) for n in range(9)]


def filled(folder: Path) -> Path:
    place = folder / "shop.duckdb"
    with duckdb.connect(place) as con:
        con.execute("CREATE TABLE orders (id INTEGER, customer VARCHAR, price DOUBLE)")
        con.executemany("INSERT INTO orders VALUES (?, ?, ?)", ROWS)
    return place


def sqlalchemy(place: Path) -> Any:
    from sqlalchemy import Column, Float, Integer, MetaData, String, Table, create_engine, func, insert, select

    engine = create_engine(f"duckdb:///{place}")
    orders = Table("orders", MetaData(), Column("id", Integer), Column("customer", String), Column("price", Float))
    with engine.begin() as con:
        con.execute(insert(orders), [{"id": 100, "customer": "new", "price": 7.0}])
        total = select(orders.c.customer, func.sum(orders.c.price)).where(orders.c.id > 3).group_by(orders.c.customer)
        first = con.execute(total.order_by(orders.c.customer)).all()
    with engine.connect() as con:
        second = con.execute(select(func.count()).select_from(orders)).scalar_one()
        streamed = [tuple(row) for row in con.execution_options(yield_per=4).execute(select(orders.c.id))]
    engine.dispose()
    return [tuple(row) for row in first], second, sorted(streamed)


def pandas(place: Path) -> Any:
    from sqlalchemy import create_engine

    engine = create_engine(f"duckdb:///{place}")
    frame = pd.read_sql("SELECT * FROM orders WHERE id < 5 ORDER BY id", engine)
    frame.to_sql("copied", engine, index=False)
    counted = pd.read_sql("SELECT count(*) AS n FROM copied", engine)
    engine.dispose()
    return frame.to_dict("list"), counted.to_dict("list")


def polars(place: Path) -> Any:
    import polars as pl

    with duckdb.connect(place) as con:
        read = pl.read_database("SELECT * FROM orders WHERE id < 4 ORDER BY id", con)
        lazy = con.sql("SELECT * FROM orders").pl(lazy=True).filter(pl.col("id") > 6).select("id").collect()
        own = pl.DataFrame({"id": [1, 2]})
        joined = con.sql("SELECT o.price FROM orders o JOIN own USING (id) ORDER BY 1").pl()
        assert own is not None
    return read.to_dicts(), sorted(lazy["id"]), joined.to_dicts()


def ibis(place: Path) -> Any:
    import ibis

    con = ibis.duckdb.connect(place)
    orders = con.table("orders")
    totals = orders.group_by("customer").agg(total=orders.price.sum()).order_by("customer").to_pandas()
    few = orders.filter(orders.id < 3).order_by("id").to_pyarrow()
    con.create_table("made", ibis.memtable({"a": [1, 2]}))
    made = con.table("made").count().execute()
    con.disconnect()
    return totals.to_dict("list"), few.to_pylist(), int(made), con.name


def async_service(place: Path) -> Any:
    """A pool of cursors, each used by one thread at a time."""

    async def serve() -> list[Any]:
        con = duckdb.connect(place)
        pool: Queue[duckdb.DuckDBPyConnection] = Queue()
        for _ in range(3):
            pool.put(con.cursor())

        def query(customer: int) -> Any:
            cursor = pool.get()
            try:
                with schemas.route(f"GET /customers/{customer % 3}"):
                    cursor.execute(
                        "SELECT count(*), sum(price) FROM orders WHERE customer = ?", [f"name {customer % 3}"]
                    )
                    return cursor.fetchall()
            finally:
                pool.put(cursor)

        answers = await asyncio.gather(*(asyncio.to_thread(query, n) for n in range(60)))
        con.close()
        return answers

    return asyncio.run(serve())


LIBRARIES = (sqlalchemy, pandas, polars, ibis, async_service)


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)
@pytest.mark.usefixtures("every_run_sampled")
def test_a_library_works_the_same_and_is_captured(
    captured: Captured, library: Callable[[Path], Any], tmp_path: Path
) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    without = library(filled(tmp_path / "1"))
    captured.start()
    place = filled(tmp_path / "2")
    before = len(captured.events())
    assert library(place) == without
    reads = [event for event in captured.events()[before:] if event.statement.kind == "select"]
    assert reads
    assert any("orders" in event.statement.text for event in reads)
    assert {batch.database for batch in captured.batches} <= {"shop", "memory"}


def test_each_request_of_a_service_has_its_label(captured: Captured, tmp_path: Path) -> None:
    captured.start(database=filled(tmp_path))
    async_service(tmp_path / "shop.duckdb")
    routes = [event.route for event in captured.events()]
    assert {route: routes.count(route) for route in set(routes)} == {f"GET /customers/{n}": 20 for n in range(3)}


DBT_PROJECT = {
    "dbt_project.yml": "name: shop\nversion: '1.0.0'\nprofile: shop\nmodel-paths: [models]\nseed-paths: [seeds]\n",
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, threads: 2}\n",
    "seeds/orders.csv": "id,customer,price\n1,a,2.5\n2,b,3.5\n3,a,4.0\n",
    "models/totals.sql": "{{ config(materialized='table') }}\n"
    "SELECT customer, sum(price) AS total FROM {{ ref('orders') }} GROUP BY customer\n",
    "models/best.sql": "SELECT * FROM {{ ref('totals') }} WHERE total > 3\n",
    "models/schema.yml": "models:\n  - name: totals\n    columns:\n"
    "      - {name: customer, data_tests: [not_null, unique]}\n",
}
DBT_RUN = """
import sys
if len(sys.argv) > 1:
    import schemas
    schemas.instrument("shop", sink=sys.argv[1])
from dbt.cli.main import dbtRunner
print(dbtRunner().invoke(["build", "--quiet", "--no-use-colors"]).success)
"""


def dbt_build(folder: Path, *arguments: str) -> Any:
    for name, text in DBT_PROJECT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "DO_NOT_TRACK": "1",
        "XDG_STATE_HOME": str(folder / "state"),
    }
    done = subprocess.run(
        [sys.executable, "-c", DBT_RUN, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.splitlines()[-1:] == ["True"], done.stdout + done.stderr
    with duckdb.connect(folder / "shop.duckdb", read_only=True) as con:
        return con.execute("SELECT * FROM best ORDER BY 1").fetchall()


def test_dbt_builds_the_same_and_is_captured(tmp_path: Path) -> None:
    pytest.importorskip("dbt.adapters.duckdb")
    without = dbt_build(tmp_path / "1")
    log = tmp_path / "log.jsonl"
    assert dbt_build(tmp_path / "2", str(log)) == without == [("a", 6.5), ("b", 3.5)]
    with duckdb.connect() as con:
        models = con.execute(
            "SELECT count(*) FROM read_json(?) WHERE kind = 'ddl' AND statement LIKE '%totals%' AND database = 'shop'",
            [str(log)],
        ).fetchall()
    assert models[0][0] > 0
