"""The language student as a thing to ask. Each answer is one of what was enumerated, with a calibrated probability.

To be used by one thread, on which MLX runs.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from . import encoder, heads
from .catalog import Catalog, Picked
from .choosing import Choosing
from .heads import Candidates, Grounded, Text
from .model import Calibration, Model, Task
from .reading import ANSWERS, GROUNDS, REASONS, VERDICTS, Answer, Ground, Operation, Reason, Table
from .stepping import arrays, step_of

MOST_CATALOGS = 8
MOST_VECTORS = 10_000
"""Of tables and columns: 15 MB."""
ENCODED_AT_ONCE = 64
Chances = NDArray[np.floating[Any]]
Vector = NDArray[np.float32]
T = TypeVar("T")


class Said(NamedTuple, Generic[T]):
    """`value` is None for "not understood". `probability` is that of the value to be right, or of there being none."""

    value: T | None
    probability: float


class Student:
    def __init__(self, model: Model) -> None:
        self.model = model
        self._catalogs: OrderedDict[tuple[Table, ...], tuple[Catalog, mx.array]] = OrderedDict()
        self._vectors: dict[tuple[int, ...], Vector] = {}

    def read_request(self, text: str, tables: Sequence[Table]) -> Said[tuple[Operation, ...]]:
        """What is asked for, on these tables: at least one operation, or not understood."""
        choosing, certainty = self.raw_request(text, tables)
        operations = choosing.operations()
        if not operations:
            return Said(None, certainty)
        calibration = self._calibration("request")
        probability = calibration.probability(certainty)
        return Said(operations if probability >= calibration.threshold else None, probability)

    def raw_request(self, text: str, tables: Sequence[Table]) -> tuple[Choosing, float]:
        """The likeliest choice at each step, and how certain the network is of all of them, uncalibrated."""
        catalog, encoded = self._catalog(tuple(tables))
        if not catalog.tables:
            return Choosing(catalog.picked(np.zeros(0)).layout), 1.0
        picked, grounded = self._grounded(text, catalog, encoded)
        choosing, certainty = Choosing(picked.layout), 1.0
        while not choosing.is_done:
            steps, allowed = arrays([[step_of(choosing)]], picked.layout.candidates)
            scores = mx.where(allowed > 0, heads.score(self.model.weights, grounded, steps), encoder.FAR)[0, 0]
            chances = np.asarray(mx.softmax(scores))
            choice = max(step_of(choosing).allowed, key=chances.__getitem__)
            certainty *= float(chances[choice])
            choosing.choose(choice)
        return choosing, certainty

    def read_reason(self, text: str) -> Said[Reason]:
        """Of a rejection. Not understood is not `unclear`, which is said of a text that gives no reason."""
        return self.read_reasons([text])[0]

    def read_reasons(self, texts: Sequence[str]) -> list[Said[Reason]]:
        """In one forward."""
        (chances,) = self._chances("reason", texts, ("reason",))
        return [self._said("reason", REASONS, row) for row in chances]

    def read_said(self, text: str) -> Said[tuple[Answer, Ground]]:
        """Of a proposal beside its contract, as `said_of` says them: an answer to it, as the policy of contracts would
        give it, and the class of its reason.
        """
        return self.read_proposals([text])[0]

    def read_proposals(self, texts: Sequence[str]) -> list[Said[tuple[Answer, Ground]]]:
        """As `read_said`, in one forward."""
        answers, grounds = self._chances("proposal", texts, ("answer", "ground"))
        places = [(ANSWERS.index(answer), GROUNDS.index(ground)) for answer, ground in VERDICTS]
        together = np.stack([answers[:, answer] * grounds[:, ground] for answer, ground in places], axis=1)
        return [self._said("proposal", VERDICTS, row / row.sum()) for row in together]

    def _said(self, task: Task, options: Sequence[T], chances: Chances) -> Said[T]:
        best = int(np.argmax(chances))
        calibration = self._calibration(task)
        probability = calibration.probability(float(chances[best]))
        return Said(options[best] if probability >= calibration.threshold else None, probability)

    def _calibration(self, task: Task) -> Calibration:
        return self.model.config.calibration.get(task, Calibration(threshold=0.0))

    def _chances(self, task: str, texts: Sequence[str], layers: Sequence[str]) -> list[Chances]:
        """[text, class] of each layer."""
        weights = self.model.weights
        tokens, mask = encoder.padded([self.model.pieces.read(text).ids for text in texts])
        states = encoder.forward(self.model.config.shape, weights, tokens, mask)
        whole = heads.classes(weights, task, states, mask)
        return [np.asarray(mx.softmax(encoder.linear(weights, f"class.{one}", whole), axis=-1)) for one in layers]

    def _grounded(self, text: str, catalog: Catalog, encoded: mx.array) -> tuple[Picked, Grounded]:
        weights = self.model.weights
        read = self.model.pieces.read(text)
        tokens, mask = encoder.padded([read.ids])
        states = encoder.forward(self.model.config.shape, weights, tokens, mask)
        overlaps, covers = catalog.overlaps([read])
        mean = encoder.mean_of(states, mask)[0]
        alike = (encoded @ mean) * mx.rsqrt((encoded * encoded).sum(axis=1) * (mean * mean).sum() + encoder.EPSILON)
        picked = catalog.picked(overlaps[0].sum(axis=1) + np.asarray(alike))
        rows = mx.array(picked.rows)
        candidates = Candidates(
            len(picked.layout.tables), encoded[rows], mx.array(picked.mask), mx.array(overlaps[:, picked.rows])
        )
        return picked, heads.ground(weights, Text(states, mask, mx.array(covers)), candidates)

    def _catalog(self, tables: tuple[Table, ...]) -> tuple[Catalog, mx.array]:
        """What the encoder makes of a catalog is kept."""
        if tables not in self._catalogs:
            catalog = Catalog(tables, self.model.pieces)
            self._catalogs[tables] = catalog, self._encoded(catalog)
            if len(self._catalogs) > MOST_CATALOGS:
                self._catalogs.popitem(last=False)
        self._catalogs.move_to_end(tables)
        return self._catalogs[tables]

    def _encoded(self, catalog: Catalog) -> mx.array:
        """[row, width]; those that are new, of about the same length together. What is said of a name is kept, since
        of a large catalog each text is about another part.
        """
        new = sorted({tokens for tokens in catalog.tokens if tokens not in self._vectors}, key=len)
        for start in range(0, len(new), ENCODED_AT_ONCE):
            some = new[start : start + ENCODED_AT_ONCE]
            tokens, mask = encoder.padded(some)
            states = encoder.forward(self.model.config.shape, self.model.weights, tokens, mask)
            self._vectors |= zip(some, np.array(encoder.mean_of(states, mask)), strict=True)
        width = self.model.config.shape.width
        found = mx.array(np.array([self._vectors[one] for one in catalog.tokens], np.float32).reshape(-1, width))
        for tokens_of_old in list(self._vectors)[: max(len(self._vectors) - MOST_VECTORS, 0)]:
            del self._vectors[tokens_of_old]
        return found
