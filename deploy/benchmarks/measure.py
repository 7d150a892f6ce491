"""How fast candidates are judged, how far identical databases seem to differ, and whether a first look decides right.

A TPC-H database whose largest table has 1M rows, the demo's workload run on it with the client attached, and the
candidates that the rules find in that log, made up to 24 by indexes that they would refuse. All is measured as beside
a product: on a copy of the file, in the same sandbox.

- The first look: seconds until all candidates are screened, probing every query included.
- Identical databases: the queries on the file and on a copy of it with an index on a table that they do not read, by
  interleaved rounds as here, beside nine runs of the one and then nine of the other.
- Decisions: every candidate is screened and then measured in full whatever screening says, each on the unchanged file.

    python deploy/benchmarks/measure.py [--scale 0.17] [--runs 400]
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
from machine import machine
from rich.console import Console
from rich.table import Table

import duckdb_sidecar
from schemas.actions import Body, CreateIndex, actions_hash, pack
from schemas.client.databases import name_of
from schemas.client.exemplars import Exemplars, private_folder
from schemas.measure.full import full
from schemas.measure.job import CloneFacts, Exemplar, Job, Limits
from schemas.measure.order import Survivor, to_screen
from schemas.measure.plan import Plan
from schemas.measure.queries import Query, Side
from schemas.measure.run import Measurement
from schemas.measure.screen import screen
from schemas.measure.session import Session
from schemas.measure.timing import ROUNDS_LEAST, Samples, add_round, timed
from schemas.measure.trial import trial
from schemas.measure.verdict import AA_HIGH, AA_LOW, GAIN, HARM, total
from schemas.records import Candidate, MeasurementRequest
from streams import offline
from streams.demo.product import load
from streams.demo.run import generate
from streams.demo.workload import Parameters, statements

PRODUCT = "bench"
CANDIDATES = 24
LONG_S = 3600.0
IDENTICAL = 12
"""Queries, those that take most of the time."""


def logged(folder: Path, database: Path, scale: float, runs: int) -> Path:
    """Runs the demo's workload with the client attached; returns what its sink wrote."""
    log = folder / "log.jsonl"
    duckdb_sidecar.instrument(product=PRODUCT, sink=str(log))
    parameters, cycle = Parameters(scale, seed=7), [one for one in statements() for _ in range(one.runs)]
    with duckdb.connect(str(database)) as connection:
        for number in range(runs):
            statement = cycle[number % len(cycle)]
            connection.execute(statement.sql, parameters.of(statement)).fetchall()
    duckdb_sidecar.flush(10.0)
    duckdb_sidecar.uninstrument()
    return log


def job_of(folder: Path, database: Path, log: Path) -> Job:
    """What a product's side would be asked to measure: what the rules find, made up to `CANDIDATES` by useless ones."""
    asked = offline.analyze(database, log, 1.0, lambda _: None).asked
    assert asked is not None, "the rules find nothing in this workload"
    now = datetime.now(UTC)
    candidates = [*asked.candidates, *useless(asked)][:CANDIDATES]
    request = asked.model_copy(
        update={"candidates": candidates, "budget_s": LONG_S, "deadline": now + timedelta(seconds=LONG_S)}
    )
    kept = Exemplars(private_folder(PRODUCT))
    exemplars = {
        shape.fingerprint: [
            Exemplar(literals=list(literals), files=dict(files)) for literals, files in kept.get(shape.fingerprint)
        ]
        for shape in request.workload
    }
    clone = CloneFacts(
        file=folder / "clone.duckdb",
        database=name_of(str(database)),
        kind="full",
        rows=sum(table.rows for table in request.definitions),
        bytes=database.stat().st_size,
        seconds=0.0,
    )
    return Job(request=request, exemplars=exemplars, clone=clone, limits=Limits(free_bytes=0, query_s=60.0))


def useless(asked: MeasurementRequest) -> Iterator[Candidate]:
    """Indexes that the rules would refuse, for queries that they are not for."""
    queries = [one.fingerprint for one in asked.workload if one.kind == "select"][:3]
    for table in asked.definitions:
        for column in table.columns if table.kind == "table" else []:
            name = f"useless_{table.name}_{column.name}"
            yield changed(CreateIndex(table=table.name, name=name, columns=[column.name]), queries)


def changed(body: Body, affected: list[str]) -> Candidate:
    actions = [pack(body)]
    return Candidate(
        candidate_id=actions_hash(actions)[:16], rule="", title=body.kind, reason="", actions=actions,
        affected=affected, equality="physical", equality_reason="",
    )  # fmt: skip


@dataclass(frozen=True)
class Decision:
    survived: bool
    verdict: str


class Bench(Measurement):
    """One that does not stop at what it would do, and keeps what it saw."""

    def __init__(self, job: Job, database: Path) -> None:
        shutil.copyfile(database, job.clone.file)
        super().__init__(job, job.clone.file.parent, self._told, lambda _: None)
        self._since = time.perf_counter()
        self._at = ""
        self.seconds: Counter[str] = Counter()

    def _told(self, step: str, _about: str) -> None:
        now = time.perf_counter()
        self.seconds[self._at] += now - self._since
        self._at, self._since = step, now


class FirstLook(Bench):
    """Screens all and measures none."""

    survivors = 0

    def _measure_in_full(self, _session: Session, survivors: Sequence[Survivor]) -> None:
        self._told("", "")
        self.survivors = len(survivors)


class Decisions(Bench):
    """Screens every candidate and measures it in full, on the unchanged file."""

    def _screen(self, session: Session) -> list[Survivor]:
        self.found: list[Decision] = []
        for plan, _ in to_screen(session, self._plans(session)):
            candidate, gaining = plan.candidate, session.gaining(plan.candidate)
            if not gaining:
                continue
            with trial(session, plan) as tried:
                seen = screen(session.read_by(candidate), gaining, session.before, tried.after, session.limit_s)
                verdict = full(session, plan, tried).verdict
            self.found.append(Decision(seen.verdict is None, verdict))
        return []


class Identical(Bench):
    """Ratios of the same queries on a copy, which differs by an index on a table that they do not read."""

    def _screen(self, session: Session) -> list[Survivor]:
        queries = sorted(session.queries.values(), key=lambda one: one.weight * one.run_s, reverse=True)[:IDENTICAL]
        index = CreateIndex(table="region", name="of_no_use", columns=["r_name"])
        other = changed(index, [query.fingerprint for query in queries])
        with trial(session, Plan.of(other)) as tried:
            self.interleaved = [self._rounds(query, session, tried.after) for query in queries]
            self.in_turn = [self._one_after_the_other(query, session, tried.after) for query in queries]
        return []

    def _rounds(self, query: Query, session: Session, after: Side) -> float:
        samples: dict[str, Samples] = {}
        for _ in range(ROUNDS_LEAST):
            add_round(samples, [query], session.before, after, session.limit_s)
        return total([query], samples, "wall").ratio.median

    def _one_after_the_other(self, query: Query, session: Session, after: Side) -> float:
        medians = []
        for side in (session.before, after):
            texts = query.statements(side)
            walls = [timed(side, texts[n % len(texts)], session.limit_s).wall for n in range(ROUNDS_LEAST)]
            medians.append(statistics.median(walls))
        return medians[0] / medians[1]


def first_look(job: Job, database: Path, repeats: int) -> Table:
    table = Table("", "median", "of all", title="The first look at every candidate", title_justify="left")
    looks = []
    for _ in range(repeats):
        look = FirstLook(job, database)
        look.run()
        looks.append(look)
    count = len(job.request.candidates)
    for step in ("prepare", "probe", "screen"):
        seconds = [look.seconds[step] for look in looks]
        table.add_row(step, f"{statistics.median(seconds):.1f} s", f"{min(seconds):.1f} to {max(seconds):.1f} s")
    whole = [sum(look.seconds.values()) for look in looks]
    table.add_row(f"{count} candidates", f"{statistics.median(whole):.1f} s", f"{min(whole):.1f} to {max(whole):.1f} s")
    table.add_row("candidates a second", f"{count / statistics.median(whole):.1f}", "")
    table.add_row("worth a full measurement", str(looks[-1].survivors), "")
    return table


def identical(job: Job, database: Path) -> Table:
    table = Table(
        "", "least", "median", "greatest", f"outside {AA_LOW:.2f} to {AA_HIGH:.2f}",
        title="Identical databases, before / after of each query", title_justify="left",
    )  # fmt: skip
    bench = Identical(job, database)
    bench.run()
    for name, ratios in (("interleaved, as here", bench.interleaved), ("one after the other", bench.in_turn)):
        outside = sum(not AA_LOW <= ratio <= AA_HIGH for ratio in ratios)
        figures = (min(ratios), statistics.median(ratios), max(ratios))
        table.add_row(name, *(f"{figure:.2f}x" for figure in figures), f"{outside} of {len(ratios)}")
    return table


def decisions(job: Job, database: Path) -> Table:
    table = Table("screening says", "full: gain", "no gain", "harm", "other", title_justify="left",
                  title="A first look and the full measurement, each candidate by itself")  # fmt: skip
    bench = Decisions(job, database)
    bench.run()
    for said, survived in (("worth it", True), ("not worth it", False)):
        verdicts = [one.verdict for one in bench.found if one.survived is survived]
        named = [verdicts.count(verdict) for verdict in (GAIN, "no gain", HARM)]
        table.add_row(said, *map(str, named), str(len(verdicts) - sum(named)))
    right = sum(one.survived == (one.verdict == GAIN) for one in bench.found)
    missed = sum(one.verdict == GAIN and not one.survived for one in bench.found)
    table.caption = (
        f"{right} of {len(bench.found)} agree, {missed} gains missed; screening a candidate too many costs time"
    )
    return table


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--scale", type=float, default=0.17, help="of TPC-H: 0.17 is 1M rows in lineitem")
    arguments.add_argument("--runs", type=int, default=400, help="statements of the workload")
    arguments.add_argument("--repeats", type=int, default=3, help="of the first look")
    given = arguments.parse_args()
    console = Console(width=120, highlight=False)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        generate(folder / "parquet", given.scale)
        database = folder / "bench.duckdb"
        load(database, folder / "parquet")
        log = logged(folder, database, given.scale, given.runs)
        job = job_of(folder, database, log)
        console.print(
            f"{machine()}, "
            f"DuckDB {duckdb.__version__}, "
            f"{job.clone.rows:,} rows in the tables that are affected, {database.stat().st_size / 1e6:.0f} MB, "
            f"{len(job.request.candidates)} candidates, {len(job.request.workload)} shapes"
        )
        console.print(first_look(job, database, given.repeats))
        console.print(identical(job, database))
        console.print(decisions(job, database))


if __name__ == "__main__":
    main()
