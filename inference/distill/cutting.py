"""Which layers of the pretrained encoder to keep.

Each choice is taught for a while to embed texts as the whole encoder does, and then judged by how the similarities of
texts that are held back go with those of the whole (Pearson's correlation).
"""

import json
from collections.abc import Callable, Sequence

import mlx.core as mx
import mlx.optimizers as optimizers
import numpy as np
from tokenizers import Tokenizer

from ..language.encoder import Shape
from ..language.tokens import Pieces
from ..weights import Weights
from . import pretrained, requests
from .lessons import grouped, means_of
from .teaching import FROZEN, Teacher

CUTS = ((0, 1, 2, 3), (0, 1, 3, 5), (0, 2, 4, 5), (0, 1, 2, 5))
TEXTS, HELD_BACK, RATE = 32, 400, 1e-4


def compared(texts: Sequence[str], pieces: int, positions: int, lessons: int, told: Callable[[str], None]) -> None:
    """Tells the correlation of each choice, as it is cut and after so many lessons of 32 texts.

    `texts` are those by which word pieces are chosen.
    """
    whole = pretrained.fetched(told)
    teacher = Teacher(whole)
    given = [
        [one.text for one in requests.batch("train", f"cut:{number}", TEXTS).requests] for number in range(lessons)
    ]
    meant = [_unit(teacher(one)) for one in given]
    unseen = [one.text for one in requests.batch("validation", "cut", HELD_BACK).requests]
    wanted = _similarities(_unit(teacher(unseen)))
    for layers in CUTS:
        cut = pretrained.cut(whole, texts, layers=layers, pieces=pieces, positions=positions)
        student = Embedding(cut.shape, cut.weights, Pieces(Tokenizer.from_str(json.dumps(cut.tokenizer)), positions))
        before = np.corrcoef(_similarities(student(unseen)), wanted)[0, 1]
        for some, target in zip(given, meant, strict=True):
            student.teach(some, target)
        after = np.corrcoef(_similarities(student(unseen)), wanted)[0, 1]
        told(f"layers {layers}: {before:.3f} as cut, {after:.3f} after {lessons} lessons")


class Embedding:
    """A cut encoder that learns to embed."""

    def __init__(self, shape: Shape, weights: Weights, pieces: Pieces) -> None:
        self._shape = shape
        self._pieces = pieces
        self._fixed = {name: weights[name] for name in FROZEN}
        self._free = {name: value for name, value in weights.items() if name not in FROZEN}
        self._optimizer = optimizers.AdamW(learning_rate=RATE)

    def __call__(self, texts: Sequence[str]) -> mx.array:
        """[text, width], each of length 1."""
        return self._embedded(self._free, texts)

    def teach(self, texts: Sequence[str], meant: mx.array) -> None:
        def missed(free: Weights) -> mx.array:
            return 1 - (self._embedded(free, texts) * meant).sum(axis=1).mean()

        self._free = self._optimizer.apply_gradients(mx.grad(missed)(self._free), self._free)
        mx.eval(self._free, self._optimizer.state)

    def _embedded(self, free: Weights, texts: Sequence[str]) -> mx.array:
        read = [self._pieces.read(one).ids for one in texts]
        order = np.argsort([len(one) for one in read], kind="stable")
        found = means_of(self._shape, free | self._fixed, grouped([read[row] for row in order]))
        return _unit(found[mx.array(np.argsort(order))])


def _unit(vectors: mx.array) -> mx.array:
    return vectors / mx.linalg.norm(vectors, axis=1, keepdims=True)


def _similarities(vectors: mx.array) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Of each pair."""
    return np.array(vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
