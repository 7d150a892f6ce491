"""Trains a student further on a team's own lists, and judges whether it has become better there.

A few passes with a small rate, from the weights that there are; as many lists of those that it was made from keep it
from forgetting them. The trees stay. Part of the own lists is held back, whole analyses, by the seed and their names:
nothing is chosen on them. On those the new student is judged beside the old one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

import mlx.core as mx

from schemas.errors import LearningError

from ..evaluation.ranking import AT, Judged, Mean, difference, mean, ndcg, regret
from ..judgement.network import Config, Network
from ..judgement.ranker import Ranker, Student
from ..weights import Weights
from .dataset import Listed, files, lists_of
from .distillation import Plan, passes, seen_with
from .examples import Example, example
from .labelled import Labels

HELD_BACK = 0.3
LEAST_HELD_BACK = 12
"""Of lists in which something pays: with fewer, the interval of a difference is that of chance."""
LEAST_TRAINED = 12
PASSES, BATCH, RATE = 20, 8, 3e-4
SOURCES = 10
"""Databases at least, of which lists are rehearsed."""


class Parts(NamedTuple):
    training: list[Example]
    held_back: list[Example]


class Compared(NamedTuple):
    """A figure on the lists that were held back; `by` is new less old, paired by list."""

    old: Mean
    new: Mean
    by: Mean


def parts(lists: Iterable[Listed], seed: int) -> Parts:
    """Whether an analysis is held back does not depend on the others. Raises LearningError where there are too few."""
    found = Parts([], [])
    for one in lists:
        is_held_back = Random(f"{seed}:{one.name}").random() < HELD_BACK
        if not is_held_back or one.pays:  # of nothing that pays nothing can be missed
            found[is_held_back].append(example(one))
    if len(found.held_back) < LEAST_HELD_BACK or len(found.training) < LEAST_TRAINED:
        raise LearningError(
            f"to judge a new model at least {LEAST_HELD_BACK} analyses that found something must be held back, and "
            f"{LEAST_TRAINED} others learned from; there are {len(found.held_back)} and {len(found.training)}. Learn "
            f"again after about {_needed(found)} more analyses that find something"
        )
    return found


def rehearsed(folder: Path, count: int, seed: int) -> Iterator[Example]:
    """Lists of the labels in the folder, as many where there are, of training domains; none where it has no labels."""
    names = files(folder)
    Random(seed).shuffle(names)
    training = (labels for labels in map(Labels.load, names) if labels.split == "train")
    return islice((example(one) for labels in training for one in lists_of(labels)[: -(-count // SOURCES)]), count)


def gently(plan: Plan) -> Plan:
    """As the base was trained, but little."""
    return replace(plan, rate=RATE, batch=BATCH, epochs=PASSES)


def refined(base: Student, training: Sequence[Example], version: str, plan: Plan) -> Student:
    """Of the same examples the same."""
    config = base.network.config
    inputs = seen_with(training, [base.trees.preference.score(one.features) for one in training])
    after = passes(plan, calibrated(base.network), training, inputs)
    weights = next(islice(after, plan.epochs - 1, None))
    new = Config(name=config.name, version=version, width=config.width)
    return Student(Network(new, weights), base.trees, version)


def calibrated(network: Network) -> Weights:
    """With the calibration as a part of the last layer, where it is trained further with the rest."""
    config = network.config
    scale, offset = mx.array([1.0, config.slope]), mx.array([0.0, config.offset])
    weight, bias = (network.weights[f"together.1.{name}"] for name in ("weight", "bias"))
    last = {"together.1.weight": weight * scale[:, None], "together.1.bias": bias * scale + offset}
    return {**network.weights, **last}


def compared(old: Ranker, new: Ranker, held_back: Sequence[Example]) -> Mapping[str, Compared]:
    """Of the figures by which an order is judged; each list counts the same."""
    judged = [
        [
            Judged(one.domain, one.saved_s, ranking.preference)
            for one, ranking in zip(held_back, one_of_both.score([one.features for one in held_back]), strict=True)
        ]
        for one_of_both in (old, new)
    ]
    found = {}
    for name, figure in (
        ("regret@1", lambda one: regret(one, 1)),
        (f"regret@{AT}", lambda one: regret(one, AT)),
        (f"NDCG@{AT}", ndcg),
    ):
        of_old, of_new = ({str(place): [figure(one)] for place, one in enumerate(lists)} for lists in judged)
        found[name] = Compared(mean(of_old), mean(of_new), difference(of_new, of_old))
    return found


def is_better(found: Mapping[str, Compared]) -> bool:
    """Less is lost at the first candidate, and the interval leaves no room for more; nor is more lost at the third."""
    first = found["regret@1"].by
    return first.mean < 0 and first.high <= 0 and found[f"regret@{AT}"].by.mean <= 0


def _needed(found: Parts) -> int:
    held_back = (LEAST_HELD_BACK - len(found.held_back)) / HELD_BACK
    return round(max(held_back, (LEAST_TRAINED - len(found.training)) / (1 - HELD_BACK), 1))
