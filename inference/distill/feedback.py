"""Lists that a team's own analyses make: their candidates, with what measuring and production said of each.

The candidates are those of the rules for the analysis's request. What each saves a day if it alone is done is known
- from production, where its suggestion was carried out and could be compared (see `inference.outcome`);
- else from measuring: of a suggestion its gain, of what gained nothing or cannot be done 0, of a harm the loss.

What was not reached, or was inconclusive, is not in the list; nor is what shares a query with a change that was
accepted before it: that was measured on top of it, and says nothing of it alone.

People move what a gain is worth, by the weights of `inference.priors`: one that was rejected or taken back, or that
was given the worst score, is worth half. Whether it is a gain they do not move, nor what a loss is.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from math import log
from random import Random
from typing import NamedTuple

from schemas.actions import suggestion_id
from schemas.measure.verdict import DIFFERENT_RESULTS, HARM, INCONCLUSIVE, LEAST_GAIN, NOT_MEASURABLE, NOT_REACHED
from schemas.records import AnalysisRequest, Candidate, Considered, Suggestion

from ..advisor import propose
from ..advisor.workload import WRITES
from ..judgement.features import DAY_S
from ..priors import BEST, REJECTION, SCORE, WORST
from .dataset import NOTHING, Choice, Listed

MOST_SAVED = 0.99
"""Of the workload's time: what was measured may differ from what the log says it took."""
UNTOLD = (NOT_REACHED, INCONCLUSIVE)
NEVER = (DIFFERENT_RESULTS, NOT_MEASURABLE, "refused")
"""Whatever was accepted before."""


class Told(NamedTuple):
    """A suggestion, and what came of it. `came` is before / after of its queries' time in production, None if unknown.

    `is_unwanted` is of one that was rejected, or taken back; `score` is 1 to 5, the best.
    """

    suggestion: Suggestion
    came: float | None = None
    is_unwanted: bool = False
    score: float | None = None


def listed(request: AnalysisRequest, told: Iterable[Told]) -> Listed:
    """Of an analysis and all of its suggestions; doing nothing is among the choices."""
    analysis = _Analysis(request, list(told))
    choices = [choice for one in analysis.candidates if (choice := analysis.choice(one))]
    shuffled = [NOTHING, *choices]
    Random(f"{request.analysis_id}:order").shuffle(shuffled)
    return Listed(
        name=request.analysis_id,
        domain=f"{request.product}/{request.database}",
        split="train",
        request=request,
        choices=tuple(shuffled),
        unmeasured=len(analysis.candidates) - len(choices),
    )


class _Analysis:
    def __init__(self, request: AnalysisRequest, told: Sequence[Told]) -> None:
        days = (request.window_end - request.window_start).total_seconds() / DAY_S
        self._request = request
        self._times = {shape.fingerprint: shape.total_us / 1e6 / days for shape in request.workload}
        self._reads = {shape.fingerprint for shape in request.workload if shape.kind not in WRITES}
        self._changes = [one for one in told if one.suggestion.kind == "change"]
        self._considered = {_named(one): one for one in (other for it in told for other in it.suggestion.considered)}
        self.candidates = propose(request).candidates
        self._names = Counter(map(_named, self.candidates))

    @cached_property
    def _accepted(self) -> dict[str, set[str]]:
        """The queries of each change."""
        return {one.suggestion.suggestion_id: {*one.suggestion.statements} for one in self._changes}

    def choice(self, candidate: Candidate) -> Choice | None:
        """None where nothing is known of it."""
        one = self._change(candidate)
        if one is None:
            return self._of_others(candidate)
        if one.came is not None:
            return self._choice(candidate, worth(self._affected_s(candidate) * (1 - 1 / one.came), one), one)
        if self._is_on_top(candidate, one.suggestion.after):
            return None
        gain = one.suggestion.gain
        return self._choice(candidate, worth(gain.saved_s_per_day if gain else 0.0, one), one)

    def _change(self, candidate: Candidate) -> Told | None:
        """By what is done; where a part of it was left out, by its name."""
        id_ = str(suggestion_id(self._request.product, self._request.database, candidate.actions))
        for one in self._changes:
            if one.suggestion.suggestion_id == id_:
                return one
        named = [one for one in self._changes if _named(one.suggestion) == _named(candidate)]
        return named[0] if len(named) == self._names[_named(candidate)] == 1 else None

    def _of_others(self, candidate: Candidate) -> Choice | None:
        found = self._considered.get(_named(candidate))
        if found is None or self._names[_named(candidate)] > 1 or found.verdict in UNTOLD:
            return None
        if found.verdict not in NEVER and self._is_on_top(candidate, self._accepted):
            return None
        saved_s = 0.0
        if found.verdict == HARM:
            saved_s = self._affected_s(candidate) * (1 - 1 / (found.speedup or 1 / LEAST_GAIN))
        return self._choice(candidate, saved_s, None, found.reason if found.verdict in NEVER else "")

    def _is_on_top(self, candidate: Candidate, before: Iterable[str]) -> bool:
        return any(not self._accepted.get(one, set()).isdisjoint(candidate.affected) for one in before)

    def _affected_s(self, candidate: Candidate) -> float:
        """Of the reads, a day: their ratio is known apart from that of the writes."""
        return sum(self._times[one] for one in self._reads.intersection(candidate.affected))

    def _choice(self, candidate: Candidate, saved_s: float, told: Told | None, refused: str = "") -> Choice:
        cost, before_s = told.suggestion.cost if told else None, sum(self._times.values())
        saved_s = min(saved_s, MOST_SAVED * before_s)
        return Choice(
            candidate=candidate,
            saved_s=saved_s,
            log_speedup=log(before_s / (before_s - saved_s)) if before_s else 0.0,
            build_s=cost.build_s if cost else 0.0,
            extra_bytes=cost.extra_bytes if cost else 0,
            refused=refused,
        )


def worth(saved_s: float, told: Told) -> float:
    """What the team has of a saving."""
    if saved_s <= 0:
        return saved_s
    disliked = 0.0 if told.score is None else (BEST - told.score) / (BEST - WORST)
    return saved_s * (1 - REJECTION * told.is_unwanted) * (1 - SCORE * disliked)


def _named(one: Candidate | Suggestion | Considered) -> tuple[str, str]:
    return one.rule, one.title
