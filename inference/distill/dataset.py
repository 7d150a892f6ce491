"""Lists to learn from and to be judged by: an analysis request, its candidates and what each of them alone saves.

A list is made anew from the files of labels alone: some of a database's shapes at drawn frequencies (see `analysis`),
the candidates that the rules find for those, and of each the measured pairs of its queries. NOTHING is one of them.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import log
from pathlib import Path
from random import Random

from inference.advisor import propose
from schemas.measure.plan import Plan
from schemas.records import AnalysisRequest, Candidate

from .analysis import DAYS, drawn
from .domains import SPLITS, Split
from .labelled import SUFFIX, Change, Labels, Pair, parts_of, text_id

FEWEST = 2
"""Candidates of a list."""
NEAR = 0.9
"""Two lists of a database are near duplicates that have so much of their candidates and labels in common."""
STEPS = 10
"""For that, labels are the same that are so in a tenth of a unit of log(speedup)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate, or NOTHING, which is None. `saved_s` is what it saves a day, less what writes lose.

    `log_speedup` is that of the time of the list's whole workload. `refused` says why measuring would not let it pass,
    which makes the others 0; building takes `build_s` and `extra_bytes`. `glanced_s` is what a first look would take it
    to save a day.
    """

    candidate: Candidate | None
    saved_s: float
    log_speedup: float
    build_s: float
    extra_bytes: int
    refused: str
    glanced_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Tried:
    """What was measured of a candidate: its change, and its queries' pairs by fingerprint.

    `problem` says why it, or a query after it, could not be run, and `unequal` which results were not what they were;
    both are empty where nothing is wrong.
    """

    change: Change
    pairs: dict[str, Pair]
    problem: str
    unequal: str


NOTHING = Choice(None, 0.0, 0.0, 0.0, 0, "")


@dataclass(frozen=True, slots=True)
class Listed:
    """`choices` come in no order. `unmeasured` counts candidates of the rules that are not among them."""

    name: str
    domain: str
    split: Split
    request: AnalysisRequest
    choices: tuple[Choice, ...]
    unmeasured: int

    @property
    def pays(self) -> bool:
        return any(choice.saved_s > 0 for choice in self.choices)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{SUFFIX}"))


def lists(folder: Path, splits: Collection[Split] = SPLITS) -> Iterator[Listed]:
    """Of the folder, database by database."""
    for file in files(folder):
        labels = Labels.load(file)
        if labels.split in splits:
            yield from lists_of(labels)


def lists_of(labels: Labels) -> list[Listed]:
    """As many as were drawn for it, less those with too few candidates and near duplicates."""
    measured = Measured(labels)
    return apart(measured.list(seed) for seed in range(labels.lists))


def apart(lists_: Iterable[Listed]) -> list[Listed]:
    """Of a database, those with enough candidates that are no near duplicate of one before."""
    kept: list[Listed] = []
    marks: list[frozenset[tuple[str, int]]] = []
    for found in lists_:
        mark = frozenset(
            (one.candidate.candidate_id, round(STEPS * one.log_speedup)) for one in found.choices if one.candidate
        )
        if len(mark) >= FEWEST and all(len(mark & other) < NEAR * len(mark | other) for other in marks):
            kept.append(found)
            marks.append(mark)
    return kept


class Measured:
    """The labels of a database, by what a candidate is."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._shapes = [shape.once() for shape in labels.shapes]
        self._catalog = labels.snapshot()
        self._changes = {change.change_id: (number, change) for number, change in enumerate(labels.changes)}

    @cached_property
    def _pairs(self) -> dict[tuple[int, str, str], Pair]:
        return {(one.change, self._labels.shapes[one.shape].fingerprint, one.text): one for one in self._labels.pairs}

    def list(self, seed: int) -> Listed:
        request = drawn(self._catalog, self._shapes, seed)
        found = [self.choice(candidate, request) for candidate in propose(request).candidates]
        choices = [NOTHING, *(choice for choice in found if choice)]
        Random(f"{request.analysis_id}:order").shuffle(choices)
        return Listed(
            name=request.analysis_id,
            domain=self._labels.domain,
            split=self._labels.split,
            request=request,
            choices=tuple(choices),
            unmeasured=found.count(None),
        )

    def tried(self, candidate: Candidate) -> Tried | None:
        """None where a part of it has no label."""
        parts = parts_of(candidate)
        if parts.change_id not in self._changes:
            return None
        number, change = self._changes[parts.change_id]
        if change.problem:
            return Tried(change, {}, change.problem, "")
        keys = {one: (number, one, text_id(parts.texts.get(one, ""))) for one in candidate.affected}
        if any(key not in self._pairs for key in keys.values()):
            return None
        pairs = {fingerprint: self._pairs[key] for fingerprint, key in keys.items()}
        problem = next((pair.problem for pair in pairs.values() if pair.problem), "")
        unequal = Plan.of(candidate).unequal({fingerprint: pair.equal for fingerprint, pair in pairs.items()})
        return Tried(change, pairs, problem, unequal[1] if unequal and not problem else "")

    def choice(self, candidate: Candidate, request: AnalysisRequest) -> Choice | None:
        """None where a part of it has no label."""
        tried = self.tried(candidate)
        if tried is None:
            return None
        change, pairs = tried.change, tried.pairs
        if refused := tried.problem or tried.unequal:
            return Choice(candidate, 0.0, 0.0, change.build_s, change.extra_bytes, refused)
        times = {shape.fingerprint: shape.total_us / 1e6 / DAYS for shape in request.workload}
        saved_s = sum(pair.saved * times[fingerprint] for fingerprint, pair in pairs.items())
        before_s = sum(times.values())
        return Choice(
            candidate=candidate,
            saved_s=saved_s,
            log_speedup=log(before_s / (before_s - saved_s)),
            build_s=change.build_s,
            extra_bytes=change.extra_bytes,
            refused="",
            glanced_s=sum((1 - 1 / pair.glance) * times[fingerprint] for fingerprint, pair in pairs.items()),
        )
