"""Who is compared on lists of candidates: chance, the rules, a first look, the trees, the student, an untrained one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..distill.distillation import Plan
from ..distill.examples import Example
from ..distill.training import beginning
from ..judgement import ranker
from ..judgement.judged import Ranking
from ..judgement.network import Config, Network
from ..judgement.ranker import Ranker, Student, TreesAlone
from .ranking_report import Contender


def contenders(lists: Sequence[Example], model: Path | None) -> list[Contender]:
    """Without a model's folder, those that need none. Raises ModelError."""
    random = np.random.default_rng(0)
    rankers = _models(model, lists) if model and lists else {}
    return [
        Contender("chance", [random.random(len(one.features)) for one in lists]),
        Contender("rules", [one.promised_s for one in lists]),
        Contender("first look", [one.glanced_s for one in lists]),
        *(_contender(name, one.score([one.features for one in lists])) for name, one in rankers.items()),
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
