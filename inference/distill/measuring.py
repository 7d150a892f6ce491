"""Labels of one database: each change is tried against the unchanged file, as the product does it.

What is measured is a query at a time, interleaved with itself (see `schemas.measure.timing`); results are compared,
and the writes that a change concerns are replayed. No verdict is made of it here.
"""

import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from threading import Event as Signal

import duckdb

from schemas.errors import ActionError, CloneError, NotMeasurable
from schemas.measure.plan import Plan
from schemas.measure.queries import Query, Side, equality
from schemas.measure.sandbox import why
from schemas.measure.screen import PAIRS
from schemas.measure.session import Session
from schemas.measure.statistics import median_interval
from schemas.measure.timing import Run, Samples, add_round, timed, undisturbed
from schemas.measure.trial import trial
from schemas.measure.verdict import AA_HIGH, AA_LOW
from schemas.measure.writes import replayed
from schemas.records import Candidate

from .bench import LIMIT_S, catalog_of, opened
from .database import Design, make
from .labelled import WRITE, Change, Labels, Pair, parts_of, text_id
from .learning import Learned, learn, ratios
from .queries import Templates, workload
from .wanted import Wanted, wanted

ROUNDS_CLEAR = 3
"""Rounds, one with each exemplar, after which a pair is left where they all say the same (see `is_clear`)."""
ROUNDS_LEAST, ROUNDS_MOST = 6, 15
LONG_ENOUGH_S = 0.3
"""Of a pair that is not clear: rounds go on for so long, up to the most."""
FAR = 1.5
"""A gain, or as a loss its inverse, that more rounds would not make another."""
LEAST_S = 1e-9
TOLD_EACH = 20
"""Changes."""

Progress = Callable[[str], None]


def labels_of(
    design: Design, templates: Templates, folder: Path, *, lists: int, budget_s: float, stop: Signal, progress: Progress
) -> Labels:
    """Works in `folder`, which is left as it may be. `lists` are drawn to know what is worth trying.

    `budget_s` is for the trials: what gives most lists a label a second comes first, the rest has none. Raises
    KeyboardInterrupt soon after `stop` was set.
    """

    def tick() -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    begun = time.monotonic()
    file = folder / "made.duckdb"
    progress(f"making {design.fact.rows:,} rows")
    make(design, file)
    tick()
    with duckdb.connect(str(file), read_only=True) as connection:
        asked = workload(design, connection, templates)
    catalog = catalog_of(design, file, folder / "client", stop)
    with opened(design, file, folder / "tried", asked, catalog) as session:
        progress(f"running {len(asked)} statements")
        learned = learn(session, asked, tick)
        for template, reason in learned.left_out.items():
            progress(f"left out: {template}: {reason}")
        found = wanted(catalog, [shape.once() for shape in learned.shapes], lists)
        trials = Trials(session, learned, tick)
        deadline = time.monotonic() + budget_s
        for number, one in enumerate(found):
            if time.monotonic() > deadline:
                break
            if number % TOLD_EACH == 0:
                progress(f"{len(trials.pairs)} pairs; change {number + 1} of {len(found)}")
            trials.add(one)
        threads = session.bench.threads
    return Labels(
        database=design.name,
        domain=design.domain.name,
        split=design.domain.split,
        seed=design.seed,
        rows=design.fact.rows,
        lists=lists,
        unmeasured=len(found) - len(trials.changes),
        versions=f"DuckDB {duckdb.__version__}, Python {platform.python_version()}",
        machine=f"{platform.machine()}, {threads} threads",
        seconds=time.monotonic() - begun,
        catalog=catalog.model_dump_json(),
        shapes=learned.shapes,
        changes=trials.changes,
        pairs=trials.pairs,
    )


class Trials:
    """`tick` is called between any two steps."""

    def __init__(self, session: Session, learned: Learned, tick: Callable[[], None]) -> None:
        self.changes: list[Change] = []
        self.pairs: list[Pair] = []
        self._session = session
        self._own = learned.own
        self._writes = {shape.fingerprint: shape.once() for shape in learned.shapes if shape.fingerprint in learned.own}
        self._places = {shape.fingerprint: place for place, shape in enumerate(learned.shapes)}
        self._tick = tick

    def add(self, wanted: Wanted) -> None:
        problem, built = "", (0.0, 0, 0)
        for candidate in wanted.candidates():
            self._tick()
            try:
                with trial(self._session, Plan.of(candidate)) as tried:
                    built = tried.built.build_s, tried.built.extra_bytes, tried.built.peak_bytes
                    self._measure(candidate, tried.after)
                    if wanted.bodies:
                        self._replay(candidate, tried.built.file)
            except (NotMeasurable, ActionError, CloneError, duckdb.Error) as error:
                found = why(error) if isinstance(error, duckdb.Error) else str(error)
                self._session.revive()
                if wanted.bodies:
                    problem = found
                else:  # one of many rewrites
                    for fingerprint, text in parts_of(candidate).texts.items():
                        self._fail(fingerprint, found, text_id(text))
        self.changes.append(
            Change(
                change_id=wanted.change_id,
                rule=wanted.rule,
                kinds=wanted.kinds,
                build_s=built[0],
                extra_bytes=built[1],
                peak_bytes=built[2],
                problem=problem,
            )
        )

    def _measure(self, candidate: Candidate, after: Side) -> None:
        before, texts = self._session.before, parts_of(candidate).texts
        for query in self._session.read_by(candidate):
            self._tick()
            text = text_id(texts.get(query.fingerprint, ""))
            try:
                equal = equality(_one_exemplar(query), before, after, LIMIT_S)
                for statement in query.statements(after)[1:]:
                    timed(after, statement, LIMIT_S)  # what was just written is read for the first time
                samples = _rounds(query, before, after)
            except NotMeasurable as error:
                self._fail(query.fingerprint, str(error), text)
                continue
            ratio, own = median_interval(samples.ratios("wall")), median_interval(samples.own_ratios("wall"))
            self.pairs.append(
                Pair(
                    change=len(self.changes),
                    shape=self._places[query.fingerprint],
                    text=text,
                    before_ms=1000 * median(run.wall for run in samples.before + samples.again),
                    after_ms=1000 * median(run.wall for run in samples.after),
                    speedup=ratio.median,
                    low=ratio.low,
                    high=ratio.high,
                    aa_low=own.low,
                    aa_high=own.high,
                    k=len(samples.after),
                    glance=_total(samples.before) / max(_total(samples.after), LEAST_S),
                    equal=equal,
                    problem="",
                )
            )

    def _replay(self, candidate: Candidate, file: Path) -> None:
        concerned = [self._writes[one] for one in candidate.affected if one in self._writes]
        if not concerned:
            return
        found = replayed(self._session, file, concerned)
        for shape, pairs in found.measured:
            ratio, (low, high) = median_interval(ratios(pairs)), self._own[shape.fingerprint]
            self.pairs.append(
                Pair(
                    change=len(self.changes),
                    shape=self._places[shape.fingerprint],
                    text="",
                    before_ms=1000 * median(pairs.before),
                    after_ms=1000 * median(pairs.after),
                    speedup=ratio.median,
                    low=ratio.low,
                    high=ratio.high,
                    aa_low=low,
                    aa_high=high,
                    k=len(pairs.before),
                    glance=1.0,
                    equal=WRITE,
                    problem="",
                )
            )
        for fingerprint, reason in {**found.problems, **found.broken}.items():
            self._fail(fingerprint, reason, "")

    def _fail(self, fingerprint: str, problem: str, text: str) -> None:
        place = self._places[fingerprint]
        self.pairs.append(Pair.failed(change=len(self.changes), shape=place, text=text, problem=problem))


def _total(runs: Sequence[Run]) -> float:
    """Of a first look."""
    return sum(run.wall for run in runs[:PAIRS])


def _rounds(query: Query, before: Side, after: Side) -> Samples:
    samples: dict[str, Samples] = {}
    begun = time.monotonic()
    with undisturbed():
        for number in range(ROUNDS_MOST):
            if number == ROUNDS_CLEAR and is_clear(samples[query.fingerprint]):
                break
            if number >= ROUNDS_LEAST and time.monotonic() - begun > LONG_ENOUGH_S:
                break
            add_round(samples, [query], before, after, LIMIT_S)
    return samples[query.fingerprint]


def is_clear(samples: Samples) -> bool:
    """Whether all rounds lie inside the band of what is unchanged, or all far on one side of it, on a quiet machine."""
    ratios, own = samples.ratios("wall"), samples.own_ratios("wall")
    if not all(1 / FAR < one < FAR for one in own):
        return False
    unchanged = all(AA_LOW <= one <= AA_HIGH for one in (*ratios, *own))
    return unchanged or min(ratios) > FAR or max(ratios) < 1 / FAR


def _one_exemplar(query: Query) -> Query:
    return Query(query.shape, query.exemplars[:1], query.copies, query.readings[:1], query.steady, query.run_s)
