"""Who is compared on lists of candidates: chance, the rules, a first look, the trees, the student, an untrained one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..distill.distillation import Plan
from ..distill.domains import Split
from ..distill.examples import Example
from ..distill.training import Told, beginning, trained
from ..judgement import ranker
from ..judgement.judged import Ranking
from ..judgement.network import Config, Network
from ..judgement.ranker import Ranker, Student, TreesAlone
from .ranking_report import DOMAINS, FOLDS, Contender, long_and_pays

SEED = 0
"""Of chance."""


def contenders(lists: Sequence[Example], model: Path | None) -> list[Contender]:
    """Without a model's folder, those that need none. Raises ModelError."""
    random = np.random.default_rng(SEED)
    rankers = _models(model, lists) if model and lists else {}
    return [
        Contender("chance", [random.random(len(one.features)) for one in lists]),
        Contender("rules", [one.promised_s for one in lists]),
        Contender("first look", [one.glanced_s for one in lists]),
        *(_contender(name, one.score([one.features for one in lists])) for name, one in rankers.items()),
    ]


def held_out(lists: Sequence[Example], plan: Plan, told: Told) -> list[Contender]:
    """Whoever may be the default, on domains that they have not seen; none where fewer than `DOMAINS` of them pay.

    Of `FOLDS` parts of the domains each is judged by trees and a student that learned from the others, by the same plan
    as the one that ships; of those the next part says when to stop.
    """
    pays = {one.domain for one in lists if long_and_pays(one)}
    if len(pays) < DOMAINS:
        return []
    # Those that pay come first, so that each part has some of them.
    domains = sorted({one.domain for one in lists}, key=lambda name: (name not in pays, name))
    part = {domain: place % FOLDS for place, domain in enumerate(domains)}
    scores = {name: [np.empty(0)] * len(lists) for name in ("trees", "student")}
    for judged in range(FOLDS):
        splits: dict[int, Split] = {judged: "test", (judged + 1) % FOLDS: "validation"}
        told(f"part {judged + 1} of {FOLDS} of the domains is left out")
        examples = [one._replace(split=splits.get(part[one.domain], "train")) for one in lists]
        found = trained(examples, "student", "0", told, plan)
        rows = [row for row, one in enumerate(examples) if one.split == "test"]
        both: list[Ranker] = [TreesAlone(found.trees, "trees", ""), Student(found.network, found.trees, "0")]
        for one in both:
            rankings = one.score([lists[row].features for row in rows])
            for row, ranking in zip(rows, rankings, strict=True):
                scores[one.name][row] = ranking.preference
    return [
        Contender("rules", [one.promised_s for one in lists]),
        *(Contender(name, of_lists) for name, of_lists in scores.items()),
    ]


def _models(folder: Path, lists: Sequence[Example]) -> dict[str, Ranker]:
    found = ranker.load(folder)
    if not isinstance(found, Student):
        return {"trees": found}
    config = Config(name="untrained", version="0", width=found.network.config.width)
    inputs = [np.column_stack([one.features, np.zeros(len(one.features), np.float32)]) for one in lists]
    weights = beginning(Plan(width=config.width), np.concatenate(inputs))
    return {
        "trees": TreesAlone(found.trees, "trees", ""),
        "student": found,
        "untrained student": Student(Network(config, weights), found.trees, "0"),
    }


def _contender(name: str, found: Sequence[Ranking]) -> Contender:
    return Contender(name, [one.preference for one in found], [one.gain for one in found])
