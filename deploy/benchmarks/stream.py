"""Events a second from the query log to committed patterns: the sidecar beside a bare loop and Quix Streams.

All three do the whole work of `observe` on the same records of the same topic of a real Kafka, each in a group of its
own. The time runs from when a fifth of the records is committed until all are, so that no start is in it; CPU is that
of the process tree over the same time, the broker's apart. Medians of three runs, the runners in turn. Stalls are those
of the first worker's event loop: how often it came late, and how often that was its own work.

    python deploy/benchmarks/stream.py [--repeats 3] [--load "1 run"]
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from machine import machine
from rich.console import Console
from rich.table import Table

from schemas.codec import Codec
from schemas.records import QueryEvent, QueryLogBatch, QueryLogEvent, QueryShape, Record
from schemas.topics import QUERY_LOG, key_of
from streams.broker import apache
from streams.topic_admin import NEEDS_GROUP, TopicAdmin

QUIX = "quixstreams==3.28.0"
QUIX_NEEDS = ("fastavro", "pydantic>=2.10", "ddsketch>=3.0.1")
PEERS = Path(__file__).resolve().with_name("stream_peers.py")
ROOT = PEERS.parents[2]
SIDECAR = "import sys; from streams import app, settings; app.run(settings.load(), 'streams')"
BARE = "bare confluent loop"
MARK = 0.2
LOOK_S = 0.05
PATIENCE_S = 300
TEXTS = 50
CODEC = Codec()


@dataclass(frozen=True)
class Load:
    """`records` of `runs` each; with `literals` every run has another text."""

    name: str
    records: int
    runs: int
    literals: bool = False


LOADS = (
    Load("500 runs a record, 50 texts", 4_000, 500),
    Load("50 runs a record, 50 texts", 24_000, 50),
    Load("100 runs a record, each another text", 3_000, 100, literals=True),
    Load("1 run a record", 100_000, 1),
    Load("900 KB a record, 45,000 runs", 480, 45_000),
)


class Stalls(NamedTuple):
    """`late` are the times that the event loop came back more than 100 ms late, `busy` those that it took so long of a
    processor itself; where it was late without, others had the processors.
    """

    late: int
    busy: int


@dataclass(frozen=True)
class Run:
    events_s: float
    cpu_us: float
    stalls: Stalls | None = None
    """In the time that is measured."""


def payloads(load: Load) -> Iterator[bytes]:
    """Not all are different: what matters is in each of them, and to make them takes longer than to read them."""
    chance = random.Random(1)
    different = load.records if load.literals else min(load.records, 50)
    made = [CODEC.encode(_record(load, chance, n)) for n in range(different)]
    for n in range(load.records):
        yield made[n % different]


def _record(load: Load, chance: random.Random, number: int) -> Record:
    def text(n: int) -> str:
        key = str(number * load.runs + n) if load.literals else "$1"
        return (
            f"SELECT region, day, sum(amount) AS total, count(*) FROM sales_{n % TEXTS} JOIN shops USING (shop_id) "
            f"WHERE shop_id = {key} AND day BETWEEN $2 AND $3 GROUP BY region, day ORDER BY total DESC LIMIT 10"
        )

    envelope = {
        "product": "bench", "database": f"db-{number % 50}", "instance": "web-1", "event_id": "0" * 36,
        "time": datetime.now(UTC), "catalog_hash": "0" * 64,
    }  # fmt: skip
    if load.runs == 1:
        return QueryLogEvent(**envelope, statement=text(number), latency_us=1234, rows=10)
    texts = load.runs if load.literals else TEXTS
    return QueryLogBatch(
        **envelope,
        duckdb_version="2.0.0",
        dropped=0,
        shapes=[QueryShape(fingerprint=f"1-{n:032x}", statement=text(n), kind="select") for n in range(texts)],
        events=[
            QueryEvent(
                shape=n if load.literals else chance.randrange(texts),
                offset_us=n * 100,
                latency_us=round(chance.lognormvariate(8, 1)),
                rows=chance.randrange(1000),
                route="/dashboard" if n % 2 else None,
            )
            for n in range(load.runs)
        ],
    )


class Bench:
    def __init__(self, servers: str, folder: Path, quix: Path | str) -> None:
        self.servers = servers
        self.folder = folder
        self.quix = quix
        """The Python that has Quix Streams, or why there is none."""
        self.number = 0

    def fill(self, load: Load, prefix: str) -> str:
        """Returns the id of the query log's topic."""
        admin = TopicAdmin({"bootstrap.servers": self.servers}, prefix, prefix)
        admin.create()
        producer = Producer({"bootstrap.servers": self.servers, "linger.ms": 50, "message.max.bytes": 2_000_000})
        for n, payload in enumerate(payloads(load)):
            partition = n % QUERY_LOG.partitions
            while True:
                try:
                    producer.produce(prefix + QUERY_LOG.name, payload, key_of("bench", "db"), partition=partition)
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.flush()
        return admin.topic_ids([prefix + QUERY_LOG.name])[prefix + QUERY_LOG.name]

    def peer(self, python: Path | str, name: str, load: Load, prefix: str, topic_id: str) -> Run:
        group = self._group()
        command = [str(python), str(PEERS), name, self.servers, prefix, group, topic_id]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return self._watched([(command, environment)], load, prefix, group)

    def sidecar(self, workers: int, load: Load, prefix: str) -> Run:
        group = self._group()
        processes = []
        for worker in range(workers):
            settings = {
                "BOOTSTRAP_SERVERS": self.servers,
                "TOPIC_PREFIX": prefix,
                "GROUP_PREFIX": group,
                "DATA_FOLDER": str(self.folder / f"data-{worker}"),
                "HTTP_PORT": str(18400 + worker),
                "LOG_LEVEL": "warning",
            }
            environment = {**os.environ, **{f"SIDECAR_{name}": value for name, value in settings.items()}}
            processes.append(([sys.executable, "-c", SIDECAR], environment))
        return self._watched(processes, load, prefix, group + NEEDS_GROUP["streams"], self._stalls)

    def _group(self) -> str:
        self.number += 1
        return f"bench-{self.number}."

    def _stalls(self) -> Stalls:
        """Since the first worker's start."""
        with urllib.request.urlopen("http://127.0.0.1:18400/metrics") as answer:
            figures = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[0] != "#")

        def over(name: str) -> int:
            return round(float(figures[f"{name}_count"]) - float(figures[f'{name}_bucket{{le="0.1"}}']))

        return Stalls(over("sidecar_event_loop_stall_seconds"), over("sidecar_event_loop_busy_seconds"))

    def _watched(
        self,
        commands: list[tuple[list[str], dict[str, str]]],
        load: Load,
        prefix: str,
        group: str,
        stalls: Callable[[], Stalls] | None = None,
    ) -> Run:
        places = [TopicPartition(prefix + QUERY_LOG.name, partition) for partition in range(QUERY_LOG.partitions)]
        asking = Consumer({"bootstrap.servers": self.servers, "group.id": group})
        with ExitStack() as stack, (self.folder / "worker.log").open("w+b") as log:
            processes = []
            for command, environment in commands:
                # Quix Streams makes a folder for its state where it is started
                process = subprocess.Popen(command, env=environment, cwd=self.folder, stdout=log, stderr=log)
                stack.callback(process.wait)
                stack.callback(process.send_signal, signal.SIGTERM)
                processes.append(process)
            mark: tuple[float, float, int] | None = None
            before = Stalls(0, 0)
            deadline = time.monotonic() + PATIENCE_S
            while True:
                try:
                    done = sum(max(0, place.offset) for place in asking.committed(places, 30))
                except KafkaException:  # a broker that has just started knows nothing of groups for a moment
                    done = 0
                now = (time.perf_counter(), sum(_cpu_s(process.pid) for process in processes), done)
                if mark is None and done >= MARK * load.records:
                    mark = now
                    before = stalls() if stalls else before
                if done == load.records:
                    break
                if time.monotonic() > deadline or any(process.poll() is not None for process in processes):
                    log.seek(0)
                    raise SystemExit(f"{commands[0][0]} got stuck at {done}:\n{log.read()[-3000:].decode()}")
                time.sleep(LOOK_S)
            assert mark is not None
            asking.close()
            stalled = Stalls(*(after - then for after, then in zip(stalls(), before, strict=True))) if stalls else None
        if mark == now:
            raise SystemExit(
                f"{load.name}: all was committed at once, which leaves nothing to time: give it more records"
            )
        events = (now[2] - mark[2]) * load.runs
        return Run(events / (now[0] - mark[0]), (now[1] - mark[1]) / events * 1e6, stalled)


def _cpu_s(pid: int) -> float:
    tree = [psutil.Process(pid)]
    tree += tree[0].children(recursive=True)
    return sum(times.user + times.system for times in (process.cpu_times() for process in tree))


def quix_python(folder: Path) -> Path | str:
    """Its pins and ours contradict each other, so it has an environment of its own."""
    uv = Path(sys.executable).with_name("uv")
    environment = folder / "quix"
    python = environment / "bin" / "python"
    for command in (
        [str(uv), "venv", "--quiet", "--python", sys.executable, str(environment)],
        [str(uv), "pip", "install", "--quiet", "--python", str(python), QUIX, *QUIX_NEEDS],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            return made.stderr.strip().splitlines()[-1]
    return python


def runners(bench: Bench, load: Load, prefix: str, topic_id: str) -> Iterator[tuple[str, Callable[[], Run]]]:
    yield BARE, partial(bench.peer, sys.executable, "bare", load, prefix, topic_id)
    if isinstance(bench.quix, Path):
        yield "Quix Streams 3.28", partial(bench.peer, bench.quix, "quix", load, prefix, topic_id)
    for workers in (1, 2, 4):
        yield f"sidecar, {workers} worker{'s' * (workers > 1)}", partial(bench.sidecar, workers, load, prefix)


def table(load: Load, runs: dict[str, list[Run]]) -> Table:
    made = Table(title=load.name, title_justify="left")
    for column in ("", "events/s", "of the bare loop", "CPU us an event", "late by 100 ms", "busy for 100 ms"):
        made.add_column(column, justify="left" if not column else "right")
    bare = statistics.median(run.events_s for run in runs[BARE])
    for name, measured in runs.items():
        events_s = statistics.median(run.events_s for run in measured)
        cpu_us = statistics.median(run.cpu_us for run in measured)
        stalls = [run.stalls for run in measured if run.stalls is not None]
        made.add_row(
            name,
            f"{events_s:,.0f}",
            f"{events_s / bare:.2f}",
            f"{cpu_us:.1f}",
            *(map(str, map(sum, zip(*stalls, strict=True))) if stalls else ("", "")),
        )
    return made


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--load", default="", help="only loads whose name holds this")
    given = arguments.parse_args()
    repeats = given.repeats
    console = Console(width=120, highlight=False)
    console.print(f"{machine()}, Apache Kafka {apache.VERSION} on the same machine, median of {repeats}, stalls of all")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with apache.start(folder / "kafka", progress=console.print) as broker:
            bench = Bench(broker.bootstrap_servers, folder, quix_python(folder))
            if not isinstance(bench.quix, Path):
                console.print(f"without Quix Streams, which cannot be had here: {bench.quix}")
            for number, load in enumerate(load for load in LOADS if given.load in load.name):
                prefix = f"bench-{number}."
                topic_id = bench.fill(load, prefix)
                runs: dict[str, list[Run]] = {}
                for _ in range(repeats):
                    for name, run in runners(bench, load, prefix, topic_id):
                        runs.setdefault(name, []).append(run())
                console.print(table(load, runs))


if __name__ == "__main__":
    main()
