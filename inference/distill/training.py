"""Trains the student from nothing (see `distillation`), and the trees before it.

When to stop is found by the loss on the lists for validation, which tau and which part of the hard loss by the regret
there, where the probability of a gain is also calibrated (Platt, 1999).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import mlx.core as mx
import numpy as np

from ..evaluation.ranking import Judged, regret
from ..judgement.features import Features
from ..judgement.network import INPUTS, Config, Network, forward, shapes
from ..judgement.ranker import TREES
from ..judgement.trees import Trees
from ..weights import Weights
from .boosting import boosted
from .calibrating import platt
from .distillation import Batch, Plan, loss, padded, passes, seen_with
from .examples import Example, Numbers

TAUS, HARD = (0.1, 0.3, 1.0), (0.0, 0.3)
TAUS_OF_A_MODEL = (1.0, 2.0, 4.0)
"""Of logits, which are further apart than the logarithms of speedups."""
FOLDS = 5
LEAST_SPREAD = 1e-3


@dataclass(frozen=True, slots=True)
class Trained:
    """`regret` is that at the first candidate on the lists for validation."""

    plan: Plan
    network: Network
    trees: Trees
    regret: float
    epochs: int

    def save(self, folder: Path) -> None:
        """Makes the folder, or replaces what is in it."""
        self.network.save(folder)
        self.trees.save(folder / TREES)


Told = Callable[[str], None]


def trained(examples: Sequence[Example], name: str, version: str, told: Told, plan: Plan | None = None) -> Trained:
    """The best on the lists for validation, over taus and HARD where there is no plan. Same examples, same model."""
    training = [one for one in examples if one.split == "train" and len(one.features)]
    validation = [one for one in examples if one.split == "validation" and len(one.features)]
    trees = trees_of(training, seed=0)
    seen = seen_with(training, _out_of_fold(training))
    unseen = seen_with(validation, [trees.preference.score(one.features) for one in validation])
    taus = TAUS if training[0].taught is None else TAUS_OF_A_MODEL
    plans = [plan] if plan else [Plan(tau=tau, hard=hard) for tau, hard in product(taus, HARD)]
    found = []
    for one in plans:
        config = Config(name=name, version=version, width=one.width)
        network, regret_, epochs = _fit(one, training, seen, validation, unseen, config)
        told(f"tau {one.tau:g}, hard {one.hard:g}: regret@1 {regret_:.3f} on validation after {epochs} epochs")
        found.append(Trained(one, network, trees, regret_, epochs))
    return min(found, key=lambda one: one.regret)


def trees_of(examples: Sequence[Example], seed: int) -> Trees:
    features = np.concatenate([one.features for one in examples])
    logs = np.log(np.concatenate([one.speedups for one in examples]))
    return boosted(features, logs, np.concatenate([one.gains for one in examples]), seed)


def _out_of_fold(examples: Sequence[Example]) -> list[Numbers]:
    """What trees say that have not seen the domain, as they will not have seen it in use; of two domains or more."""
    fold = {domain: number % FOLDS for number, domain in enumerate(sorted({one.domain for one in examples}))}
    others = {
        number: trees_of([one for one in examples if fold[one.domain] != number], number)
        for number in set(fold.values())
    }
    return [others[fold[one.domain]].preference.score(one.features) for one in examples]


def _fit(
    plan: Plan,
    training: Sequence[Example],
    seen: Sequence[Features],
    validation: Sequence[Example],
    unseen: Sequence[Features],
    config: Config,
) -> tuple[Network, float, int]:
    """Also the regret@1 on the lists for validation, and after how many epochs."""
    kept = beginning(plan, np.concatenate(list(seen)))
    least, last = np.inf, 0
    check = padded(validation, unseen)
    for epoch, weights in zip(range(1, plan.epochs + 1), passes(plan, kept, training, seen), strict=False):
        now = float(np.asarray(loss(plan, weights, check)))
        if now < least:
            kept, least, last = weights, now, epoch
        elif epoch - last >= plan.patience:
            break
    slope, offset = _calibrated(kept, check)
    return (
        Network(config.model_copy(update={"slope": slope, "offset": offset}), kept),
        _regret(kept, validation, check),
        last,
    )


def beginning(plan: Plan, inputs: Features) -> Weights:
    spread = inputs.std(axis=0)
    weights: Weights = {}
    keys = iter(mx.random.split(mx.random.key(plan.seed), 32))
    for name, shape in shapes(INPUTS, plan.width).items():
        weights[name] = mx.zeros(shape)
        if len(shape) == 2:
            weights[name] = mx.random.normal(shape, key=next(keys)) * (2 / shape[1]) ** 0.5
    weights["mean"] = mx.array(inputs.mean(axis=0))
    weights["scale"] = mx.array(
        np.where(spread > LEAST_SPREAD, 1 / np.maximum(spread, LEAST_SPREAD), 0.0).astype(np.float32)
    )
    return weights


def _regret(weights: Weights, examples: Sequence[Example], batch: Batch) -> float:
    scores = np.asarray(forward(weights, batch.inputs, batch.mask)[..., 0], np.float64)
    lists = [Judged(one.domain, one.saved_s, scores[row, : len(one.saved_s)]) for row, one in enumerate(examples)]
    return float(np.mean([regret(one, 1) for one in lists if one.pays]))


def _calibrated(weights: Weights, batch: Batch) -> tuple[float, float]:
    """Slope and offset under which the gains are as likely as said."""
    there = np.asarray(batch.mask) > 0
    outputs = np.asarray(forward(weights, batch.inputs, batch.mask)[..., 1], np.float64)[there]
    return platt(outputs, np.asarray(batch.gains)[there] > 0)
