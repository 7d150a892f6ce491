"""What the student learns from lists: what was measured, distilled with a temperature over each.

The teacher is the measurement. It has no logits, so log(speedup) / tau of the candidates, and 0 of doing nothing, stand
for them: their softmax is the soft target, and the Kullback-Leibler divergence to it is distillation with a
temperature (Hinton, Vinyals and Dean, 2015, section 2) over a list. Where a general model is the teacher, its own
logits over tau are. A part `hard` of the loss is the cross entropy of what was measured to be the best alone, and the
loss of the second output that of a gain or none.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.optimizers as optimizers
import numpy as np

from ..judgement.features import Features
from ..judgement.network import INPUTS, forward
from ..weights import Weights
from .examples import Example, Numbers

TRAINED = "training.json"
"""In a model's folder: how it was made."""


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


def plan_of(folder: Path) -> Plan:
    """By which the model there was trained, where that is told."""
    if not (folder / TRAINED).exists():
        return Plan()
    return Plan(**json.loads((folder / TRAINED).read_bytes())["plan"])


@dataclass(frozen=True, slots=True)
class Batch:
    """[list, candidate, ...], padded; of padding the mask is 0."""

    inputs: mx.array
    mask: mx.array
    logs: mx.array
    """Of the speedups."""
    taught: mx.array
    """The same, or what another teacher prefers."""
    gains: mx.array


def seen_with(examples: Sequence[Example], scores: Sequence[Numbers]) -> list[Features]:
    """The network's inputs: the features, and the preference that the trees have."""
    return [
        np.column_stack([one.features, score]).astype(np.float32) for one, score in zip(examples, scores, strict=True)
    ]


def passes(plan: Plan, weights: Weights, examples: Sequence[Example], inputs: Sequence[Features]) -> Iterator[Weights]:
    """The weights after each pass over all lists, without an end. What brings features to the same size stays."""
    fixed = {name: weights[name] for name in ("mean", "scale")}
    free = {name: value for name, value in weights.items() if name not in fixed}
    optimizer: Any = optimizers.AdamW(learning_rate=plan.rate, weight_decay=plan.decay)
    learn = mx.value_and_grad(lambda weights, batch: loss(plan, weights, batch))
    random = np.random.default_rng(plan.seed)
    while True:
        for rows in _drawn(random, inputs, plan.batch):
            _, gradients = learn(
                {**free, **fixed}, padded([examples[row] for row in rows], [inputs[row] for row in rows])
            )
            free = optimizer.apply_gradients({name: gradients[name] for name in free}, free)
            mx.eval(free)
        yield {**free, **fixed}


def _drawn(random: np.random.Generator, lists: Sequence[Features], size: int) -> Iterator[list[int]]:
    """Batches of lists of about the same length, in a random order."""
    order = sorted(range(len(lists)), key=lambda row: (len(lists[row]), random.random()))
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    random.shuffle(batches)
    yield from batches


def padded(examples: Sequence[Example], inputs: Sequence[Features]) -> Batch:
    shape = len(examples), max(len(one) for one in inputs)
    wide, mask = np.zeros((*shape, INPUTS), np.float32), np.zeros(shape, np.float32)
    logs, taught, gains = (np.zeros(shape, np.float32) for _ in range(3))
    for row, (one, values) in enumerate(zip(examples, inputs, strict=True)):
        count = len(values)
        wide[row, :count], mask[row, :count] = values, 1
        logs[row, :count], gains[row, :count] = np.log(one.speedups), one.gains
        taught[row, :count] = logs[row, :count] if one.taught is None else one.taught
    return Batch(*map(mx.array, (wide, mask, logs, taught, gains)))


def loss(plan: Plan, weights: Weights, batch: Batch) -> mx.array:
    outputs = forward(weights, batch.inputs, batch.mask)
    said, meant = (_beside_nothing(one, batch.mask) for one in (outputs[..., 0], batch.taught / plan.tau))
    best = mx.argmax(_beside_nothing(batch.logs, batch.mask), axis=1, keepdims=True)
    logs = said - mx.logsumexp(said, axis=1, keepdims=True)
    soft = -(mx.softmax(meant, axis=1) * logs).sum(axis=1)
    hard = -mx.take_along_axis(logs, best, axis=1)[:, 0]
    of_gains = mx.logaddexp(outputs[..., 1], 0) - batch.gains * outputs[..., 1]
    gains = (of_gains * batch.mask).sum() / batch.mask.sum()
    return ((1 - plan.hard) * soft + plan.hard * hard).mean() + gains


def _beside_nothing(scores: mx.array, mask: mx.array) -> mx.array:
    """With doing nothing, 0, in front, and padding out of the way."""
    return mx.concatenate([mx.zeros((len(scores), 1)), mx.where(mask > 0, scores, -1e9)], axis=1)
