"""The encoder of the language student: a small BERT, of which each token's last state is used.

Source: Devlin et al., BERT, NAACL 2019; its weights come from a sentence encoder (`inference.distill.pretrained`).
Pure functions over a dictionary of arrays. Normalized is after each half of a layer, as there; what all tokens have in
common (the type of a token) is inside `positions`.
"""

import math
from collections.abc import Sequence

import mlx.core as mx
import numpy as np
from pydantic import BaseModel, ConfigDict

from ..weights import Weights

EPSILON = 1e-12
FAR = -1e9
END, CURVE = 1.769, 0.2888 / 2
"""Of the parabola that stands for the error function."""


class Shape(BaseModel):
    """`vocabulary` is of word pieces; `positions` is the longest text in tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layers: int
    width: int
    inner: int
    heads: int
    vocabulary: int
    positions: int


def shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    width, inner = shape.width, shape.inner
    found: dict[str, tuple[int, ...]] = {"words": (shape.vocabulary, width), "positions": (shape.positions, width)}
    linear = {"qkv": (3 * width, width), "out": (width, width), "up": (inner, width), "down": (width, inner)}
    for layer in range(shape.layers):
        for name, (after, before) in linear.items():
            found |= {f"layers.{layer}.{name}.weight": (after, before), f"layers.{layer}.{name}.bias": (after,)}
    norms = ["normed", *(f"layers.{layer}.{name}" for layer in range(shape.layers) for name in ("mixed", "made"))]
    for name in norms:
        found |= {f"{name}.scale_by": (width,), f"{name}.shift_by": (width,)}
    return found


def forward(shape: Shape, weights: Weights, tokens: mx.array, mask: mx.array) -> mx.array:
    """Of [text, token] ids, and which of them there are, the state of each token: [text, token, width]."""
    rows, length = tokens.shape
    states = weights["words"][tokens] + weights["positions"][:length]
    states = _normed(weights, "normed", states)
    hidden = mx.where(mask > 0, 0.0, FAR)[:, None, None, :]
    wide = shape.width // shape.heads
    for layer in range(shape.layers):
        name = f"layers.{layer}"
        qkv = linear(weights, f"{name}.qkv", states).reshape(rows, length, 3, shape.heads, wide)
        query, key, value = (qkv[:, :, part].transpose(0, 2, 1, 3) for part in range(3))
        mixed = mx.fast.scaled_dot_product_attention(query, key, value, scale=1 / math.sqrt(wide), mask=hidden)
        mixed = linear(weights, f"{name}.out", mixed.transpose(0, 2, 1, 3).reshape(rows, length, shape.width))
        states = _normed(weights, f"{name}.mixed", states + mixed)
        made = linear(weights, f"{name}.up", states)
        made = linear(weights, f"{name}.down", gelu(made))
        states = _normed(weights, f"{name}.made", states + made)
    return states


def gelu(inputs: mx.array) -> mx.array:
    """x Phi(x) by a parabola for the error function, which is off by 0.018 at most and 13 times faster on processors.

    Source: Kim et al., I-BERT, ICML 2021, equation 7; by symmetry it is ReLU less a tail on both sides.
    """
    size = mx.abs(inputs)
    tail = mx.maximum(END - size / math.sqrt(2), 0)
    return mx.maximum(inputs, 0) - CURVE * size * tail * tail


def mean_of(states: mx.array, mask: mx.array) -> mx.array:
    """[text, width]: the mean state of each text, which is what the sentence encoder compares texts by."""
    there = mask.astype(mx.float32)[..., None]
    return (states * there).sum(axis=1) / mx.maximum(there.sum(axis=1), 1)


def linear(weights: Weights, name: str, inputs: mx.array) -> mx.array:
    return inputs @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _normed(weights: Weights, name: str, states: mx.array) -> mx.array:
    return mx.fast.layer_norm(states, weights[f"{name}.scale_by"], weights[f"{name}.shift_by"], EPSILON)


def padded(tokens: Sequence[Sequence[int]]) -> tuple[mx.array, mx.array]:
    """[text, token] ids, and which of them there are."""
    ids = np.zeros((len(tokens), max(map(len, tokens))), np.int32)
    mask = np.zeros(ids.shape, np.float32)
    for row, one in enumerate(tokens):
        ids[row, : len(one)], mask[row, : len(one)] = one, 1
    return mx.array(ids), mx.array(mask)
