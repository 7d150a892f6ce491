"""Rows a second into the knowledge file, beside a bare loop; and the time from one event to its commit.

A row is one pattern of a record of `patterns`: the runs of one query shape in one hour under one catalog, here ten of
them. To apply it is to merge it into its rows of `pattern_hours`, `patterns` and `observed_patterns`. A batch is what
one transaction applies: rows, sources, databases and the offsets of the inputs, by `store.projection.apply` as the
control process does, from the records' bytes to the return of COMMIT. Opening the file is not in it.

The bare loop, in `storing_peer.py`, does the least that lasts as well: fastavro, an Arrow table, one upsert of sums by
key, one of the offsets, COMMIT. It merges no sketch of the latencies, checks nothing, and counts repeats.

The latency is that of one record of one pattern on a real Kafka: from the call of the producer to the return of
COMMIT in the control process, which says when that was. Alone means after a pause; in a steady flow the control
process gathers for a quarter of a second by design.

    python deploy/benchmarks/storing.py [--repeats 3] [--events 200]
"""

import argparse
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import storing_peer
from confluent_kafka import Producer
from machine import machine
from rich.console import Console
from rich.table import Table

from schemas.codec import Codec
from schemas.records import NAMESPACE, PatternBatch
from schemas.topics import PATTERNS, key_of
from store import inputs, projection
from store.inputs import Log
from store.knowledge import KnowledgeFile
from store.projection import INPUTS, Arrived
from store.sketch import sketch
from streams import log
from streams.broker import apache
from streams.control import Control, ControlSettings
from streams.topic_admin import TopicAdmin

CODEC = Codec()
ROWS = 100_000
SIZES = (500, 5_000, 25_000)
"""Rows in a batch. In a steady flow the control process gathers 500 records, of 50 patterns the last of these."""
RUNS = 10
DATABASES = 8
SKETCHES = 500
HOUR_US = 3_600_000_000
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
PRODUCT = "bench"
SIDECAR, BARE = "store.projection", "bare loop"
PATIENCE_S = 60
LOOK_S = 0.001
PAUSES_S = (0.3, 0.6)
FLOW_S = 0.05
GOALS = "goals: 50,000 rows/s at a batch of 5000; p50 of a lone event at most 30 ms"


@dataclass(frozen=True)
class Load:
    """`shapes` of each of the databases, in records of so many patterns."""

    name: str
    shapes: int
    patterns: int


LOADS = (
    Load("few shapes: 50 in each of 8 databases, records of 50 patterns", 50, 50),
    Load("many shapes: 5,000 in each of 8 databases, records of 50 patterns", 5_000, 50),
    Load("few shapes, records of one pattern", 50, 1),
)


def arrivals(load: Load) -> list[Arrived]:
    """As observe would have sent them: each from a record of the query log of its own."""
    chance = random.Random(1)
    sketches = []
    for _ in range(SKETCHES):
        latencies = [round(chance.lognormvariate(8, 1)) for _ in range(RUNS)]
        sketches.append((sum(latencies), sketch(latencies).model_dump()))
    offsets = [0] * PATTERNS.partitions
    made = []
    for _ in range(ROWS // load.patterns):
        number = chance.randrange(DATABASES)
        partition = number % PATTERNS.partitions
        shapes = chance.sample(range(load.shapes), load.patterns)
        value = _record(f"db-{number}", partition, offsets[partition], shapes, chance.choices(sketches, k=len(shapes)))
        made.append(Arrived(PATTERNS.name, partition, offsets[partition], value, NOW))
        offsets[partition] += 1
    return made


def _record(
    database: str, partition: int, offset: int, shapes: Sequence[int], latencies: Sequence[tuple[int, object]]
) -> bytes:
    values = {
        "product": PRODUCT, "database": database, "instance": "web-1", "event_id": f"{partition}-{offset}",
        "time": NOW_US, "schema_version": 1, "readable": True, "dropped": 0,
        "source": {"topic": "query-log", "topic_id": "query-log", "partition": partition, "offset": offset},
        "patterns": [
            {
                "fingerprint": f"1-{shape:032x}",
                "statement": f"SELECT region, sum(amount) FROM sales_{shape} WHERE shop_id = $1 GROUP BY region",
                "kind": "select", "hour": NOW_US - NOW_US % HOUR_US, "catalog_hash": "0" * 64, "count": RUNS,
                "errors": 0, "rows": 100, "latency_us": total, "latency": latency, "first_seen": NOW_US,
                "last_seen": NOW_US + offset, "routes": {"/dashboard": RUNS} if shape % 2 else {}, "sampled": 0,
                "rows_scanned": 0, "row_groups_scanned": 0, "row_groups_total": 0, "cpu_us": 0,
                "peak_memory_bytes": 0, "exemplars": [],
            }
            for shape, (total, latency) in zip(shapes, latencies, strict=True)
        ],
    }  # fmt: skip
    return CODEC.encode_values(f"{NAMESPACE}.{PatternBatch.__name__}", values)


def batches(arrived: Sequence[Arrived], load: Load, size: int) -> Iterator[Sequence[Arrived]]:
    step = size // load.patterns
    return (arrived[at : at + step] for at in range(0, len(arrived), step))


def by_projection(path: Path, batched: Iterable[Sequence[Arrived]]) -> tuple[float, int]:
    """The seconds that it took, and the runs that are in the file then."""
    logs = {
        (topic.name, partition): Log(topic.name, 0, 2**40) for topic in INPUTS for partition in range(topic.partitions)
    }
    with closing(KnowledgeFile(path)) as file:
        with file.transaction() as tx:
            inputs.check(tx, "bench", logs, None)
        begun = time.perf_counter()
        for batch in batched:
            with file.transaction() as tx:
                applied = projection.apply(tx, CODEC, batch)
            assert not applied.refused
        took = time.perf_counter() - begun
        with file.reading() as tx:
            (runs,) = tx.execute("SELECT sum(runs)::BIGINT FROM pattern_hours").fetchall()[0]
    return took, runs


RUNNERS = {BARE: storing_peer.applied, SIDECAR: by_projection}


def rates(load: Load, repeats: int, folder: Path) -> Table:
    made = Table(title=load.name, title_justify="left")
    for column in ("", "rows in a batch", "rows/s", "of the bare loop"):
        made.add_column(column, justify="left" if not column else "right")
    arrived = arrivals(load)
    for name, runner in RUNNERS.items():  # the first one brings libraries into memory
        runner(folder / f"{load.patterns}-{load.shapes}-{name[:4]}.duckdb", [arrived[:1]])
    for size in SIZES:
        found: dict[str, list[float]] = {name: [] for name in RUNNERS}
        for _ in range(repeats):
            for name, runner in RUNNERS.items():
                with tempfile.TemporaryDirectory(dir=folder) as own:
                    took, runs = runner(Path(own) / "file.duckdb", batches(arrived, load, size))
                assert runs == ROWS * RUNS
                found[name].append(ROWS / took)
        medians = {name: statistics.median(figures) for name, figures in found.items()}
        for name, rows_s in medians.items():
            made.add_row(name, f"{size:,}", f"{rows_s:,.0f}", f"{rows_s / medians[BARE]:.2f}")
    return made


class Latency:
    """The control process at work in a thread, and one producer."""

    def __init__(self, servers: str, folder: Path, stack: ExitStack) -> None:
        kafka = {"bootstrap.servers": servers}
        TopicAdmin(kafka, "", "").create()
        self._control = Control(ControlSettings(folder / "latency.duckdb", kafka), CODEC)
        self._producer = Producer({**kafka, "linger.ms": 0})
        self._sent: list[datetime] = []
        self._latencies: list[timedelta] = []
        self._seen: datetime | None = None
        stop = threading.Event()
        thread = threading.Thread(target=self._control.run, args=[stop])
        thread.start()
        stack.callback(thread.join)
        stack.callback(stop.set)
        stack.callback(self._producer.flush)
        self._until(lambda: not self._control.health.problem)

    def alone(self, events: int) -> list[timedelta]:
        """Each after a pause, the one before being committed."""
        chance = random.Random(1)
        for _ in range(events):
            time.sleep(chance.uniform(*PAUSES_S))
            self._send()
            self._until(lambda: self._taken() == len(self._sent))
        return self._latencies[-events:]

    def flowing(self, events: int) -> list[timedelta]:
        for _ in range(events):
            self._send()
            late = time.monotonic() + FLOW_S
            while time.monotonic() < late:
                self._taken()
                time.sleep(LOOK_S)
        self._until(lambda: self._taken() == len(self._sent))
        return self._latencies[-events:]

    def _send(self) -> None:
        offset = len(self._sent)
        value = _record("db", 0, offset, [offset % 50], [(RUNS, sketch([1] * RUNS).model_dump())])
        self._sent.append(datetime.now(UTC))
        self._producer.produce(PATTERNS.name, value, key_of(PRODUCT, "db"), partition=0)
        self._producer.poll(0)

    def _taken(self) -> int:
        """How many are committed. When each was: at the newest commit, if it was not before."""
        while (at := self._control.health.last_commit) != self._seen and at is not None:
            with self._control.reading() as tx:
                reached = inputs.positions(tx)[PATTERNS.name, 0]
            if at == self._control.health.last_commit:  # else the position may be a later commit's
                self._latencies += [at - sent for sent in self._sent[len(self._latencies) : reached]]
                self._seen = at
        return len(self._latencies)

    def _until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not reached():
            if time.monotonic() > deadline:
                raise SystemExit(f"the control process got stuck: {self._control.health}")
            time.sleep(LOOK_S)


def latencies(servers: str, folder: Path, events: int) -> Table:
    made = Table(title="one event to its commit", title_justify="left")
    for column in ("", "events", "p50", "p99", "most"):
        made.add_column(column, justify="left" if not column else "right")
    with ExitStack() as stack:
        latency = Latency(servers, folder, stack)
        latency.alone(10)  # the first ones bring tables and metadata into memory
        for name, found in (
            ("alone", latency.alone(events)),
            (f"in a flow, one every {FLOW_S * 1000:.0f} ms", latency.flowing(events)),
        ):
            ms = sorted(one / timedelta(milliseconds=1) for one in found)
            cuts = statistics.quantiles(ms, n=100, method="inclusive")
            made.add_row(name, f"{len(ms)}", f"{cuts[49]:.1f} ms", f"{cuts[98]:.1f} ms", f"{ms[-1]:.1f} ms")
    return made


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--events", type=int, default=200)
    given = arguments.parse_args()
    log.set_up("error", "console", [])
    console = Console(width=120, highlight=False)
    console.print(
        f"{machine()}, DuckDB {duckdb.__version__}, Apache Kafka "
        f"{apache.VERSION} on the same machine, {ROWS:,} rows a run, median of {given.repeats}; {GOALS}"
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for load in LOADS:
            console.print(rates(load, given.repeats, folder))
        with apache.start(folder / "kafka", progress=console.print) as broker:
            console.print(latencies(broker.bootstrap_servers, folder, given.events))


if __name__ == "__main__":
    main()
