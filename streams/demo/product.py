"""The demo's data product, a process of its own: a TPC-H database and a back office's workload on it.

The one line that makes it a product of the sidecar is `duckdb_sidecar.instrument(...)`; where Kafka is says the
environment. It runs until its standard input is closed, so that it never outlives the demo. What comes there, a line
of JSON each, stands for what people would do to it: deploy rewritten statements, or put it to another use.
"""

import argparse
import json
import logging
import random
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

import duckdb_sidecar
from schemas.fingerprint import fill, shape

from .workload import Parameters, Statement, statements

TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")

THINK_S = 0.02
"""Between two statements, as people look at a page: the product is busy about a third of the time."""


PARTNER = "partner.sql"
SHIFTED_RUNS = 12
"""Of each of a partner's statements in one cycle, once the workload has shifted."""


def load(database: Path, parquet: Path) -> None:
    """Makes the database from the generator's files, in the order that they came."""
    with duckdb.connect(str(database)) as connection:
        for table in TABLES:
            connection.execute(f"CREATE TABLE {table} AS FROM read_parquet(?)", [str(parquet / f"{table}.parquet")])


class Told:
    """What people have done to the product so far."""

    def __init__(self) -> None:
        self.rewrites: dict[str, str] = {}
        """Statements that were deployed, by the fingerprint of those that they replace."""
        self.partner = False
        """Whether a partner's batches are part of what it does."""
        self.shifted = False
        """Whether they are most of it now."""
        self.stop = threading.Event()

    def listen(self) -> None:
        """Until standard input is closed."""
        for line in sys.stdin:
            told = json.loads(line)
            self.rewrites = {**self.rewrites, **told.get("rewrites", {})}
            self.partner = self.partner or bool(told.get("partner"))
            self.shifted = self.shifted or bool(told.get("shift"))
        self.stop.set()


def work(database: Path, scale: float, told: Told) -> None:
    """Runs cycles of the workload in a shuffled order, each result fetched, until told to stop."""
    parameters = Parameters(scale, seed=7)
    order = random.Random(7)  # noqa: S311 - a workload, no secret
    with duckdb.connect(str(database)) as connection:
        while not told.stop.is_set():
            more = [PARTNER] if told.partner else []
            cycle = [one for one in statements(*more) for _ in range(_runs(one, shifted=told.shifted))]
            order.shuffle(cycle)
            shifted = told.shifted
            for statement in cycle:
                if told.stop.is_set() or told.shifted != shifted:
                    break
                with duckdb_sidecar.route(statement.name.partition("_")[0]):
                    _run(connection, statement.sql, parameters.of(statement), told.rewrites)
                told.stop.wait(THINK_S)


def _runs(statement: Statement, *, shifted: bool) -> int:
    if not shifted:
        return statement.runs
    return SHIFTED_RUNS if statement.name.endswith("_partner") else 0 if statement.name.startswith("customer") else 1


def _run(
    connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, object], rewrites: Mapping[str, str]
) -> None:
    text = _deployed(sql, tuple(values), rewrites) if rewrites else sql
    used = {name: value for name, value in values.items() if f"${name}" in text}
    connection.execute(text, used).fetchall()


def _deployed(sql: str, names: Sequence[str], rewrites: Mapping[str, str]) -> str:
    """The statement as it was rewritten, with the parameters and the constants that it had."""
    found = shape(sql, {name: name for name in names})
    if (text := rewrites.get(found.id)) is None:
        return sql
    of = {f"'{name}'": f"${name}" for name in names}
    return fill(text, [of.get(literal, literal) for literal in found.literals or ()])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--database", type=Path, required=True)
    arguments.add_argument("--parquet", type=Path, required=True, help="folder of the generator's files")
    arguments.add_argument("--scale", type=float, required=True, help="TPC-H scale factor")
    given = arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    load(given.database, given.parquet)
    duckdb_sidecar.instrument(product="back-office")
    told = Told()
    threading.Thread(target=told.listen, daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    work(given.database, given.scale, told)


if __name__ == "__main__":
    main()
