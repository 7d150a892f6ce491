"""What an order of trying is worth: seconds a day that are verified to be saved, for each second of budget.

A replay of measured times: nothing is measured here. Candidates come from the files of labels, those of databases for
the test alone; they are looked at and measured by the product's own steps with the seconds that were measured for each
(`inference.distill.replaying` says what is simpler). A database proposes some ten candidates at a time, so that a list
of 24 or more puts together what several databases propose, or one of them for several workloads.

- chance: looked at, and measured, in a random order; the mean of many
- rules: by what the rules promise for each second of a first look, and measured in that order
- first look: looked at by chance, and measured by screened saving x frequency for each second
- rules, first look: looked at as the rules say, measured by screened saving x frequency: the product without a model
- the ranker: the same, both with the probability of a gain that the ranker says: the product with it
- known: by what was measured, which nobody knows before; greedy, and by the same rules

    python deploy/benchmarks/orders.py [--labels FOLDER] [--ranker FOLDER] [--split test]
"""

import argparse
import random
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from machine import machine
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from inference.advisor.proposing import CANDIDATES, SCREENING_S
from inference.advisor.workload import Workload
from inference.distill.dataset import Measured, files
from inference.distill.labelled import Labels
from inference.distill.labels import FOLDER
from inference.distill.replaying import Order, Tries, Try, cost_of_all_s, known, looked, promised, replay, try_of
from inference.judgement import ranker
from inference.judgement.features import features

LISTS = {24: 40, 200: 8, 1_000: 3}
"""By how many candidates a list has."""
BUDGETS = (0.1, 0.25, 0.5)
"""Of what it would cost to try all."""
SHUFFLES = 20
WORKLOADS = 40
"""Of a database, at the most."""
RESAMPLES = 2_000
FEW = 12
SEED = 5

ByDomain = Mapping[str, float]


@dataclass(frozen=True)
class Proposed:
    """What a database proposes for a workload; `likely` is what the ranker says of each."""

    database: str
    tries: Tries
    likely: Sequence[float]

    def ranked(self) -> list[Try]:
        return [one.with_likely(likely) for one, likely in zip(self.tries, self.likely, strict=True)]


@dataclass(frozen=True)
class Pool:
    """By domain."""

    proposed: Mapping[str, Sequence[Proposed]]

    @property
    def size(self) -> int:
        return sum(len(one.tries) for of in self.proposed.values() for one in of)

    def drawn(self, count: int, chance: random.Random) -> list[Proposed]:
        """Of domains in turn, until there are so many candidates; of the last one only as many as are missing."""
        waiting = {domain: chance.sample(of, len(of)) for domain, of in self.proposed.items()}
        found: list[Proposed] = []
        while count:
            for domain in chance.sample(sorted(waiting), len(waiting)):
                if waiting[domain] and count:
                    one = waiting[domain].pop()
                    kept = sorted(chance.sample(range(len(one.tries)), min(count, len(one.tries))))
                    count -= len(kept)
                    found.append(
                        Proposed(one.database, [one.tries[at] for at in kept], [one.likely[at] for at in kept])
                    )
        return found


def pool_of(folder: Path, split: str, judge: ranker.Ranker | None) -> Pool:
    found: dict[str, list[Proposed]] = {}
    number = 0
    for file in files(folder):
        labels = Labels.load(file)
        if labels.split != split:
            continue
        measured = Measured(labels)
        for seed in range(min(labels.lists, WORKLOADS)):
            listed = measured.list(seed)
            candidates = [one.candidate for one in listed.choices if one.candidate]
            tried = [(one, measured.tried(one)) for one in candidates]
            tries = [try_of(labels.domain, number, one, listed.request, of) for one, of in tried if of]
            if not tries:
                continue
            likely = [1.0] * len(tries)
            if judge:
                [said] = judge.score([features(Workload(listed.request), candidates)])
                likely = [float(one) for one in said.gain]
            found.setdefault(labels.domain, []).append(Proposed(labels.database, tries, likely))
            number += 1
    return Pool(found)


def shuffled(chance: random.Random) -> Order:
    return Order(lambda tries, room: chance.sample(tries, len(tries))[:room], lambda survivors: survivors)


def looked_by_chance(chance: random.Random) -> Order:
    return Order(lambda tries, room: chance.sample(tries, len(tries))[:room], looked)


RULES = Order(promised, lambda survivors: survivors)
PRODUCT = Order(promised, looked)
KNOWN = Order(known, known)


@dataclass(frozen=True)
class Outcome:
    """Of one list and budget. `saved_s` a day by order and domain; `most_s` is what all of it would save."""

    budget_s: float
    most_s: float
    saved_s: Mapping[str, ByDomain]

    def rate(self, order: str) -> float:
        return sum(self.saved_s[order].values()) / self.budget_s

    def share(self, order: str) -> float:
        return sum(self.saved_s[order].values()) / self.most_s


def outcomes(drawn: Sequence[Proposed], judge: str | None, chance: random.Random) -> list[Outcome]:
    """One for each budget."""
    tries = [one for of in drawn for one in of.tries]
    ranked = [one for of in drawn for one in of.ranked()]
    cost_s = cost_of_all_s(tries)
    most_s = sum(replay(tries, KNOWN, 100 * cost_s, len(tries)).saved_s.values())
    found = []
    for part in BUDGETS:
        budget_s = part * cost_s
        room = max(CANDIDATES, int(budget_s / SCREENING_S))
        saved: dict[str, ByDomain] = {
            name: mean_of([replay(tries, order(chance), budget_s, room).saved_s for _ in range(SHUFFLES)])
            for name, order in (("chance", shuffled), ("first look", looked_by_chance))
        }
        saved["rules"] = replay(tries, RULES, budget_s, room).saved_s
        saved["rules, first look"] = replay(tries, PRODUCT, budget_s, room).saved_s
        if judge:
            saved[judge] = replay(ranked, PRODUCT, budget_s, room).saved_s
        saved["known"] = replay(tries, KNOWN, budget_s, room).saved_s
        found.append(Outcome(budget_s, most_s, saved))
    return found


def mean_of(found: Sequence[ByDomain]) -> ByDomain:
    return {domain: sum(one.get(domain, 0.0) for one in found) / len(found) for one in found for domain in one}


def beside_chance(found: Sequence[Outcome], order: str) -> tuple[float, float, float]:
    """Times as much as chance, of what each list could save at most, with its interval by drawing domains anew."""
    domains = sorted({domain for one in found for of in one.saved_s.values() for domain in of})
    ours, theirs = (
        np.array([sum(one.saved_s[name].get(domain, 0.0) / one.most_s for one in found) for domain in domains])
        for name in (order, "chance")
    )
    draws = np.random.default_rng(SEED).integers(len(domains), size=(RESAMPLES, len(domains)))
    low, high = np.quantile(ours[draws].sum(axis=1) / np.maximum(theirs[draws].sum(axis=1), 1e-12), (0.025, 0.975))
    return float(ours.sum() / theirs.sum()), float(low), float(high)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--labels", type=Path, default=FOLDER, help="where the labels are")
    arguments.add_argument("--ranker", type=Path, help="folder of a ranking model; without one it has no row")
    arguments.add_argument("--split", default="test", choices=("train", "validation", "test"))
    given = arguments.parse_args()
    console = Console(width=120)
    judge = ranker.load(given.ranker) if given.ranker else None
    pool = pool_of(given.labels, given.split, judge)
    if not pool.proposed:
        raise SystemExit(f"{given.labels} has no labels of the split {given.split}: python -m inference.distill.labels")
    console.print(
        f"A replay of measured times, not a measurement. {machine()}. {len(pool.proposed)} domains of the split "
        f"{given.split}"
        + (f", fewer than {FEW}: the intervals are too narrow" if len(pool.proposed) < FEW else "")
        + (f"; ranker {judge.name} {judge.version}" if judge else "; no ranker")
    )
    chance = random.Random(SEED)
    for count, lists in LISTS.items():
        if pool.size < count:
            console.print(f"\n{count:,} candidates: there are only {pool.size:,}; label more databases")
            continue
        drawn = [pool.drawn(count, chance) for _ in range(lists)]
        found = [outcomes(one, judge.name if judge else None, chance) for one in drawn]
        show(console, count, drawn, found)


def show(console: Console, count: int, drawn: Sequence[Sequence[Proposed]], found: Sequence[list[Outcome]]) -> None:
    """Lists where nothing is to be saved count for no order."""
    paying = [one for one in found if one[0].most_s > 0]
    databases = statistics.median(len({one.database for one in of}) for of in drawn)
    workloads = statistics.median(len(of) for of in drawn)
    console.print(
        f"\n{count:,} candidates: {len(drawn)} lists, each of {databases:g} databases in {workloads:g} workloads "
        f"(medians); {len(drawn) - len(paying)} hold nothing to save"
    )
    if not paying:
        return
    shown = Table()
    columns = ("budget", "s", "order", "s a day saved / s of budget", "of what all save", "x chance", "95 %")
    for column in columns:
        shown.add_column(column, justify="left" if column == "order" else "right")
    for place, part in enumerate(BUDGETS):
        here = [one[place] for one in paying]
        for order in here[0].saved_s:
            times, low, high = beside_chance(here, order)
            shown.add_row(
                f"{part:.0%}",
                f"{statistics.median(one.budget_s for one in here):,.0f}",
                order,
                f"{statistics.median(one.rate(order) for one in here):.2f}",
                f"{statistics.median(one.share(order) for one in here):.0%}",
                f"{times:.2f}",
                f"{low:.2f} to {high:.2f}" if order != "chance" else "",
            )
        shown.add_section()
    console.print(shown)


if __name__ == "__main__":
    main()
