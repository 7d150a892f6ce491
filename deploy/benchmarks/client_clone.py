"""How slow a product is while it is cloned: the second half of `client.py`.

The product serves the demo's pages and writes, with the demo's pause between two statements, but without the nightly
report. The client's own functions clone all of its tables meanwhile, at their pace and with their default settings.
Three times in turn: two cycles of the workload without a clone, then as much of the same cycle as a clone takes. Both
the second cycle and what ran during the clone are set against the same calls of the first cycle.
"""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import duckdb
from rich.console import Console
from rich.table import Table

import duckdb_sidecar
from duckdb_sidecar.client.catalog import place_of
from duckdb_sidecar.client.clone import hindrance, make_clone, plan_clone
from duckdb_sidecar.client.live import LiveDatabase
from duckdb_sidecar.client.pace import Pace
from duckdb_sidecar.client.settings import ClientSettings
from duckdb_sidecar.client.sink import Batch
from duckdb_sidecar.client.slowness import Slowness
from duckdb_sidecar.errors import CloneError
from streams.demo.product import TABLES, THINK_S
from streams.demo.run import SCALE
from streams.demo.workload import Parameters, statements

REPEATS = 3
WARM_CYCLES = 2
WRITES = ("INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Call:
    text: str
    parameters: dict[str, object]
    ns: int

    @property
    def writes(self) -> bool:
        return self.text.startswith(WRITES)


class Hearing:
    """Tells how slow the product is, as the query log's sink does where there is Kafka."""

    def __init__(self, slowness: Slowness) -> None:
        self._slowness = slowness

    def write(self, batch: Batch) -> None:
        for event in batch.events:
            self._slowness.add(event)

    def flush(self, timeout: float) -> None: ...

    def close(self) -> None: ...


class Clone(Thread):
    """`said` is how it ended."""

    def __init__(self, database: Path, file: Path, slowness: Slowness) -> None:
        super().__init__(daemon=True)
        self._live, self._file, self._slowness = LiveDatabase(str(database)), file, slowness
        self.said = ""
        self.highest = 1.0
        """Of the product's slowness, as the client saw it after each step."""

    def run(self) -> None:
        settings = ClientSettings()
        pace = Pace(settings, self._file.parent, self._slowness, Event(), self._wanted)
        try:
            with self._live.connection() as connection:
                plan = plan_clone(connection, place_of(connection), TABLES, [], settings.clone_bytes)
                if (problem := hindrance(connection, plan, settings.clone_bytes)) is not None:
                    raise CloneError(problem)
                self._slowness.watch()
                made = make_clone(connection, plan, self._file, pace)
            self.said = f"{made.kind}, {made.rows:,} rows, {made.bytes / 1e6:.0f} MB in {made.seconds:.1f} s"
        except CloneError as error:
            self.said = f"gave way after {pace.seconds:.1f} s: {error}"
        finally:
            self._slowness.unwatch()
            self._file.unlink(missing_ok=True)

    def _wanted(self) -> bool:
        self.highest = max(self.highest, self._slowness.ratio)
        return bool(self._live.is_open())


class Product:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        pages = [one for one in statements() if not one.name.startswith("tpch")]
        self._cycle = [statement for statement in pages for _ in range(statement.runs)]

    def cycle(self, number: int, go_on: Callable[[], bool] = lambda: True) -> list[Call]:
        """Of the same number always the same calls, as long as `go_on`."""
        parameters = Parameters(SCALE, seed=number)
        calls = []
        for statement in random.Random(number).sample(self._cycle, len(self._cycle)):
            values = parameters.of(statement)
            begun = time.perf_counter_ns()
            with duckdb_sidecar.route(statement.name.partition("_")[0]):
                self._connection.execute(statement.sql, values).fetchall()
            calls.append(Call(statement.sql, values, time.perf_counter_ns() - begun))
            time.sleep(THINK_S)
            if not go_on():
                break
        return calls


def quantile(values: Sequence[float], q: float) -> float:
    ascending = sorted(values)
    return ascending[min(len(ascending) - 1, int(q * len(ascending)))]


def row(name: str, calls: Sequence[tuple[int, int]]) -> list[str]:
    """`calls` are pairs of the same call with its fellow of the first cycle."""
    times = [mine for mine, _ in calls]
    shares = [mine / first for mine, first in calls]
    return [
        name,
        f"{len(calls):,}",
        *(f"{quantile(times, q) / 1e6:.2f} ms" for q in (0.5, 0.9, 0.99)),
        f"{statistics.median(shares):.2f}",
        f"{quantile(times, 0.99) / quantile([first for _, first in calls], 0.99):.2f}",
    ]


def table(during: Sequence[tuple[str, list[Call], list[Call]]]) -> Table:
    """Of phases with their calls and the same calls of the first cycle."""
    made = Table(title="the product while it is cloned", title_justify="left")
    for column in ("", "calls", "p50", "p90", "p99", "median to the first cycle's", "p99 to the first cycle's"):
        made.add_column(column, justify="left" if not column else "right")
    names = list(dict.fromkeys(name for name, _, _ in during))
    for writes, kind in ((False, "reads"), (True, "writes")):
        for name in names:
            pairs = [
                (mine.ns, first.ns)
                for phase, calls, base in during
                if phase == name
                for mine, first in zip(calls, base, strict=False)
                if mine.writes == writes
            ]
            if pairs:
                made.add_row(*row(f"{kind}, {name}", pairs))
    return made


def show(database: Path, folder: Path, console: Console) -> None:
    slowness = Slowness()
    during: list[tuple[str, list[Call], list[Call]]] = []
    said: list[str] = []
    duckdb_sidecar.instrument(product="bench", database=database, sink=lambda: Hearing(slowness))
    try:
        with duckdb.connect(database) as connection:
            product = Product(connection)
            for number in range(WARM_CYCLES):
                product.cycle(number)
            for number in range(WARM_CYCLES, WARM_CYCLES + REPEATS):
                first, again = product.cycle(number), product.cycle(number)
                clone = Clone(database, folder / "clone.duckdb", slowness)
                clone.start()
                cloned: list[Call] = []
                while clone.is_alive():
                    cloned += product.cycle(number, clone.is_alive)
                clone.join()
                said.append(f"clone {len(said) + 1}: {clone.said}; the client saw at most {clone.highest:.2f}")
                during += [("first cycle", first, first), ("again", again, first)]
                for start in range(0, len(cloned), len(first)):
                    during.append(("while it is cloned", cloned[start : start + len(first)], first))
    finally:
        duckdb_sidecar.uninstrument()
    console.print(table(during))
    for line in said:
        console.print(line)
