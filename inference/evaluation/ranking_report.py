"""Who ranks best: the part of the report on lists of candidates, with its plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..distill.domains import Split
from ..distill.examples import Example, Numbers
from .calibration import HEADS, Truths, bins, calibration
from .costing import CANDIDATES, Costs
from .markdown import table
from .plots import regrets, reliability
from .ranking import FIGURES, LEAST, Judged, Mean, difference, figures, mean

KNOW_NOTHING = ("chance", "rules", "first look")
"""Rankers whose scores do not say whether doing nothing is better."""
REGRET, CALIBRATION = "regret.svg", "calibration.svg"
REGRETS = ("regret@1", "regret@3")
DOMAINS = 12
"""Below so many an interval by domain means little."""
SIMPLEST_FIRST = ("rules", "trees", "student")
"""Whoever may be the product's default; a first look is taken in any case."""
FOLDS = 5
"""Parts of the domains by which the default is chosen."""

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
    pays = sum(map(long_and_pays, long))
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
                ["ranker", *HEADS, "gains"],
                [[one.name, *_calibration(lists, one.gains)] for one in judged if one.gains],
            ),
            f"![calibration]({CALIBRATION})",
        ]
    return "\n\n".join(parts) + "\n"


def few(domains: int) -> str:
    if domains >= DOMAINS:
        return ""
    return f" **Fewer than {DOMAINS} domains: the intervals are not reliable.**"


def long_and_pays(one: Example) -> bool:
    return len(one.features) >= LEAST and bool(one.saved_s.max() > 0)


def chosen(lists: Sequence[Example], found: Sequence[Contender]) -> str:
    """The default by regret@1 on domains that its models have not seen; of those that their paired interval does not
    tell from the best, the simplest. `found` is empty where there are too few domains.
    """
    domains = len({one.domain for one in lists if long_and_pays(one)})
    if not found:
        return (
            f"No default is chosen: of the domains for training and for validation {domains} have a list of at least "
            f"{LEAST} candidates in which one pays, and it takes {DOMAINS}.\n"
        )
    by_name = {name: of["regret@1"] for name, of in by_ranker(lists, found).items() if name in SIMPLEST_FIRST}
    best = min(by_name, key=lambda name: mean(by_name[name]).mean)
    default = next(name for name in SIMPLEST_FIRST if name in by_name and _ties(by_name[name], by_name[best]))
    said = ", ".join(f"{name} {_told(mean(of))}" for name, of in by_name.items())
    return (
        f"The default is chosen by regret@1 on the {domains} domains for training and for validation together, since "
        f"those for validation alone are too few. They are judged in {FOLDS} parts, each by trees and a student that "
        "learned from the others as the one that ships did, of which the next part said when to stop; tau and the part "
        f"of the hard loss were chosen on validation before. {said[0].upper()}{said[1:]}. Least is that of {best}; of "
        f"those that cannot be told from it the simplest is **{default}**.\n"
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
        judged = [one for one in found if one.gains and one.name in SIMPLEST_FIRST]
        curves = {one.name: [*bins(*_said(lists, one.gains)).values()] for one in judged if one.gains}
        if curves:
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


def _said(lists: Sequence[Example], gains: Sequence[Numbers]) -> tuple[Numbers, Truths]:
    """Of all candidates how likely a gain was said to be, and whether it was one."""
    return np.concatenate(list(gains)), np.concatenate([one.gains for one in lists])


def _calibration(lists: Sequence[Example], gains: Sequence[Numbers]) -> list[str]:
    said, true = _said(lists, gains)
    return [*calibration(said, true), f"{true.mean():.3f}"]
