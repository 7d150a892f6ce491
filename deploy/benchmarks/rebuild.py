"""How a product fares while a table of it is rebuilt: its readers and writers before, during and after a clustering.

One process, as a product is: readers and writers on connections that the client has wrapped, and the executor beside
them as an order has it. The peer is what a team does without us, an `ALTER TABLE ... SET DATA TYPE` by hand: it has no
gate, so writers fail. Latencies are from the call to the last row; a writer that is held back counts as slow, one that
fails as a conflict.

    python deploy/benchmarks/rebuild.py [--rows 10000000]
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from machine import machine
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import schemas
from schemas.actions import Cluster, SortKey
from schemas.client import writers
from schemas.client.databases import place_of
from schemas.client.live import LiveDatabase
from tests.operating import Shop

READ = "SELECT count(*), sum(amount) FROM visits WHERE day BETWEEN DATE '2021-03-01' AND DATE '2021-03-07'"
BY_DAY = Cluster(table="visits", keys=[SortKey(column="day")])
READERS, WRITERS = 1, 1
BETWEEN_S = 0.02


@dataclass
class Seen:
    """Milliseconds of each call, in a phase."""

    reads: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)
    conflicts: int = 0


class Load:
    """Readers and writers that never stop, and what they see in the phase that is now."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.seen = Seen()
        self.written = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=[connection.cursor()]) for _ in range(READERS)]
        self._threads += [threading.Thread(target=self._write, args=[connection.cursor()]) for _ in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def phase(self) -> Seen:
        """A new one."""
        self.seen = Seen()
        return self.seen

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _read(self, cursor: duckdb.DuckDBPyConnection) -> None:
        while not self._stop.wait(BETWEEN_S):
            seen, begun = self.seen, time.perf_counter()
            cursor.execute(READ).fetchall()
            seen.reads.append((time.perf_counter() - begun) * 1000)

    def _write(self, cursor: duckdb.DuckDBPyConnection) -> None:
        while not self._stop.wait(BETWEEN_S):
            seen, begun = self.seen, time.perf_counter()
            try:
                cursor.execute("INSERT INTO visits VALUES (-1, DATE '2021-12-31', 'p', 1)")
            except duckdb.Error:
                seen.conflicts += 1
            else:
                self.written += 1
                seen.writes.append((time.perf_counter() - begun) * 1000)


def rounds(shop: Shop, rows: int) -> list[tuple[str, float, Seen, str]]:
    order = shop.order(BY_DAY, most_s=600)
    held: list[Any] = []

    @contextmanager
    def gate(most_s: float) -> Any:
        with writers.shut(place_of(shop.file), 10, most_s) as one:
            held.append(one)
            yield

    load = Load(shop.connection)
    found: list[tuple[str, float, Seen, str]] = []

    def during(name: str, work: Callable[[], str]) -> None:
        seen, begun = load.phase(), time.monotonic()
        said = work()
        seconds = time.monotonic() - begun
        load.phase()
        found.append((name, seconds, seen, said))

    def idle() -> str:
        time.sleep(10)
        return ""

    def by_hand() -> str:
        try:
            with shop.connection.cursor() as cursor:
                cursor.execute("ALTER TABLE visits ALTER COLUMN id SET DATA TYPE INTEGER")
        except duckdb.Error as error:
            return type(error).__name__
        return "done"

    def rebuild() -> str:
        result = shop.executor(gate=gate, live=LiveDatabase(place_of(shop.file))).carry_out(order)
        assert result.state == "done", result
        return f"{result.state}, {held[-1].waiting} held, {held[-1].waited_s * 1000:.0f} ms at most"

    try:
        during("before", idle)
        during("clustered", rebuild)
        during("after it", idle)
        during("peer: ALTER by hand", by_hand)
    finally:
        load.stop()
    [(count,)] = shop.connection.execute("SELECT count(*) FROM visits").fetchall()
    assert count == rows + load.written, "a row was lost"
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=10_000_000)
    given = arguments.parse_args()
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as folder:
        schemas.instrument("bench", database=Path(folder) / "shop.duckdb", sink=Path(folder) / "log.jsonl")
        shop = Shop(Path(folder))
        shop.connection.execute(
            "CREATE TABLE visits AS SELECT range AS id, DATE '2021-01-01' + (range * 7919 % 365)::INTEGER AS day, "
            f"'p' || range % 1000 AS page, range % 100 AS amount FROM range({given.rows})"
        )
        console.print(f"{machine()}, {given.rows:,} rows, {READERS} reader and {WRITERS} writer, each {BETWEEN_S} s")
        shown = Table()
        for column in ("", "s", "reads", "p50 ms", "p99 ms", "writes", "p50 ms", "p99 ms", "failed", "outcome"):
            shown.add_column(column, justify="left" if column in ("", "outcome") else "right")
        for name, seconds, seen, said in rounds(shop, given.rows):
            shown.add_row(name, f"{seconds:.1f}", *_of(seen.reads), *_of(seen.writes), str(seen.conflicts), said)
        console.print(shown)
        shop.connection.close()
        schemas.uninstrument()


def _of(values: list[float]) -> tuple[str, str, str]:
    if not values:
        return "0", "", ""
    ranked = sorted(values)
    return str(len(values)), f"{statistics.median(values):.1f}", f"{ranked[int(len(ranked) * 0.99)]:.1f}"


if __name__ == "__main__":
    main()
