"""The heads of the language student: choices by pointer, and classes. Pure functions over a dictionary of arrays.

A candidate, a table or a column, is *grounded* in a text once: it attends to the text's tokens, and what it finds
there, what it is, and which words it shares make a vector. A step of reading makes a query from the text and from what
was chosen so far, and its product with each candidate's vector is the score of choosing it (Vinyals, Fortunato and
Jaitly, Pointer Networks, NeurIPS 2015).
"""

import math
from typing import NamedTuple

import mlx.core as mx

from ..weights import Weights
from .choosing import FIRST
from .encoder import FAR, linear
from .names import COVERS, OVERLAPS
from .reading import ANSWERS, GROUNDS, KINDS, REASONS

DEPTH, HEADS = 128, 4
STEPS = 6
"""A kind, a table, a column; of the first operation, and of the second."""
TASKS = ("reason", "proposal", "orders")
CLASSES = {"reason": len(REASONS), "answer": len(ANSWERS), "ground": len(GROUNDS), "orders": 1}
KEPT = 1
"""Figures of a match: how well the best token fits."""


def shapes(width: int) -> dict[str, tuple[int, ...]]:
    seen = width + 1 + COVERS
    layers = {
        "ground.text": (width, DEPTH),
        "ground.candidate": (width, DEPTH),
        "ground.value": (width, DEPTH),
        "ground.own": (width, DEPTH),
        "ground.matched": (DEPTH + OVERLAPS + KEPT, DEPTH),
        "ground.made": (DEPTH, DEPTH),
        "ground.columns": (DEPTH, DEPTH),
        "chosen.table": (DEPTH, DEPTH),
        "chosen.columns": (DEPTH, DEPTH),
        "chosen.last": (DEPTH, DEPTH),
        "chosen.before": (DEPTH, DEPTH),
        "chosen.all": (2 * DEPTH, DEPTH),
        "read.key": (seen, DEPTH),
        "read.value": (seen, DEPTH),
        "read.query": (DEPTH, DEPTH),
        "read.hidden": (2 * DEPTH, DEPTH),
        "read.pointer": (DEPTH, DEPTH),
        **{f"class.{name}": (DEPTH, count) for name, count in CLASSES.items()},
    }
    found: dict[str, tuple[int, ...]] = {
        "options": (FIRST, DEPTH),
        "steps": (STEPS, DEPTH),
        "kinds": (len(KINDS) + 1, DEPTH),
        "tasks": (len(TASKS), DEPTH),
    }
    for name, (before, after) in layers.items():
        found |= {f"{name}.weight": (after, before), f"{name}.bias": (after,)}
    return found


class Text(NamedTuple):
    """`states` of [text, token], which of them there are, and COVERS of each token's word."""

    states: mx.array
    mask: mx.array
    covers: mx.array


class Candidates(NamedTuple):
    """Of one catalog: its tables first, then the columns of each, padded to the same number (`choosing.Layout`).

    `encoded` is [candidate, width]; `mask` says which of them there are; `overlaps` is [text, candidate, OVERLAPS].
    """

    tables: int
    encoded: mx.array
    mask: mx.array
    overlaps: mx.array


class Grounded(NamedTuple):
    """[text, candidate, DEPTH]; and the keys and values of [text, token] that steps of reading attend to."""

    vectors: mx.array
    keys: mx.array
    values: mx.array
    mask: mx.array
    all: mx.array
    """What is common to all candidates: [text, 1, DEPTH]."""


class Steps(NamedTuple):
    """What is known at each step of each text: [text, step], and [text, step, candidate] with 1 for what was chosen.

    `before` and `before_kind` are of the operation before, kind 0 where there is none.
    """

    step: mx.array
    kind: mx.array
    table: mx.array
    columns: mx.array
    last: mx.array
    before: mx.array
    before_kind: mx.array


def ground(weights: Weights, text: Text, candidates: Candidates) -> Grounded:
    keys = linear(weights, "ground.text", text.states)
    asked = linear(weights, "ground.candidate", candidates.encoded)
    fits = (asked[None] @ keys.transpose(0, 2, 1)) / math.sqrt(DEPTH)
    fits = mx.where(text.mask[:, None, :] > 0, fits, FAR)
    matched = mx.softmax(fits, axis=-1) @ linear(weights, "ground.value", text.states)
    figures = mx.concatenate([matched, candidates.overlaps, fits.max(axis=-1, keepdims=True)], axis=-1)
    own = linear(weights, "ground.own", candidates.encoded)
    vectors = mx.maximum(own[None] + linear(weights, "ground.matched", figures), 0)
    vectors = linear(weights, "ground.made", vectors)
    tables, columns = vectors[:, : candidates.tables], vectors[:, candidates.tables :]
    there = candidates.mask[None, :, None] > 0
    wide = columns.shape[1] // candidates.tables
    shown = mx.where(there[:, candidates.tables :], columns, FAR)
    shown = shown.reshape(len(vectors), candidates.tables, wide, DEPTH).max(axis=2)
    tables = tables + linear(weights, "ground.columns", mx.maximum(shown, 0))
    vectors = mx.concatenate([tables, columns], axis=1)
    covered = mx.where(candidates.mask[None, :, None] > 0, fits, FAR).max(axis=1)
    covered = mx.where(text.mask > 0, covered, 0)
    best = [
        mx.maximum(tables, 0).max(axis=1),
        mx.maximum(mx.where(there[:, candidates.tables :], columns, 0), 0).max(axis=1),
    ]
    all_ = linear(weights, "chosen.all", mx.concatenate(best, axis=-1))[:, None]
    return Grounded(vectors, *_read(weights, text, covered), text.mask, all_)


def score(weights: Weights, grounded: Grounded, steps: Steps) -> mx.array:
    """Of each option at each step, allowed or not: [text, step, option]."""
    vectors = grounded.vectors
    context = weights["steps"][steps.step] + weights["kinds"][steps.kind] + grounded.all
    for name, chosen in (("table", steps.table), ("columns", steps.columns), ("last", steps.last)):
        context = context + linear(weights, f"chosen.{name}", chosen @ vectors)
    before = steps.before @ vectors + weights["kinds"][steps.before_kind]
    context = context + linear(weights, "chosen.before", before)
    hidden = _attended(weights, context, grounded.keys, grounded.values, grounded.mask)
    pointer = linear(weights, "read.pointer", hidden) / math.sqrt(DEPTH)
    return mx.concatenate([pointer @ weights["options"].T, pointer @ vectors.transpose(0, 2, 1)], axis=-1)


def classes(weights: Weights, task: str, states: mx.array, mask: mx.array) -> mx.array:
    """What a text is as a whole, [text, DEPTH], for the layers `class.X`."""
    text = Text(states, mask, mx.zeros((*mask.shape, COVERS)))
    keys, values = _read(weights, text, mx.zeros(mask.shape))
    context = mx.broadcast_to(weights["tasks"][TASKS.index(task)], (len(states), 1, DEPTH))
    return _attended(weights, context, keys, values, mask)[:, 0]


def _read(weights: Weights, text: Text, covered: mx.array) -> tuple[mx.array, mx.array]:
    seen = mx.concatenate([text.states, covered[..., None], text.covers], axis=-1)
    return linear(weights, "read.key", seen), linear(weights, "read.value", seen)


def _attended(weights: Weights, context: mx.array, keys: mx.array, values: mx.array, mask: mx.array) -> mx.array:
    def apart(array: mx.array) -> mx.array:
        return array.reshape(*array.shape[:2], HEADS, DEPTH // HEADS).transpose(0, 2, 1, 3)

    query = linear(weights, "read.query", context)
    fits = apart(query) @ apart(keys).transpose(0, 1, 3, 2) / math.sqrt(DEPTH // HEADS)
    shares = mx.softmax(mx.where(mask[:, None, None, :] > 0, fits, FAR), axis=-1)
    found = (shares @ apart(values)).transpose(0, 2, 1, 3).reshape(context.shape)
    return mx.maximum(linear(weights, "read.hidden", mx.concatenate([context, found], axis=-1)), 0)
