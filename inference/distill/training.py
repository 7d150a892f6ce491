"""Trains the student: what was measured, distilled with a temperature over each list.

The teacher is the measurement. It has no logits, so log(speedup) / tau of the candidates, and 0 of doing nothing, stand
for them: their softmax is the soft target, and the Kullback-Leibler divergence to it is distillation with a
temperature (Hinton, Vinyals and Dean, 2015, section 2) over a list. A part `hard` of the loss is the cross entropy of
the best one alone, and the loss of the second output that of a gain or none. When to stop is found by the loss on the
lists for validation, which tau and which part by the regret there, where the probability of a gain is also calibrated
(Platt, 1999).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.optimizers as optimizers
import numpy as np

from ..evaluation.ranking import Judged, regret
from ..judgement.features import Features
from ..judgement.network import INPUTS, Config, Network, forward, shapes
from ..judgement.ranker import TREES
from ..judgement.trees import Trees
from ..weights import Weights
from .boosting import boosted
from .calibrating import platt
from .examples import Example, Numbers

TAUS, HARD = (0.1, 0.3, 1.0), (0.0, 0.3)
FOLDS = 5
LEAST_SPREAD = 1e-3


@dataclass(frozen=True, slots=True)
class Plan:
    """`hard` is the part of the hard loss. Training ends after `patience` epochs that brought nothing."""

    width: int = 96
    epochs: int = 200
    patience: int = 20
    batch: int = 64
    rate: float = 1e-3
    decay: float = 1e-2
    tau: float = 0.3
    hard: float = 0.3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """[list, candidate, ...], padded; of padding the mask is 0."""

    inputs: mx.array
    mask: mx.array
    logs: mx.array
    """Of the speedups."""
    gains: mx.array


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
    """The best on the lists for validation, over TAUS and HARD where there is no plan. Same examples, same model."""
    training = [one for one in examples if one.split == "train" and len(one.features)]
    validation = [one for one in examples if one.split == "validation" and len(one.features)]
    trees = trees_of(training, seed=0)
    seen = _with(training, _out_of_fold(training))
    unseen = _with(validation, [trees.preference.score(one.features) for one in validation])
    plans = [plan] if plan else [Plan(tau=tau, hard=hard) for tau, hard in product(TAUS, HARD)]
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


def _with(examples: Sequence[Example], scores: Sequence[Numbers]) -> list[Features]:
    return [
        np.column_stack([one.features, score]).astype(np.float32) for one, score in zip(examples, scores, strict=True)
    ]


def _fit(
    plan: Plan,
    training: Sequence[Example],
    seen: Sequence[Features],
    validation: Sequence[Example],
    unseen: Sequence[Features],
    config: Config,
) -> tuple[Network, float, int]:
    """Also the regret@1 on the lists for validation, and after how many epochs."""
    weights = beginning(plan, np.concatenate(list(seen)))
    optimizer: Any = optimizers.AdamW(learning_rate=plan.rate, weight_decay=plan.decay)
    learn = mx.value_and_grad(lambda weights, batch: _loss(plan, weights, batch))
    fixed = {name: weights[name] for name in ("mean", "scale")}
    free = {name: value for name, value in weights.items() if name not in fixed}
    kept, least, last = dict(weights), np.inf, 0
    check = _padded(validation, unseen)
    random = np.random.default_rng(plan.seed)
    for epoch in range(1, plan.epochs + 1):
        for rows in _drawn(random, seen, plan.batch):
            batch = _padded([training[row] for row in rows], [seen[row] for row in rows])
            _, gradients = learn({**free, **fixed}, batch)
            free = optimizer.apply_gradients({name: gradients[name] for name in free}, free)
            mx.eval(free)
        now = float(np.asarray(_loss(plan, {**free, **fixed}, check)))
        if now < least:
            kept, least, last = {**free, **fixed}, now, epoch
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


def _drawn(random: np.random.Generator, lists: Sequence[Features], size: int) -> Iterator[list[int]]:
    """Batches of lists of about the same length, in a random order."""
    order = sorted(range(len(lists)), key=lambda row: (len(lists[row]), random.random()))
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    random.shuffle(batches)
    yield from batches


def _padded(examples: Sequence[Example], inputs: Sequence[Features]) -> Batch:
    shape = len(examples), max(len(one) for one in inputs)
    wide, mask = np.zeros((*shape, INPUTS), np.float32), np.zeros(shape, np.float32)
    logs, gains = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for row, (one, values) in enumerate(zip(examples, inputs, strict=True)):
        count = len(values)
        wide[row, :count], mask[row, :count] = values, 1
        logs[row, :count], gains[row, :count] = np.log(one.speedups), one.gains
    return Batch(*map(mx.array, (wide, mask, logs, gains)))


def _loss(plan: Plan, weights: Weights, batch: Batch) -> mx.array:
    outputs = forward(weights, batch.inputs, batch.mask)
    said, meant = _beside_nothing(outputs[..., 0], batch.mask), _beside_nothing(batch.logs / plan.tau, batch.mask)
    logs = said - mx.logsumexp(said, axis=1, keepdims=True)
    soft = -(mx.softmax(meant, axis=1) * logs).sum(axis=1)
    hard = -mx.take_along_axis(logs, mx.argmax(meant, axis=1, keepdims=True), axis=1)[:, 0]
    of_gains = mx.logaddexp(outputs[..., 1], 0) - batch.gains * outputs[..., 1]
    gains = (of_gains * batch.mask).sum() / batch.mask.sum()
    return ((1 - plan.hard) * soft + plan.hard * hard).mean() + gains


def _beside_nothing(scores: mx.array, mask: mx.array) -> mx.array:
    """With doing nothing, 0, in front, and padding out of the way."""
    return mx.concatenate([mx.zeros((len(scores), 1)), mx.where(mask > 0, scores, -1e9)], axis=1)


def _regret(weights: Weights, examples: Sequence[Example], batch: Batch) -> float:
    scores = np.asarray(forward(weights, batch.inputs, batch.mask)[..., 0], np.float64)
    lists = [Judged(one.domain, one.saved_s, scores[row, : len(one.saved_s)]) for row, one in enumerate(examples)]
    return float(np.mean([regret(one, 1) for one in lists if one.pays]))


def _calibrated(weights: Weights, batch: Batch) -> tuple[float, float]:
    """Slope and offset under which the gains are as likely as said."""
    there = np.asarray(batch.mask) > 0
    outputs = np.asarray(forward(weights, batch.inputs, batch.mask)[..., 1], np.float64)[there]
    return platt(outputs, np.asarray(batch.gains)[there] > 0)
