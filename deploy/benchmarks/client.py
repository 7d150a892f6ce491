"""What the client costs the product it is attached to, and how slow the product is while it is cloned.

Each round runs the same calls three times on one connection: without the client, again without it, and with it, in an
order drawn anew for each turn; a turn is a few calls of the demo's workload or a second of point queries, so that
what else the machine does meets all three alike. Between turns DuckDB's own methods are put back or ours put in, as
`uninstrument` and `instrument` do, while the client's threads live on with what they have learned. Both "again
without" and "with" are set against the first "without", so that the one shows what the other means; the figures are
medians over the rounds, with 95 % intervals from resampling them.

The calls follow each other without a pause. Processor time is that of the whole process, DuckDB's and the client's
threads with it, until the sink has all runs; in a turn of point queries those threads work beside the calls, in the
short turns of the demo's workload mostly after them.

    python deploy/benchmarks/client.py [--rounds 8]
"""

import argparse
import gc
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import client_clone
import duckdb
from machine import machine
from rich.console import Console
from rich.table import Table

import duckdb_sidecar
from duckdb_sidecar.client.instrument import _patches
from duckdb_sidecar.client.recorder import PROFILES
from schemas.errors import BrokerError, PartsMissing
from streams.broker import apache
from streams.demo.product import load
from streams.demo.run import SCALE, generate
from streams.demo.workload import Parameters, statements
from streams.topic_admin import TopicAdmin

ROUNDS = 8
ITEMS = 10_000
ITEM = f"""
CREATE TABLE item (id BIGINT PRIMARY KEY, name VARCHAR, price DOUBLE);
INSERT INTO item SELECT range, 'item ' || range, range * 0.1 FROM range({ITEMS})
"""
POINTS = 2_000
TURN = 25
POINT = "SELECT id, name, price FROM item WHERE id = ?"
WARM_CALLS = 300
SETTLED_SHARE = 0.05
PATIENCE_S = 20
IDLE_S = 3.0
LEAVING_S = 2.0
RESAMPLES = 2_000

MEDIAN, P99, MEAN, CPU = "median of a call", "99th percentile", "mean of a call", "processor time a call"


@dataclass(frozen=True)
class Call:
    text: str
    parameters: Any
    route: str | None = None


Calls = Sequence[Call]


@dataclass(frozen=True)
class Pass:
    ns: list[int]
    """Of each call, until its last row is fetched."""
    cpu_ns: int


@dataclass(frozen=True)
class Round:
    off: Pass
    again: Pass
    on: Pass


@dataclass(frozen=True)
class Workload:
    name: str
    goal: str
    calls: Callable[[int], Calls]
    """Those of a round, by its number."""
    learning: int
    """Passes after which the client has learned what it will."""
    turn: int
    """So many calls in a row, before the next of the three has its turn with the same."""
    warm: int
    """So many of them are run before, and not timed."""


def demo() -> Workload:
    cycle = [statement for statement in statements() for _ in range(statement.runs)]

    @cache
    def calls(number: int) -> Calls:
        parameters = Parameters(SCALE, seed=number)
        order = random.Random(number).sample(cycle, len(cycle))
        return [Call(one.sql, parameters.of(one), one.name.partition("_")[0]) for one in order]

    return Workload("the demo's workload", "median and mean below 1.01", calls, PROFILES + 2, TURN, 0)


def points() -> Workload:
    @cache
    def calls(number: int) -> Calls:
        chance = random.Random(number)
        return [Call(POINT, [chance.randrange(ITEMS)]) for _ in range(POINTS)]

    return Workload("point queries", "median below 20 us more", calls, 1, POINTS, WARM_CALLS)


def timed(connection: duckdb.DuckDBPyConnection, calls: Calls, on: bool) -> Pass:
    clock, label, ns = time.perf_counter_ns, duckdb_sidecar.route, []
    gc.collect()
    cpu = time.process_time_ns()
    for call in calls:
        begun = clock()
        if on and call.route:
            with label(call.route):
                connection.execute(call.text, call.parameters).fetchall()
        else:
            connection.execute(call.text, call.parameters).fetchall()
        ns.append(clock() - begun)
    if on:
        assert duckdb_sidecar.flush(PATIENCE_S)
    return Pass(ns, time.process_time_ns() - cpu)


@contextmanager
def attached(sink: dict[str, Any]) -> Iterator[None]:
    duckdb_sidecar.instrument(product="bench", **sink)
    try:
        yield
    finally:
        duckdb_sidecar.uninstrument()


def switch(on: bool) -> None:
    _patches.remove()
    if on:
        _patches.install()


def settle(connection: duckdb.DuckDBPyConnection, workload: Workload) -> None:
    """Until the client knows what it knows of a product that runs for long, and has told of its catalog.

    So it profiles slow statements on a sample alone, where it did each of the first times.
    """
    switch(True)
    for number in range(-workload.learning, 0):
        timed(connection, workload.calls(number), True)
    deadline = time.monotonic() + PATIENCE_S
    while idle(1.0) > SETTLED_SHARE and time.monotonic() < deadline:
        pass


def idle(seconds: float) -> float:
    """The share of a processor that the process takes while nothing is asked of it."""
    cpu = time.process_time()
    time.sleep(seconds)
    return (time.process_time() - cpu) / seconds


def rounds(connection: duckdb.DuckDBPyConnection, workload: Workload, count: int) -> list[Round]:
    chance, made = random.Random(1), []
    for number in range(count):
        calls = workload.calls(number)
        turns: dict[str, list[Pass]] = {"off": [], "again": [], "on": []}
        for start in range(0, len(calls), workload.turn):
            turn = calls[start : start + workload.turn]
            for name in chance.sample(list(turns), len(turns)):
                switch(name == "on")
                timed(connection, turn[: workload.warm], name == "on")
                turns[name].append(timed(connection, turn, name == "on"))
        made.append(Round(**{name: joined(passes) for name, passes in turns.items()}))
    return made


def joined(passes: Sequence[Pass]) -> Pass:
    return Pass([ns for one in passes for ns in one.ns], sum(one.cpu_ns for one in passes))


def compared(one: Pass, base: Pass) -> dict[str, tuple[float, float]]:
    """Ratio and microseconds more; the median is over pairs of the same call."""
    pairs = list(zip(one.ns, base.ns, strict=True))

    def of(mine: float, theirs: float) -> tuple[float, float]:
        return mine / theirs, (mine - theirs) / 1000

    return {
        MEDIAN: (statistics.median(a / b for a, b in pairs), statistics.median(a - b for a, b in pairs) / 1000),
        P99: of(client_clone.quantile(one.ns, 0.99), client_clone.quantile(base.ns, 0.99)),
        MEAN: of(statistics.fmean(one.ns), statistics.fmean(base.ns)),
        CPU: of(one.cpu_ns / len(pairs), base.cpu_ns / len(pairs)),
    }


def absolute(one: Pass) -> dict[str, float]:
    return {
        MEDIAN: statistics.median(one.ns),
        P99: client_clone.quantile(one.ns, 0.99),
        MEAN: statistics.fmean(one.ns),
        CPU: one.cpu_ns / len(one.ns),
    }


def with_interval(values: Sequence[float], form: str) -> str:
    chance = random.Random(1)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    low, high = medians[int(0.025 * RESAMPLES)], medians[int(0.975 * RESAMPLES)]
    return f"{statistics.median(values):{form}} ({low:{form}} to {high:{form}})"


def table(workload: Workload, sink: str, measured: Sequence[Round]) -> Table:
    calls = len(measured[0].on.ns)
    title = f"{workload.name}, {sink}: {len(measured)} rounds of {calls:,} calls (goal: {workload.goal})"
    made = Table(title=title, title_justify="left")
    for column in ("", "us without", "again without, ratio", "us more", "with, ratio", "us more"):
        made.add_column(column, justify="left" if not column else "right", no_wrap=True)
    bases = [absolute(one.off) for one in measured]
    comparisons = [[compared(getattr(one, name), one.off) for one in measured] for name in ("again", "on")]
    for name in (MEDIAN, P99, MEAN, CPU):
        base = statistics.median(base[name] for base in bases) / 1000
        cells = []
        for compare in comparisons:
            cells.append(with_interval([one[name][0] for one in compare], ".3f"))
            cells.append(with_interval([one[name][1] for one in compare], "+.1f" if base < 1000 else "+,.0f"))
        made.add_row(name, f"{base:,.0f}", *cells)
    return made


def sinks(folder: Path, console: Console) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "file sink", {"sink": folder / "queries.jsonl"}
    try:
        broker = apache.start(folder / "kafka", progress=console.print)
    except (PartsMissing, BrokerError) as error:
        console.print(f"without Kafka, which cannot be had here: {error}")
        return
    with broker:
        kafka = {"bootstrap.servers": broker.bootstrap_servers}
        TopicAdmin(kafka, "", "duckdb-sidecar.").create()
        yield "Kafka sink", {"settings": {"kafka": kafka}}
        time.sleep(LEAVING_S)
        gc.collect()  # the client's connections, which would complain that the broker is gone


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    count = arguments.parse_args().rounds
    console = Console(width=150, highlight=False)
    console.print(f"{machine()}, DuckDB {duckdb.__version__}, Apache Kafka {apache.VERSION} on the same machine")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        generate(folder / "parquet")
        database = folder / "back_office.duckdb"
        load(database, folder / "parquet")
        with duckdb.connect(database) as connection:
            connection.execute(ITEM)
        for name, sink in sinks(folder, console):
            for workload in (demo(), points()):
                with attached(sink), duckdb.connect(database) as connection:
                    settle(connection, workload)
                    resting = idle(IDLE_S)
                    measured = rounds(connection, workload, count)
                    seen = duckdb_sidecar.coverage("bench")
                console.print(table(workload, name, measured))
                console.print(
                    f"{seen.runs:,} runs recorded, {seen.dropped:,} dropped; attached to a product at rest the process "
                    f"takes {resting:.2%} of a processor\n"
                )
        client_clone.show(database, folder, console)


if __name__ == "__main__":
    main()
