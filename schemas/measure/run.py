"""One measurement from its job to its outcome: probe every query, screen every candidate, measure what survives.

The order is that of `order`. What gains stays: the next one is measured on top of it. Nothing ends a measurement
without an outcome but a signal, and the outcome so far is saved after every step.
"""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from ..errors import ActionError, CloneError, NotMeasurable
from ..records import Candidate, CandidateResult, Machine
from .files import Copies
from .full import full
from .gate import Gate
from .job import Job, Outcome
from .order import Survivor, measuring_s, to_measure, to_screen
from .plan import Plan
from .queries import WRITES, Side, probe
from .sandbox import why
from .screen import screen
from .session import Session, unmeasured
from .trial import trial
from .verdict import GAIN, NO_GAIN, NOT_MEASURABLE, NOT_REACHED
from .workbench import Workbench

SCRATCH = "measuring"
"""The folder of all that is made on the way."""
PROBING, SCREENING = 0.3, 0.6
"""Shares of the budget by whose end probing and screening make way for what comes after them."""

Report = Callable[[str, str], None]
"""Told of each step before it begins: its name and what it is about, an id."""
Save = Callable[[Outcome], None]


def measure(job: Job, folder: Path, report: Report = lambda *_: None, save: Save = lambda _: None) -> Outcome:
    """Works in `folder`, with the clone and beside it. Raises OSError where the folder cannot be used."""
    return Measurement(job, folder, report, save).run()


class Measurement:
    def __init__(self, job: Job, folder: Path, report: Report, save: Save) -> None:
        self._job = job
        self._report = report
        self._save = save
        self._begun = time.monotonic()
        self._budget_s = min(job.request.budget_s, (job.request.deadline - datetime.now(UTC)).total_seconds())
        self._scratch = folder / SCRATCH
        self._results: dict[str, CandidateResult] = {}
        self._not_measurable = dict(job.not_measurable)
        self._machine = machine_of(job, 0, 0)
        self._error: str | None = None

    def run(self) -> Outcome:
        shutil.rmtree(self._scratch, ignore_errors=True)  # of an attempt that was killed
        self._scratch.mkdir(mode=0o700)
        try:
            self._measure()
        except CloneError as error:
            self._error = str(error)
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
        for candidate in self._job.request.candidates:
            reason = self._error or "the budget ended before it"
            self._results.setdefault(candidate.candidate_id, unmeasured(candidate, NOT_REACHED, reason, "proposed"))
        return self._outcome()

    def _measure(self) -> None:
        readable = self._scratch / "files"
        readable.mkdir()
        bench = Workbench(self._job, self._scratch, readable)
        self._machine = machine_of(self._job, bench.threads, bench.memory_bytes)
        self._step("prepare", "")
        bench.prepare()
        session = Session(
            job=self._job,
            bench=bench,
            copies=Copies(readable, self._job.limits.file_bytes),
            before=Side(bench.reading(bench.file)),
            deadline_s=self._begun + self._budget_s,
            not_measurable=self._not_measurable,
        )
        try:
            self._probe(session)
            survivors = self._screen(session)
            self._measure_in_full(session, survivors)
        finally:
            session.before.sandbox.close()

    def _probe(self, session: Session) -> None:
        """Every query that a candidate affects, those of the best candidates first."""
        shapes = {shape.fingerprint: shape for shape in self._job.request.workload}
        gate = Gate(session.before.sandbox)
        affected = dict.fromkeys(one for candidate in self._job.request.candidates for one in candidate.affected)
        for fingerprint in affected:
            shape = shapes.get(fingerprint)
            if fingerprint in self._not_measurable or (shape and shape.kind in WRITES):
                continue
            if self._spent > PROBING:
                self._not_measurable[fingerprint] = "the budget ended before it was run"
                continue
            self._step("probe", fingerprint)
            try:
                if shape is None:
                    raise NotMeasurable("the request does not hold its text")
                exemplars = self._job.exemplars.get(fingerprint, [])
                session.queries[fingerprint] = probe(
                    shape, exemplars, session.before, gate, session.copies, session.limit_s
                )
            except NotMeasurable as error:
                self._not_measurable[fingerprint] = str(error)

    def _screen(self, session: Session) -> list[Survivor]:
        """The candidates that are worth more, best first."""
        survivors = []
        for plan, needed_s in to_screen(session, self._plans(session)):
            candidate = plan.candidate
            left_s = session.left_s - (1 - SCREENING) * self._budget_s
            if needed_s > left_s:
                reason = f"a first look at it needs about {needed_s:.1f} s, and {max(left_s, 0):.1f} s were left for it"
                self._results[candidate.candidate_id] = unmeasured(candidate, NOT_REACHED, reason, "proposed")
                continue
            self._step("screen", candidate.candidate_id)
            try:
                _require_queries(session, plan)
                with trial(session, plan) as tried:
                    affected, gaining = session.read_by(candidate), session.gaining(candidate)
                    found = screen(affected, gaining, session.before, tried.after, session.limit_s)
            except (NotMeasurable, duckdb.Error) as error:
                self._fail(session, candidate, error)
                continue
            if found.verdict is None or (plan.only_drops and found.verdict == NO_GAIN):
                build_s = tried.built.build_s
                survivors.append(Survivor(plan, found, build_s, measuring_s(affected, found, build_s, {})))
            else:
                self._results[candidate.candidate_id] = unmeasured(candidate, found.verdict, found.reason)
        return to_measure(survivors)

    def _plans(self, session: Session) -> list[Plan]:
        """Of the candidates whose actions are all known."""
        found = []
        for candidate in self._job.request.candidates:
            try:
                found.append(Plan.of(candidate))
            except ActionError as error:
                self._fail(session, candidate, error)
        return found

    def _measure_in_full(self, session: Session, survivors: Sequence[Survivor]) -> None:
        order = 0
        answers: dict[str, float] = {}
        now: dict[str, float] = {}
        for survivor in survivors:
            plan, candidate, found = survivor.plan, survivor.plan.candidate, survivor.found
            if survivor.superseded_by(answers):
                reason = "what was accepted before it answers its queries as fast or faster"
                self._results[candidate.candidate_id] = unmeasured(candidate, NO_GAIN, reason)
                continue
            needed_s = measuring_s(session.read_by(candidate), found, survivor.build_s, now)
            if needed_s > session.left_s:
                reason = (
                    f"{found.reason}; to measure it in full needs about {needed_s:.0f} s, "
                    f"and {max(session.left_s, 0):.0f} s of the budget were left"
                )
                self._results[candidate.candidate_id] = unmeasured(candidate, NOT_REACHED, reason)
                continue
            self._step("measure", candidate.candidate_id)
            try:
                with trial(session, plan) as tried:
                    result = full(session, plan, tried)
                    if accepted := result.verdict == GAIN:
                        order += 1
                        result = result.model_copy(update={"order": order})
                        if plan.in_database:
                            session.bench.accept(tried.built)
            except (NotMeasurable, duckdb.Error) as error:
                self._fail(session, candidate, error)
                continue
            if accepted:
                session.reopen(tried.after)
                answers |= survivor.answers
                now |= {glance.query.fingerprint: glance.after_s for glance in found.glances}
            self._results[candidate.candidate_id] = result

    def _fail(self, session: Session, candidate: Candidate, error: Exception) -> None:
        reason = why(error) if isinstance(error, duckdb.Error) else str(error)
        if session.left_s > 0:
            self._results[candidate.candidate_id] = unmeasured(candidate, NOT_MEASURABLE, reason)
        else:
            reason = "the budget ended while it was measured"
            self._results[candidate.candidate_id] = unmeasured(candidate, NOT_REACHED, reason)
        session.revive()

    def _step(self, name: str, about: str) -> None:
        self._save(self._outcome())
        self._report(name, about)

    def _outcome(self) -> Outcome:
        wanted = [candidate.candidate_id for candidate in self._job.request.candidates]
        return Outcome(
            machine=self._machine,
            measured_s=time.monotonic() - self._begun,
            error=self._error,
            results=[self._results[one] for one in wanted if one in self._results],
            not_measurable=self._not_measurable,
        )

    @property
    def _spent(self) -> float:
        """The share of the budget."""
        return (time.monotonic() - self._begun) / max(self._budget_s, 1e-9)


def _require_queries(session: Session, plan: Plan) -> None:
    candidate = plan.candidate
    if not plan.only_drops and not session.gaining(candidate):
        wanted = candidate.gaining or candidate.affected
        reasons = {session.not_measurable.get(one, "it writes") for one in wanted}
        raise NotMeasurable(
            f"no query that it should help can be measured: {'; '.join(sorted(reasons)) or 'it names none'}"
        )
    if plan.changes_type and (untried := [one for one in candidate.affected if one in session.not_measurable]):
        raise NotMeasurable(
            f"{len(untried)} of the statements that see the other type cannot be tried, such as {untried[0]}: "
            f"{session.not_measurable[untried[0]]}"
        )


def machine_of(job: Job, threads: int, memory_bytes: int) -> Machine:
    return Machine(
        duckdb_version=duckdb.__version__,
        cpus=cpus(),
        threads=threads,
        memory_limit_bytes=memory_bytes,
        clone=job.clone.kind,
        clone_rows=job.clone.rows,
        clone_bytes=job.clone.bytes,
        clone_s=job.clone.seconds,
        share=job.clone.share,
    )


def cpus() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
