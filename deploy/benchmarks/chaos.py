"""Kills the product, the control process and the broker at random while changes go through the whole loop.

A loop is: a change is suggested, approved over Kafka by a service, carried out in the product while it writes, and
taken back over Kafka; the kinds of change take turns. A real Kafka, `sidecar run --role control` and a data product
are killed with SIGKILL meanwhile, at moments that the seed decides, and started again at once, as a supervisor would.
What was refused or gave way is approved anew, as a person would, until it is done.

An oracle that never looks into the knowledge file judges: every approval that Kafka has acknowledged is answered
once; of each change what was done and what was taken back take turns; nothing is stuck; after each change the catalog
is as promised, and at the end as at first; and every row that DuckDB has acknowledged to the product is there.

    python deploy/benchmarks/chaos.py [--kills 200] [--loops N] [--seed 1] [--minutes 30]
"""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from uuid import NAMESPACE_URL, uuid4, uuid5

import duckdb
from chaos_oracle import Seen, judge
from machine import machine
from recovery_role import Role, free_port
from rich.console import Console
from rich.table import Table

from schemas.actions import (
    AddColumn,
    Body,
    ChangeType,
    Cluster,
    CreateIndex,
    CreateSummary,
    Named,
    RenameColumn,
    SortKey,
    pack,
)
from schemas.approvals import Claims
from schemas.client.catalog import place_of, structure
from schemas.codec import Codec
from schemas.errors import BrokerError
from schemas.expressions import ColumnRef
from schemas.plan import drift, expected, plan_hash, steps
from schemas.records import Approval, Cost, Limits, Machine, Outcome, Record, Request, Step, Suggestion
from schemas.render import Tables, by_name
from schemas.topics import APPROVALS, REQUESTS, SUGGESTIONS, Topic
from streams.broker import apache
from streams.demo.team import Team
from streams.sending import Sending
from streams.topic_admin import TopicAdmin

WEIGHTS = {"product": 4, "control": 4, "broker": 2}
BETWEEN_S = (0.5, 6.0)
ROWS = 20_000
ANSWER_S = 120.0
"""For whatever was killed to be back, and for what waited on it."""
OUTCOME_S = 20.0
"""For an operation to end, before it is approved or asked for again."""
AGAIN_S = 1.0
ATTEMPTS = 60
TABLE = {"table": "visits"}
KINDS: list[Body] = [
    CreateIndex(**TABLE, name="visits_page", columns=["page"]),
    ChangeType(**TABLE, column="number", from_type="VARCHAR", to_type="INTEGER"),
    Cluster(**TABLE, keys=[SortKey(column="page")]),
    AddColumn(**TABLE, column="twin", type="VARCHAR", expression=ColumnRef(name="number")),
    CreateSummary(
        **TABLE, name="pages", alias="v", group_by=[Named(name="page", expression=ColumnRef(name="page", table="v"))],
        aggregates=[],
    ),
    RenameColumn(**TABLE, column="number", to="number to drop"),
]  # fmt: skip


MACHINE = Machine(
    duckdb_version=duckdb.__version__, cpus=0, threads=0, memory_limit_bytes=0, clone="none", clone_rows=0,
    clone_bytes=0, clone_s=0, share=0,
)  # fmt: skip


class Product:
    """`file` is its database, `notes` what it knows to be acknowledged."""

    def __init__(self, folder: Path, servers: str, keys: dict[str, str]) -> None:
        self.file, self.notes = folder / "shop.duckdb", folder / "notes"
        with duckdb.connect(self.file) as connection:
            connection.execute("CREATE TABLE visits(id BIGINT, page VARCHAR, number VARCHAR)")
            connection.execute(f"INSERT INTO visits SELECT range, 'p' || range % 50, range % 7 FROM range({ROWS})")
            self.base: Tables = by_name(structure(connection, place_of(connection).database))
        self._log = folder / "product.log"
        self._environment = {
            **os.environ, **keys, "DUCKDB_SIDECAR_KAFKA_BOOTSTRAP_SERVERS": servers, "DUCKDB_SIDECAR_MEASURE": "false",
            "DUCKDB_SIDECAR_OPERATE_FREE_BYTES": "0", "XDG_STATE_HOME": str(folder / "state"),
        }  # fmt: skip
        self.start()

    def start(self) -> None:
        script = Path(__file__).with_name("chaos_product.py")
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, script, self.file, self.notes], env=self._environment, stdin=subprocess.PIPE,
                stdout=out, stderr=out,
            )  # fmt: skip

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        if code := self._process.wait(ANSWER_S):
            raise SystemExit(f"the product ended with {code}:\n{self._log.read_text()[-3000:]}")


class Chaos:
    """Kills what it is given, in a thread of its own, until it has done so often enough."""

    def __init__(self, folder: Path, seed: int, kills: int, deadline: float) -> None:
        self.team = Team.of(folder / "team")
        self._folder = folder
        self._port = free_port()
        self._broker = self._started()
        self.servers = self._broker.bootstrap_servers
        TopicAdmin({"bootstrap.servers": self.servers}, "", "").create()
        ours = {name.removeprefix("SIDECAR_"): value for name, value in self.team.of_sidecar.items()}
        self.control = Role("control", "sidecar_journal_sequence", self.servers, folder, **ours)
        self.product = Product(folder, self.servers, self.team.of_product)
        self.kills: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._most, self._deadline = kills, deadline
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._strike, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self.over.set()
        if self._thread.is_alive():
            self._thread.join()
        self.product.kill()
        self.control.kill()
        self._broker.stop()

    def _strike(self) -> None:
        while not self.over.wait(self._chance.uniform(*BETWEEN_S)):
            (kind,) = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
            match kind:
                case "product":
                    self.product.kill()
                    self.product.start()
                case "control":
                    self.control.kill()
                    self.control.start()
                case _:
                    os.kill(self._broker.pid, signal.SIGKILL)
                    self._broker.stop()
                    self._broker = self._started()
            self.kills[kind] += 1
            print(f"\r{self.kills.total()} kills ", end="", file=sys.stderr, flush=True)
            if self.kills.total() >= self._most or time.monotonic() > self._deadline:
                self.over.set()

    def _started(self) -> apache.ApacheKafka:
        return apache.start(self._folder / "kafka", self._port, progress=lambda _: None)


class Loops:
    """What people and services do, whatever is killed meanwhile."""

    def __init__(self, chaos: Chaos, seen: Seen) -> None:
        self._chaos, self._seen = chaos, seen
        self._kafka = Sending({"bootstrap.servers": chaos.servers}, "", Codec())
        self.approvals: list[str] = []
        self.applied_s: dict[str, list[float]] = defaultdict(list)
        """By kind, from an approval on its way to its outcome read."""
        self.taken_back_s: list[float] = []
        self.loops = 0
        self.wrong: list[str] = []

    def run(self, most: int | None) -> None:
        """Until enough was killed, and what is under way is through; or `most` loops."""
        for kind in cycle(KINDS):
            if self._chaos.over.is_set() or self.loops == most:
                break
            one = self._suggested(kind)
            done = self._carried_out(one)
            promised = expected(one.steps, done=True)
            if not self._seen.until(lambda of=promised: not drift(of, self._seen.tables), ANSWER_S):
                self.wrong.append(f"{one.title}: the catalog is not as promised after {done.operation_id}")
            self._taken_back(one, done)
            self.loops += 1

    def close(self) -> None:
        self._kafka.close()

    def _suggested(self, kind: Body) -> Suggestion:
        planned, _ = steps([pack(kind)], self._chaos.product.base, Limits(build_s=60, extra_bytes=0, peak_bytes=0))
        one = _suggestion(kind, planned)
        self._send(SUGGESTIONS, one)
        return one

    def _carried_out(self, one: Suggestion) -> Outcome:
        for _ in range(ATTEMPTS):
            begun = time.monotonic()
            approval = self._approval(one)
            if not self._seen.until(lambda of=approval: bool(self._seen.rulings[of]), ANSWER_S):
                raise SystemExit(f"the approval {approval} is not answered within {ANSWER_S:.0f} s")
            if self._done(one):
                return self._of(one)[-1]
            if self._seen.rulings[approval][-1].verdict == "refused":
                time.sleep(AGAIN_S)  # the catalog may not be told yet
                continue
            before = len(self._of(one))
            self._seen.until(lambda before=before: len(self._of(one)) > before, OUTCOME_S)
            if self._done(one):
                self.applied_s[one.rule].append(time.monotonic() - begun)
                return self._of(one)[-1]
        raise SystemExit(f"{one.title} was not carried out in {ATTEMPTS} attempts: {self._of(one)[-3:]}")

    def _taken_back(self, one: Suggestion, done: Outcome) -> None:
        for _ in range(ATTEMPTS):
            begun, before = time.monotonic(), len(self._of(one))
            self._send(
                REQUESTS,
                Request(
                    product="chaos", database="shop", instance="", event_id=str(uuid4()), time=datetime.now(UTC),
                    kind="rollback", body=json.dumps({"operation_id": done.operation_id}).encode(),
                    requested_by="chaos",
                ),
            )  # fmt: skip
            self._seen.until(lambda before=before: len(self._of(one)) > before, OUTCOME_S)
            last = self._of(one)[-1]
            if (last.kind, last.state) == ("revert", "done"):
                self.taken_back_s.append(time.monotonic() - begun)
                return
        raise SystemExit(f"{one.title} was not taken back in {ATTEMPTS} attempts: {self._of(one)[-3:]}")

    def _done(self, one: Suggestion) -> bool:
        return [(last.kind, last.state) for last in self._of(one)[-1:]] == [("apply", "done")]

    def _of(self, one: Suggestion) -> list[Outcome]:
        """Each of its operations once, as they came."""
        found = [outcome for outcome in self._seen.outcomes if outcome.suggestion_id == one.suggestion_id]
        return list({outcome.operation_id: outcome for outcome in found}.values())

    def _approval(self, one: Suggestion) -> str:
        now = datetime.now(UTC)
        claims = Claims(
            **one.model_dump(include={"product", "database", "suggestion_id", "revision", "plan_hash"}),
            decision="approve", steps=1,
        )  # fmt: skip
        token = self._chaos.team.service.sign(claims, now)
        event = Approval(product="chaos", database="shop", instance="", event_id=str(uuid4()), time=now, token=token)
        self._send(APPROVALS, event)
        self.approvals.append(event.event_id)
        return event.event_id

    def _send(self, topic: Topic, record: Record) -> None:
        """Again and again, as one event: Kafka may have it already when it does not confirm."""
        while True:
            try:
                self._kafka.send(topic, record)
            except BrokerError:
                time.sleep(0.2)
            else:
                return


def _suggestion(kind: Body, planned: Sequence[Step]) -> Suggestion:
    now = datetime.now(UTC)
    values = {
        "product": "chaos", "database": "shop", "instance": "chaos", "event_id": str(uuid4()), "time": now,
        "suggestion_id": str(uuid5(NAMESPACE_URL, str(uuid4()))), "revision": 1, "analysis_id": str(uuid4()),
        "position": 1, "of": 1, "kind": "change", "rule": kind.kind, "title": kind.kind, "reason": "", "steps": planned,
        "plan_hash": plan_hash(planned), "equality": "physical", "equality_reason": "", "after": [], "gain": None,
        "cost": Cost(build_s=1, extra_bytes=1, peak_bytes=1, write_ratio=1, write_low=1, write_high=1, writes=0,
                     break_even_runs=1, break_even_s=1),
        "queries": [], "statements": {}, "considered": [], "machine": MACHINE, "catalog_hash": "",
        "window_start": now, "window_end": now,
    }  # fmt: skip
    return Suggestion(**values)


def _timed(loops: Loops) -> Table:
    made = Table(title="seconds from an approval (or a request to take back) to the outcome", title_justify="left")
    for column in ("", "n", "median", "most"):
        made.add_column(column, justify="left" if not column else "right")
    for kind, timed in (*sorted(loops.applied_s.items()), ("taken back", loops.taken_back_s)):
        made.add_row(kind, str(len(timed)), f"{statistics.median(timed):.2f}", f"{max(timed):.2f}")
    return made


@contextmanager
def _chaos(folder: Path, seed: int, kills: int, minutes: float) -> Iterator[Chaos]:
    made = Chaos(folder, seed, kills, time.monotonic() + 60 * minutes)
    try:
        yield made
    finally:
        made.close()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--kills", type=int, default=200)
    arguments.add_argument("--loops", type=int, help="so many, and no more; with --kills 0 they are timed")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--minutes", type=float, default=30, help="no more kills after these")
    given = arguments.parse_args()
    console = Console(width=120, highlight=False)
    console.print(f"{machine()}, one Apache Kafka {apache.VERSION} on the same machine, seed {given.seed}")
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as temporary,
        _chaos(Path(temporary), given.seed, given.kills, given.minutes) as chaos,
        closing(Seen(chaos.servers)) as seen,
        closing(Loops(chaos, seen)) as loops,
    ):
        if not seen.until(lambda: bool(seen.tables), ANSWER_S):
            raise SystemExit("the product has not told its catalog")
        if given.kills:
            chaos.begin()
        loops.run(given.loops)
        chaos.product.stop()
        found = judge(seen, loops.approvals, loops.wrong, chaos.product.file, chaos.product.notes, chaos.product.base)
        ended = (
            f"of {found.approvals} approvals {found.lost_approvals} not answered once, of {found.operations} "
            f"operations {found.doubled} doubled, of {found.rows:,} rows {found.lost_rows} lost, "
            f"{len(found.wrong)} wrong ends"
        )
        killed = ", ".join(f"{count} of the {what}" for what, count in sorted(chaos.kills.items()))
        took = f"{time.monotonic() - begun:.0f} s over {loops.loops} loops"
        console.print(f"\n{chaos.kills.total()} kills ({killed}) in {took}: {ended}")
        if not given.kills:
            console.print(_timed(loops))
        for wrong in found.wrong:
            console.print(f"  {wrong}")
        return 0 if found.is_well else 1


if __name__ == "__main__":
    sys.exit(main())
