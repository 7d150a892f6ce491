"""How good an order of candidates is, by what each was measured to save.

Asked of lists of at least `LEAST` candidates. Where one pays: the regret, the part of what the best one saves that is
lost if only the first k are measured (the best of them, or nothing, is then taken), and NDCG@3 (Järvelin and
Kekäläinen, ACM Transactions on Information Systems 20 (2002)) with what each saves as its gain, 0 for a loss. On the
others: how often the first candidate is preferred to doing nothing, a false gain. On all: how often the first, so
preferred, is harmful.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

LEAST = 8
AT = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """A list: net seconds that each candidate saves a day (0 where that is not told from nothing), and its scores.

    A score above 0 prefers the candidate to doing nothing; where a ranker has no such thing, all of them are.
    """

    domain: str
    saved_s: Numbers
    scores: Numbers

    @property
    def pays(self) -> bool:
        return bool(self.saved_s.max() > 0)

    @property
    def order(self) -> NDArray[np.int64]:
        """Of equal scores the later one comes last."""
        return np.argsort(-self.scores, kind="stable")


def regret(one: Judged, k: int) -> float:
    best = one.saved_s.max()
    return float((best - max(one.saved_s[one.order[:k]].max(), 0.0)) / best)


def lost_s(one: Judged, k: int) -> float:
    """The same in seconds a day."""
    return float(regret(one, k) * one.saved_s.max())


def ndcg(one: Judged) -> float:
    discounts = 1 / np.log2(np.arange(2, AT + 2))
    gains = np.maximum(one.saved_s, 0)
    ideal = np.sort(gains)[::-1][:AT]
    return float((gains[one.order[:AT]] * discounts[: len(ideal)]).sum() / (ideal * discounts[: len(ideal)]).sum())


def is_false_gain(one: Judged) -> float:
    return float(one.scores.max() > 0)


def is_harmful(one: Judged) -> float:
    """Whether what comes first, and is preferred to doing nothing, makes things worse."""
    first = one.order[0]
    return float(one.scores[first] > 0 and one.saved_s[first] < 0)


FIGURES = ("regret@1", "regret@3", "lost seconds a day @1", "lost seconds a day @3", "NDCG@3", "false gains", "harmful")


def figures(lists: Sequence[Judged]) -> dict[str, dict[str, list[float]]]:
    """By figure and domain the values of single lists; too short ones are left out."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in FIGURES}

    def note(name: str, one: Judged, value: float) -> None:
        found[name].setdefault(one.domain, []).append(value)

    for one in lists:
        if len(one.saved_s) < LEAST:
            continue
        note("harmful", one, is_harmful(one))
        if not one.pays:
            note("false gains", one, is_false_gain(one))
            continue
        for k in (1, AT):
            note(f"regret@{k}", one, regret(one, k))
            note(f"lost seconds a day @{k}", one, lost_s(one, k))
        note("NDCG@3", one, ndcg(one))
    return found


@dataclass(frozen=True, slots=True)
class Mean:
    """Of domains, each of which counts the same, with the 95 % interval of a bootstrap by domain."""

    mean: float
    low: float
    high: float
    domains: int


RESAMPLES = 2_000
SEED = 0


def mean(by_domain: Mapping[str, Sequence[float]]) -> Mean:
    """Of at least one domain."""
    return _interval(np.array([np.mean(values) for values in by_domain.values()]))


def difference(one: Mapping[str, Sequence[float]], other: Mapping[str, Sequence[float]]) -> Mean:
    """Of two rankers on the same lists, paired by domain."""
    return _interval(np.array([np.mean(one[name]) - np.mean(other[name]) for name in one]))


def _interval(means: NDArray[Any]) -> Mean:
    drawn = np.random.default_rng(SEED).choice(means, (RESAMPLES, len(means))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Mean(float(means.mean()), float(low), float(high), len(means))
