"""Gradient-boosted trees on a candidate's features, evaluated with numpy: what the student has to beat.

Two ensembles: the preference over doing nothing, and the log-odds of a gain. A tree is a table of nodes, the root
first; a leaf leads to itself, so that every row takes as many steps as the deepest tree has.
"""

from pathlib import Path
from typing import Any, NamedTuple, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ModelError

from .features import FEATURES, FEATURES_VERSION, Features
from .judged import Scores


class Ensemble(NamedTuple):
    """Of all trees' nodes, [node]: the feature asked, the value up to which it goes left, where to, and what is added.

    `roots` are the trees' first nodes, `depth` is that of the deepest; `base` is what all begin with.
    """

    features: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    values: NDArray[np.float64]
    roots: NDArray[np.int64]
    depth: int
    base: float

    def score(self, features: Features) -> Scores:
        rows = np.arange(len(features))[:, None]
        nodes = np.broadcast_to(self.roots, (len(features), len(self.roots)))
        for _ in range(self.depth):
            goes_left = features[rows, self.features[nodes]] <= self.thresholds[nodes]
            nodes = np.where(goes_left, self.left[nodes], self.right[nodes])
        return self.base + np.asarray(self.values[nodes].sum(axis=1))


class Trees(NamedTuple):
    preference: Ensemble
    gain: Ensemble

    def score(self, features: Features) -> tuple[Scores, Scores]:
        """Of [candidate, feature] the preference in log-odds, and the probability of a gain."""
        return self.preference.score(features), 1 / (1 + np.exp(-self.gain.score(features)))

    def save(self, file: Path) -> None:
        named: dict[str, Any] = {"about": np.array([FEATURES_VERSION, len(FEATURES)])}
        for name, ensemble in zip(self._fields, self, strict=True):
            named |= {f"{name} {part}": value for part, value in zip(Ensemble._fields, ensemble, strict=True)}
        np.savez_compressed(file, **named)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Raises ModelError for what is not whole, or not of these features."""
        try:
            with np.load(file, allow_pickle=False) as stored:
                arrays = dict(stored)
            if arrays["about"].tolist() != [FEATURES_VERSION, len(FEATURES)]:
                raise ModelError(
                    f"{file} ranks by other features than this release: use the file that came with it, or train one"
                )
            ensembles = [_ensemble(arrays, name, file) for name in cls._fields]
        except (OSError, ValueError, KeyError, BadZipFile, EOFError) as error:
            raise ModelError(f"{file} holds no trees: {error}") from None
        return cls(*ensembles)


def _ensemble(arrays: dict[str, NDArray[Any]], name: str, file: Path) -> Ensemble:
    features, thresholds, left, right, values, roots, depth, base = (arrays[f"{name} {p}"] for p in Ensemble._fields)
    nodes = len(features)
    places = [(features, len(FEATURES)), (left, nodes), (right, nodes), (roots, nodes)]
    whole = all(place.dtype == np.int64 and ((place >= 0) & (place < end)).all() for place, end in places)
    finite = all(np.isfinite(numbers).all() for numbers in (thresholds[left != np.arange(nodes)], values, base))
    if not whole or not finite or not {len(thresholds), len(left), len(right), len(values)} == {nodes}:
        raise ModelError(f"{file} holds trees that lead nowhere, or values that are no numbers")
    return Ensemble(features, thresholds, left, right, values, roots, int(depth), float(base))
