"""Teaches the language student: hard labels of the grammar, and the similarities that the whole encoder sees.

The teacher is the pretrained encoder, frozen. Of a lesson's texts and names, softmax(similarity / temperature) over all
others is the soft target, and the Kullback-Leibler divergence to it keeps the student, which has fewer layers and word
pieces, from forgetting what it could tell apart (Hinton, Vinyals and Dean, 2015; the similarities as in Park et al.,
Relational Knowledge Distillation, CVPR 2019). Embeddings of words are not trained, so that words which no lesson has
stay where they were among the others.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi
from typing import Any

import mlx.core as mx
import mlx.optimizers as optimizers
import numpy as np
from tokenizers import Tokenizer

from ..language import encoder, heads
from ..language.encoder import FAR, Shape, linear
from ..language.letters import plain
from ..language.tokens import Pieces
from ..weights import Weights
from . import requests
from .lessons import Classing, Reading, means_of, proposals, reading, reasons, states_of
from .pretrained import Pretrained

FROZEN = ("words", "positions")
TURNS = ("reading", "reading", "reasons", "reading", "reading", "proposals")
ORDERS_PART = 0.2
LEAST_SPREAD, SPREAD = 0.02, 0.7


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate` is of the encoder, `heads_rate` of the heads, which are taught alone for the first `alone` of the steps.

    `soft` is the part of the teacher's similarities, which are asked for in every `soft_every`-th lesson.
    """

    steps: int = 6_000
    batch: int = 24
    alone: float = 0.15
    rate: float = 1e-4
    heads_rate: float = 1e-3
    decay: float = 1e-2
    warm: float = 0.05
    soft: float = 0.5
    soft_every: int = 4
    temperature: float = 0.1
    most_norm: float = 1.0
    seed: int = 0


class Teacher:
    """The whole pretrained encoder."""

    def __init__(self, whole: Pretrained) -> None:
        self._whole = whole
        self._tokenizer = Tokenizer.from_str(json.dumps(whole.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(128)

    def __call__(self, texts: Sequence[str]) -> mx.array:
        """[text, width]."""
        tokens, mask = encoder.padded([one.ids for one in self._tokenizer.encode_batch([plain(one) for one in texts])])
        return encoder.mean_of(encoder.forward(self._whole.shape, self._whole.weights, tokens, mask), mask)


def beginning(cut: Pretrained, seed: int) -> Weights:
    """The encoder's weights as they are, and heads at random."""
    found = dict(cut.weights)
    keys = iter(mx.random.split(mx.random.key(seed), 64))
    for name, shape in heads.shapes(cut.shape.width).items():
        spread = SPREAD / shape[-1] ** 0.5 if len(shape) == 2 and name.endswith(".weight") else LEAST_SPREAD
        found[name] = mx.zeros(shape) if name.endswith(".bias") else spread * mx.random.normal(shape, key=next(keys))
    for name in ("options", "steps", "kinds", "tasks"):
        found[name] = found[name] * (0.3 / LEAST_SPREAD)
    return found


class Course:
    """Training as far as it is; `step` lessons were taught."""

    def __init__(self, plan: Plan, shape: Shape, pieces: Pieces, weights: Weights, teacher: Teacher | None) -> None:
        self.plan = plan
        self.step = 0
        self.tokens = 0
        self.examples = 0
        self._shape = shape
        self._pieces = pieces
        self._teacher = teacher
        self.fixed = {name: weights[name] for name in FROZEN}
        self.free = {name: value for name, value in weights.items() if name not in FROZEN}
        self._optimizers: dict[str, Any] = {
            part: optimizers.AdamW(learning_rate=self._rate(part), weight_decay=plan.decay, bias_correction=True)
            for part in ("encoder", "heads")
        }
        for name, one in self._optimizers.items():
            one.init(self._part(name, self.free))

    @property
    def weights(self) -> Weights:
        return self.free | self.fixed

    def teach(self) -> float:
        """One lesson; its loss."""
        turn = TURNS[self.step % len(TURNS)]
        seed = f"{self.plan.seed}:{self.step}"
        size = self.plan.batch
        if turn == "reading":
            lesson: Reading | Classing = reading(self._pieces, requests.batch("train", seed, size))
        else:
            lesson = (reasons if turn == "reasons" else proposals)(self._pieces, "train", seed, size)
        meant = self._meant(lesson)

        parts = ["heads"] if self.step < self.plan.alone * self.plan.steps else ["encoder", "heads"]

        def loss_of(taught: Weights) -> mx.array:
            return loss(self.plan, self._shape, self.weights | taught, lesson, meant)

        taught = {name: value for part in parts for name, value in self._part(part, self.free).items()}
        value, gradients = mx.value_and_grad(loss_of)(taught)
        clip: Any = optimizers.clip_grad_norm
        gradients, _ = clip(gradients, self.plan.most_norm)
        for name in parts:
            one = self._optimizers[name]
            one.learning_rate = mx.array(self._rate(name))
            self.free |= one.apply_gradients(self._part(name, gradients), self._part(name, self.free))
        mx.eval(self.free, [one.state for one in self._optimizers.values()])
        self.step += 1
        self.examples += size
        groups = [*lesson.tokens, *(lesson.names if isinstance(lesson, Reading) else ())]
        self.tokens += sum(int(mask.sum().item()) for _, mask in groups)
        return float(np.asarray(value))

    def state(self) -> dict[str, mx.array]:
        """All that it takes to go on, but the plan."""
        found = {f"free/{name}": value for name, value in self.free.items()}
        found |= {f"fixed/{name}": value for name, value in self.fixed.items()}
        for part, one in self._optimizers.items():
            found |= {f"{part}/step": one.state["step"]}
            found |= {f"{part}/{name}/{key}": value for name in self._part(part, self.free)
                      for key, value in one.state[name].items()}  # fmt: skip
        counts = {"step": self.step, "tokens": self.tokens, "examples": self.examples}
        return found | {f"count/{name}": mx.array(value) for name, value in counts.items()}

    def restore(self, state: dict[str, mx.array]) -> None:
        self.free = {name: state[f"free/{name}"] for name in self.free}
        self.fixed = {name: state[f"fixed/{name}"] for name in self.fixed}
        for part, one in self._optimizers.items():
            one.state["step"] = state[f"{part}/step"]
            for name in self._part(part, self.free):
                one.state[name] = {key: state[f"{part}/{name}/{key}"] for key in one.state[name]}
        self.step, self.tokens, self.examples = (
            int(np.asarray(state[f"count/{name}"])) for name in ("step", "tokens", "examples")
        )

    def _meant(self, lesson: Reading | Classing) -> mx.array | None:
        """What the teacher sees; now and then, as it costs as much as the rest."""
        if self._teacher is None or not isinstance(lesson, Reading) or self.step % self.plan.soft_every:
            return None
        return alike(self._teacher(lesson.texts))

    def _part(self, part: str, weights: Weights) -> Weights:
        own = encoder.shapes(self._shape)
        return {name: value for name, value in weights.items() if (name in own) == (part == "encoder")}

    def _rate(self, part: str) -> float:
        """Rises over the first part of the steps, then falls as a cosine."""
        plan = self.plan
        top = plan.rate if part == "encoder" else plan.heads_rate
        warm = max(plan.warm * plan.steps, 1)
        if self.step < warm:
            return top * (self.step + 1) / warm
        return top * (0.02 + 0.98 * (1 + cos(pi * min(self.step / plan.steps, 1))) / 2)


def loss(plan: Plan, shape: Shape, weights: Weights, lesson: Reading | Classing, meant: mx.array | None) -> mx.array:
    states, mask = states_of(shape, weights, lesson.tokens)
    if isinstance(lesson, Classing):
        whole = heads.classes(weights, lesson.task, states, mask)
        said = {name: linear(weights, f"class.{name}", whole) for name in lesson.targets}
        return sum((_missed(said[name], target).mean() for name, target in lesson.targets.items()), mx.array(0.0))
    names = means_of(shape, weights, lesson.names)
    scores = heads.score(weights, heads.ground(weights, *lesson.seen(states, mask, names)), lesson.steps)
    missed = _missed(mx.where(lesson.allowed > 0, scores, FAR), lesson.targets) * lesson.there
    total: mx.array = missed.sum() / len(lesson.targets)
    told = linear(weights, "class.orders", heads.classes(weights, "orders", states, mask))[:, 0]
    total = total + ORDERS_PART * (mx.logaddexp(told, 0) - lesson.orders * told).mean()
    if meant is None:
        return total
    seen = alike(encoder.mean_of(states, mask)) / plan.temperature
    logs = seen - mx.logsumexp(seen, axis=1, keepdims=True)
    shares = mx.softmax(meant / plan.temperature, axis=1)
    forgotten: mx.array = (shares * (mx.log(shares + encoder.EPSILON) - logs)).sum(axis=1).mean()
    return total + plan.soft * forgotten


def alike(vectors: mx.array) -> mx.array:
    """The cosines of each with each, and FAR of each with itself."""
    vectors = vectors / mx.linalg.norm(vectors, axis=1, keepdims=True)
    return mx.where(mx.eye(len(vectors)) > 0, FAR, vectors @ vectors.T)


def _missed(scores: mx.array, targets: mx.array) -> mx.array:
    """The cross entropy of each."""
    return mx.logsumexp(scores, axis=-1) - mx.take_along_axis(scores, targets[..., None], axis=-1)[..., 0]
