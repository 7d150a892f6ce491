"""The demo's data product, a process of its own: a TPC-H database and a back office's workload on it.

The one line that makes it a product of the sidecar is `duckdb_sidecar.instrument(...)`; where Kafka is says the
environment. It runs until its standard input is closed, so that it never outlives the demo.
"""

import argparse
import logging
import random
import sys
import threading
from pathlib import Path

import duckdb

import duckdb_sidecar

from .workload import Parameters, statements

TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")

THINK_S = 0.02
"""Between two statements, as people look at a page: the product is busy about a third of the time."""


def load(database: Path, parquet: Path) -> None:
    """Makes the database from the generator's files, in the order that they came."""
    with duckdb.connect(str(database)) as connection:
        for table in TABLES:
            connection.execute(f"CREATE TABLE {table} AS FROM read_parquet(?)", [str(parquet / f"{table}.parquet")])


def work(database: Path, scale: float, stop: threading.Event) -> None:
    """Runs cycles of the workload in a shuffled order, each result fetched, until told to stop."""
    parameters = Parameters(scale, seed=7)
    order = random.Random(7)  # noqa: S311 - a workload, no secret
    cycle = [statement for statement in statements() for _ in range(statement.runs)]
    with duckdb.connect(str(database)) as connection:
        while not stop.is_set():
            order.shuffle(cycle)
            for statement in cycle:
                if stop.is_set():
                    break
                with duckdb_sidecar.route(statement.name.partition("_")[0]):
                    connection.execute(statement.sql, parameters.of(statement)).fetchall()
                stop.wait(THINK_S)


def _wait_for_end_of_input(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--database", type=Path, required=True)
    arguments.add_argument("--parquet", type=Path, required=True, help="folder of the generator's files")
    arguments.add_argument("--scale", type=float, required=True, help="TPC-H scale factor")
    given = arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    load(given.database, given.parquet)
    duckdb_sidecar.instrument(product="back-office")
    stop = threading.Event()
    threading.Thread(target=_wait_for_end_of_input, args=[stop], daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    work(given.database, given.scale, stop)


if __name__ == "__main__":
    main()
