"""Who ranks: the student with its trees, or the trees alone; a folder each, told apart by its `config.json`."""

import json
from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Protocol

import mlx.core as mx
import numpy as np

from schemas.errors import ModelError

from ..weights import WEIGHTS
from .features import FEATURES, Features
from .judged import Ranking
from .network import CONFIG, INPUTS, Network
from .trees import Trees

TREES = "trees.npz"
DIGITS = 8


class Ranker(Protocol):
    name: str
    version: str

    def score(self, lists: Sequence[Features]) -> list[Ranking]:
        """Of each list by itself, in one forward; a list may be empty."""


class TreesAlone:
    def __init__(self, trees: Trees, name: str, version: str) -> None:
        self.name, self.version = name, version
        self._trees = trees

    def score(self, lists: Sequence[Features]) -> list[Ranking]:
        preference, gain = self._trees.score(_together(lists))
        return [Ranking(preference[there], gain[there]) for there in _places(lists)]


class Student:
    def __init__(self, network: Network, trees: Trees, version: str) -> None:
        self.name, self.version = network.config.name, version
        self.network = network
        self.trees = trees

    def score(self, lists: Sequence[Features]) -> list[Ranking]:
        together = _together(lists)
        preference = self.trees.preference.score(together).astype(np.float32)
        inputs = np.zeros((len(lists), max(map(len, lists), default=0), INPUTS), np.float32)
        mask = np.zeros(inputs.shape[:2], np.float32)
        for row, there in enumerate(_places(lists)):
            count = len(lists[row])
            inputs[row, :count] = np.column_stack([together[there], preference[there]])
            mask[row, :count] = 1
        if not mask.any():
            return [Ranking(np.empty(0), np.empty(0)) for _ in lists]
        scores = [np.asarray(one, np.float64) for one in self.network.score(mx.array(inputs), mx.array(mask))]
        return [Ranking(*(one[row, : len(features)] for one in scores)) for row, features in enumerate(lists)]


def load(folder: Path) -> Ranker:
    """Its version is that of the configuration with the beginning of a digest of the files: no two models share one.

    Raises ModelError.
    """
    try:
        config = json.loads((folder / CONFIG).read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} is no model: {error}") from None
    if isinstance(config, dict):
        files = [file for file in (folder / CONFIG, folder / WEIGHTS, folder / TREES) if file.is_file()]
        digest = sha256(b"".join(sha256(file.read_bytes()).digest() for file in files)).hexdigest()
        version = f"{config.get('version')}+{digest[:DIGITS]}"
        match config.get("kind"):
            case "ranking":
                return Student(Network.load(folder), Trees.load(folder / TREES), version)
            case "trees":
                return TreesAlone(Trees.load(folder / TREES), str(config.get("name")), version)
    raise ModelError(f"{folder / CONFIG} is not that of a ranker: its kind is neither ranking nor trees")


def _together(lists: Sequence[Features]) -> Features:
    return np.concatenate([np.empty((0, len(FEATURES)), np.float32), *lists])


def _places(lists: Sequence[Features]) -> list[slice]:
    """Where each list is when all stand one behind the other."""
    ends = list(accumulate(map(len, lists)))
    return [slice(end - len(one), end) for end, one in zip(ends, lists, strict=True)]
