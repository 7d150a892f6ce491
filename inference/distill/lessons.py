"""What the language student is taught, as arrays: each lesson is made anew from the seed and its number."""

from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np

from ..language import encoder
from ..language.catalog import Catalog
from ..language.choosing import choices
from ..language.encoder import Shape
from ..language.heads import Candidates, Steps, Text
from ..language.reading import ANSWERS, GROUNDS, REASONS
from ..language.stepping import arrays, followed
from ..language.tokens import Pieces
from ..weights import Weights
from . import requests
from .domains import Split
from .proposals import proposed
from .rejections import rejection
from .seeds import random_of

GROUP = 8
Padded = tuple[mx.array, mx.array]
"""Tokens, and which of them there are."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Requests on one catalog. `texts` and `names` are as they are written; the others [text, ...].

    `targets` is the right choice of each step, `there` which steps there are, `orders` whether the text gives some.
    """

    texts: list[str]
    asked: list[requests.Request]
    tokens: list[Padded]
    names: list[Padded]
    tables: int
    rows: mx.array
    rows_mask: mx.array
    overlaps: mx.array
    covers: mx.array
    steps: Steps
    allowed: mx.array
    targets: mx.array
    there: mx.array
    orders: mx.array

    def seen(self, states: mx.array, mask: mx.array, names: mx.array) -> tuple[Text, Candidates]:
        """By the states of the texts' tokens, which of them there are, and what the encoder makes of the names."""
        candidates = Candidates(self.tables, names[self.rows], self.rows_mask, self.overlaps)
        return Text(states, mask, self.covers), candidates


@dataclass(frozen=True, slots=True)
class Classing:
    """Texts that are of a class for each of `layers`; `targets` are [text] of each."""

    task: str
    tokens: list[Padded]
    targets: dict[str, mx.array]


def reading(pieces: Pieces, made: requests.Batch) -> Reading:
    catalog = Catalog(made.tables, pieces)
    asked = sorted(made.requests, key=lambda one: len(pieces.read(one.text).ids))
    read = [pieces.read(one.text) for one in asked]
    overlaps, covers = catalog.overlaps(read)
    picked = catalog.picked(np.zeros(len(catalog.tokens)))
    rows = [list(choices(picked.layout, one.operations)) for one in asked]
    steps, allowed = arrays([list(followed(picked.layout, row)) for row in rows], picked.layout.candidates)
    targets = np.zeros((len(rows), max(map(len, rows))), np.int32)
    there = np.zeros(targets.shape, np.float32)
    for place, row in enumerate(rows):
        targets[place, : len(row)], there[place, : len(row)] = row, 1
    return Reading(
        [one.text for one in asked],
        asked,
        grouped([one.ids for one in read]),
        [encoder.padded(catalog.tokens[: len(made.tables)]), encoder.padded(catalog.tokens[len(made.tables) :])],
        len(picked.layout.tables),
        mx.array(picked.rows),
        mx.array(picked.mask),
        mx.array(overlaps[:, picked.rows]),
        mx.array(covers),
        steps,
        allowed,
        mx.array(targets),
        mx.array(there),
        mx.array(np.array([one.why == "orders" for one in asked], np.float32)),
    )


def reasons(pieces: Pieces, split: Split, seed: str, size: int) -> Classing:
    random = random_of(seed)
    made = [rejection(split, random) for _ in range(size)]
    targets = {"reason": [REASONS.index(one.reason) for one in made]}
    return _classing("reason", pieces, [one.text for one in made], targets)


def proposals(pieces: Pieces, split: Split, seed: str, size: int) -> Classing:
    random = random_of(seed)
    made = [proposed(split, random) for _ in range(size)]
    targets = {
        "answer": [ANSWERS.index(one.verdict.answer) for one in made],
        "ground": [GROUNDS.index(one.verdict.ground) for one in made],
    }
    return _classing("proposal", pieces, [one.text for one in made], targets)


def _classing(task: str, pieces: Pieces, texts: Sequence[str], targets: dict[str, list[int]]) -> Classing:
    read = [pieces.read(one).ids for one in texts]
    order = sorted(range(len(read)), key=lambda row: len(read[row]))
    sorted_ = {name: mx.array([one[row] for row in order]) for name, one in targets.items()}
    return Classing(task, grouped([read[row] for row in order]), sorted_)


def grouped(tokens: Sequence[Sequence[int]]) -> list[Padded]:
    """Those of about the same length together; the shortest come first."""
    return [encoder.padded(tokens[start : start + GROUP]) for start in range(0, len(tokens), GROUP)]


def states_of(shape: Shape, weights: Weights, groups: Sequence[Padded]) -> tuple[mx.array, mx.array]:
    """Of [text, token] of all groups, and which tokens there are."""
    longest = max(tokens.shape[1] for tokens, _ in groups)
    states = [_widened(encoder.forward(shape, weights, tokens, mask), longest) for tokens, mask in groups]
    return mx.concatenate(states), mx.concatenate([_widened(mask, longest) for _, mask in groups])


def means_of(shape: Shape, weights: Weights, groups: Sequence[Padded]) -> mx.array:
    """[text, width]."""
    return mx.concatenate(
        [encoder.mean_of(encoder.forward(shape, weights, tokens, mask), mask) for tokens, mask in groups]
    )


def _widened(array: mx.array, length: int) -> mx.array:
    return mx.pad(array, [(0, 0), (0, length - array.shape[1]), *[(0, 0)] * (array.ndim - 2)])
