"""Kills each process at random under load, and asks an oracle outside what was lost, doubled, and how long it took.

A real Kafka, `sidecar run --role streams` and `--role control`, and a worker process of the streams role are killed
with SIGKILL, at moments and in an order that the seed decides, and started again at once, as a supervisor would. A
fifth of the time a second one is killed while the first is still starting. Meanwhile a producer outside writes runs
of queries and requests for analyses, and counts what Kafka acknowledges.

Rows are those runs. When all is caught up and stopped, the oracle reads the knowledge file: each shape of each
database must have exactly the acknowledged runs and microseconds, each request one answer, each analysis one message;
the journal's chain must hold, and a rebuild from the topics must give the same tables.

Seconds to resume run from the kill: of control until the new process has committed patterns, of streams and its
worker until new patterns are confirmed by Kafka, of the broker until both. Kills of two at once are not in them.

    python deploy/benchmarks/recovery.py [--kills 100] [--seed 1] [--minutes 15]
"""

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from contextlib import ExitStack, closing
from pathlib import Path
from types import FrameType

import recovery_oracle as oracle
from confluent_kafka import Consumer, TopicPartition
from machine import machine
from recovery_role import GROUP, PATIENCE_S, Role, free_port
from rich.console import Console
from rich.table import Table

from schemas.codec import Codec
from schemas.topics import QUERY_LOG
from store import journal
from store.knowledge import KnowledgeFile
from streams import audit, log
from streams.broker import apache
from streams.catching_up import rebuild
from streams.control import ControlSettings
from streams.topic_admin import NEEDS_GROUP, TopicAdmin

WEIGHTS = {"control": 4, "streams": 3, "streams' worker": 2, "broker": 2}
"""How often each is killed; the broker least, whose start takes longest."""
BETWEEN_S = (0.2, 1.5)
"""From when all goes on to the next kill."""
TWICE = 0.2
TWICE_WITHIN_S = 2.0
LOOK_S = 0.05
QUIET_LOOKS = 5


class Bench:
    def __init__(self, folder: Path, seed: int, stack: ExitStack, console: Console) -> None:
        self._chance = random.Random(seed)
        self._folder = folder
        self._console = console
        self._port = free_port()
        self._start_broker()
        stack.callback(lambda: self._broker.stop())
        self.servers = self._broker.bootstrap_servers
        TopicAdmin({"bootstrap.servers": self.servers}, "", "").create()
        self._control = Role("control", "sidecar_store_patterns_total", self.servers, folder)
        stack.callback(self._control.kill)
        self._streams = Role("streams", 'sidecar_outputs_total{topic="patterns"}', self.servers, folder)
        stack.callback(self._streams.kill)
        self.store = folder / "control" / "store.duckdb"
        self.kills: Counter[str] = Counter()
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def until_live(self) -> None:
        self._until_beyond({self._control: 0, self._streams: 0})

    def strike(self) -> None:
        time.sleep(self._chance.uniform(*BETWEEN_S))
        kind = self._kind()
        begun = time.monotonic()
        marks = self._kill(kind)
        alone = self._chance.random() >= TWICE
        if not alone:
            time.sleep(self._chance.uniform(0, TWICE_WITHIN_S))
            marks |= self._kill(self._kind())
        self._until_beyond(marks)
        if alone:
            self.seconds[kind].append(time.monotonic() - begun)

    def settle(self) -> None:
        """Waits until what the query log holds is in the tables, and stops the roles."""
        group = Consumer({"bootstrap.servers": self.servers, "group.id": GROUP + NEEDS_GROUP["streams"]})
        places = [TopicPartition(QUERY_LOG.name, partition) for partition in range(QUERY_LOG.partitions)]
        written = sum(group.get_watermark_offsets(place, 30)[1] for place in places)
        deadline = time.monotonic() + PATIENCE_S
        quiet = 0
        while quiet < QUIET_LOOKS:
            done = sum(max(0, place.offset) for place in group.committed(places, 30))
            waiting = self._control.metric("sidecar_store_lag_records") + self._control.metric(
                "sidecar_outbox_messages"
            )
            quiet = quiet + 1 if done == written and not waiting else 0
            if time.monotonic() > deadline:
                raise SystemExit(
                    f"not caught up: {done} of {written} records observed, {waiting:.0f} wait for the store"
                )
            time.sleep(1)
        group.close()
        self._streams.stop()
        self._control.stop()

    def _kind(self) -> str:
        (kind,) = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        return kind

    def _kill(self, kind: str) -> dict[Role, float]:
        """Returns from where on each role that is concerned has to get on."""
        self.kills[kind] += 1
        match kind:
            case "control":
                self._control.kill()
                self._control.start()
                return {self._control: 0}
            case "streams":
                self._streams.kill()
                self._streams.start()
                return {self._streams: 0}
            case "broker":
                os.kill(self._broker.pid, signal.SIGKILL)
                self._broker.stop()
                self._start_broker()
                return {role: role.progress() for role in (self._control, self._streams)}
            case _:
                self._streams.kill_worker(self._chance)
                return {self._streams: self._streams.progress()}

    def _start_broker(self) -> None:
        self._broker = apache.start(self._folder / "kafka", self._port, progress=self._console.print)

    def _until_beyond(self, marks: dict[Role, float]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        for role, mark in marks.items():
            while role.progress() <= mark:
                if time.monotonic() > deadline:
                    raise role.stuck(f"has not gone on within {PATIENCE_S} s")
                time.sleep(LOOK_S)


def judged(bench: Bench, load: oracle.Load, folder: Path) -> oracle.Verdict:
    verdict = oracle.judge(load, bench.store, bench.servers)
    if verdict.lost or verdict.doubled:
        held = oracle.logged(bench.servers)
        lost, more = (load.runs - held).total(), (held - load.runs - load.unsure).total()
        verdict.wrong.append(f"the query log itself lacks {lost} of the acknowledged runs, and has {more} too many")
    kafka, codec = {"bootstrap.servers": bench.servers}, Codec()
    with closing(KnowledgeFile(bench.store)) as file, file.reading() as tx:
        head = journal.head(tx)
    settings = ControlSettings(bench.store, kafka, group_prefix=GROUP)
    if (end := audit.verify(settings, codec, lambda _: None, {})) is None or end.after != head:
        verdict.wrong.append(f"the journal ends at {end and end.after}, the file at {head}")
    rebuild(folder / "rebuilt.duckdb", kafka, "", GROUP, codec, threading.Event())
    verdict.wrong += [
        f"a rebuild differs in {one}" for one in oracle.differences(bench.store, folder / "rebuilt.duckdb")
    ]
    return verdict


def table(bench: Bench) -> Table:
    made = Table(title="seconds to resume", title_justify="left")
    for column in ("", "kills", "of these timed", "median", "most"):
        made.add_column(column, justify="left" if not column else "right")
    for kind in WEIGHTS:
        timed = bench.seconds[kind]
        figures = [f"{figure:.1f} s" for figure in (statistics.median(timed), max(timed))] if timed else []
        made.add_row(kind, str(bench.kills[kind]), str(len(timed)), *figures)
    return made


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--kills", type=int, default=100)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--minutes", type=float, default=15, help="no more kills after these")
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, _ended)
    log.set_up("error", "console", [])
    console = Console(width=120, highlight=False)
    console.print(
        f"{machine()}, one Apache Kafka {apache.VERSION} on the same machine, "
        f"{oracle.RECORDS_S * oracle.RUNS:,} runs/s, seed {given.seed}"
    )
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        bench = Bench(folder, given.seed, stack, console)
        load = oracle.Load(bench.servers, given.seed)
        load.start()
        bench.until_live()
        while bench.kills.total() < given.kills and time.monotonic() < begun + 60 * given.minutes:
            bench.strike()
            print(
                f"\r{bench.kills.total()} kills, {time.monotonic() - begun:.0f} s ", end="", file=sys.stderr, flush=True
            )
        print(file=sys.stderr)
        load.stop()
        bench.settle()
        verdict = judged(bench, load, folder)
    console.print(table(bench))
    console.print(
        f"{bench.kills.total()} kills in {time.monotonic() - begun:.0f} s: of {verdict.rows:,} rows acknowledged "
        f"{verdict.lost:,} lost, {verdict.doubled:,} doubled ({load.unsure.total():,} more not known to the producer); "
        f"{verdict.requests} requests, {verdict.messages} messages of the outbox; "
        + ("the journal's chain holds and a rebuild gives the same tables" if verdict.is_well else "and this is wrong:")
    )
    for wrong in verdict.wrong:
        console.print(f"  {wrong}")
    return 0 if verdict.is_well else 1


def _ended(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
