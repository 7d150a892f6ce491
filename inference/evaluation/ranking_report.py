"""Who ranks best: the part of the report on lists of candidates, with its plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..distill.domains import Split
from ..distill.examples import Example, Numbers
from .costing import CANDIDATES, Costs
from .markdown import table
from .plots import Bin, regrets, reliability
from .ranking import FIGURES, LEAST, Judged, Mean, difference, figures, mean

KNOW_NOTHING = ("chance", "rules", "first look")
"""Rankers whose scores do not say whether doing nothing is better."""
REGRET, CALIBRATION = "regret.svg", "calibration.svg"
REGRETS = ("regret@1", "regret@3")
BINS = 10
DOMAINS = 12
"""Below so many an interval by domain means little."""
SIMPLEST_FIRST = ("rules", "trees", "student")
"""Whoever may be the product's default; a first look is taken in any case."""

ByDomain = Mapping[str, Mapping[str, Sequence[float]]]


@dataclass(frozen=True, slots=True)
class Contender:
    """Of each list the scores, and where it says them the probabilities of a gain."""

    name: str
    scores: list[Numbers]
    gains: list[Numbers] | None = None


def report(split: Split, lists: Sequence[Example], found: Sequence[Contender]) -> str:
    """Markdown. Where no list is long enough, it says so and no more."""
    long = [one for one in lists if len(one.features) >= LEAST]
    domains = len({one.domain for one in long})
    pays = sum(bool(one.saved_s.max() > 0) for one in long)
    begins = (
        f"{len(long):,} lists of at least {LEAST} candidates, of {domains} domains of the split {split}; {pays:,} of "
        f"them hold a candidate that pays."
    )
    if not pays:
        return f"{begins} There is nothing to compare yet: label more databases.\n"
    by_name = by_ranker(lists, found)
    parts = [
        begins + " Means over domains, with the 95 % interval of a bootstrap by domain. Chance, the rules (what they "
        "promise) and a first look (what it would save, as often as it ran) do not say whether doing nothing is "
        "better. False gains are told of the lists where nothing pays." + few(domains),
        table(["ranker", *FIGURES], [[name, *_row(name, of)] for name, of in by_name.items()]),
        f"![regret by ranker]({REGRET})",
    ]
    if "student" in by_name:
        parts += [
            "### The student beside the others",
            "Differences on the same lists, paired by domain: below 0 the student is better, but for NDCG@3.",
            table(
                ["beside", *FIGURES],
                [[name, *_beside(name, by_name["student"], of)] for name, of in by_name.items() if name != "student"],
            ),
        ]
    if judged := [one for one in found if one.gains]:
        parts += [
            "### Calibration",
            "Brier score, and the mean distance between what is said and what is so over ten bins of what is said.",
            table(
                ["ranker", "Brier score", "calibration error", "said on average", "gains"],
                [[one.name, *_calibration(lists, one.gains)] for one in judged if one.gains],
            ),
            f"![calibration]({CALIBRATION})",
        ]
    return "\n\n".join(parts) + "\n"


def few(domains: int) -> str:
    if domains >= DOMAINS:
        return ""
    return f" **Fewer than {DOMAINS} domains: the intervals are not reliable.**"


def chosen(lists: Sequence[Example], found: Sequence[Contender]) -> str:
    """Of lists for validation the default by regret@1; of those that their paired interval does not tell from the best,
    the simplest.
    """
    by_name = {name: of["regret@1"] for name, of in by_ranker(lists, found).items() if name in SIMPLEST_FIRST}
    if not all(by_name.values()):
        return "No list for validation is long enough to choose the default by.\n"
    best = min(by_name, key=lambda name: mean(by_name[name]).mean)
    default = next(name for name in SIMPLEST_FIRST if name in by_name and _ties(by_name[name], by_name[best]))
    said = ", ".join(f"{name} {_told(mean(of))}" for name, of in by_name.items())
    return (
        f"The default is chosen on validation, by regret@1 on {len(by_name[best])} domains: {said}. Least is that of "
        f"{best}; of those that cannot be told from it the simplest is **{default}**.{few(len(by_name[best]))}\n"
    )


def _ties(one: Mapping[str, Sequence[float]], best: Mapping[str, Sequence[float]]) -> bool:
    return difference(one, best).low <= 0


def plots(lists: Sequence[Example], found: Sequence[Contender]) -> dict[str, str]:
    """SVG by the names of their files; none of what there is nothing to say of."""
    by_name = by_ranker(lists, found)
    made = {}
    if all(of["regret@1"] for of in by_name.values()):
        rows = {name: [mean(of[figure]) for figure in REGRETS] for name, of in by_name.items()}
        made[REGRET] = regrets(rows, REGRETS)
        if curves := {one.name: _bins(lists, one.gains) for one in found if one.gains and one.name in SIMPLEST_FIRST}:
            made[CALIBRATION] = reliability(curves)
    return made


def costs_told(costs: Costs) -> str:
    return (
        "\n\n".join(
            [
                f"A list of {CANDIDATES} candidates in the process that has the model, without the way there and back; "
                f"the process holds {costs.resident_bytes / 1e6:,.0f} MB.",
                table(
                    ["ranker", "p50 ms", "p95 ms", "files, bytes"],
                    [
                        [name, f"{1e3 * one.p50_s:.2f}", f"{1e3 * one.p95_s:.2f}", one.bytes]
                        for name, one in costs.rankers.items()
                    ],
                ),
            ]
        )
        + "\n"
    )


def by_ranker(lists: Sequence[Example], found: Sequence[Contender]) -> dict[str, ByDomain]:
    return {
        one.name: figures([Judged(of.domain, of.saved_s, scores) for of, scores in zip(lists, one.scores, strict=True)])
        for one in found
    }


def _row(name: str, of: ByDomain) -> list[str]:
    return [_told(mean(of[figure])) if of[figure] and _means_something(name, figure) else "" for figure in FIGURES]


def _beside(name: str, student: ByDomain, other: ByDomain) -> list[str]:
    return [
        _told(difference(student[figure], other[figure])) if student[figure] and _means_something(name, figure) else ""
        for figure in FIGURES
    ]


def _means_something(name: str, figure: str) -> bool:
    return name not in KNOW_NOTHING or figure not in ("false gains", "harmful")


def _told(one: Mean) -> str:
    return f"{one.mean:.3f} ({one.low:.3f} to {one.high:.3f})"


def _bins(lists: Sequence[Example], gains: Sequence[Numbers]) -> list[Bin]:
    """Of all candidates, by what is said of them; empty ones are left out."""
    said, true = np.concatenate(list(gains)), np.concatenate([one.gains for one in lists])
    places = np.minimum((said * BINS).astype(int), BINS - 1)
    return [
        Bin(float(said[there].mean()), float(true[there].mean()), int(there.sum()))
        for place in range(BINS)
        if (there := places == place).any()
    ]


def _calibration(lists: Sequence[Example], gains: Sequence[Numbers]) -> list[str]:
    said, true = np.concatenate(list(gains)), np.concatenate([one.gains for one in lists]).astype(float)
    error = sum(abs(one.said - one.true) * one.candidates for one in _bins(lists, gains)) / len(said)
    return [f"{value:.3f}" for value in (((said - true) ** 2).mean(), error, said.mean(), true.mean())]
