"""What asking takes: of a ranker the seconds for a list of candidates, of rankers and readers memory and size."""

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from schemas.errors import NotItsTask

from ..judgement import ranker
from ..judgement.features import Features
from ..judgement.ranker import TREES, Ranker, Student, TreesAlone
from ..language import speaking
from ..language.asks import Ask
from ..worker.blas import load_blas
from ..worker.memory import resident_bytes

CANDIDATES = 24
"""Of the list that is timed."""
ROUNDS, WARM = 200, 20
"""Of these so many do not count."""


class Cost(NamedTuple):
    p50_s: float
    p95_s: float
    bytes: int
    """Of its files."""


class Costs(NamedTuple):
    """By ranker. `resident_bytes` is all that a process holds which has them loaded."""

    rankers: dict[str, Cost]
    resident_bytes: int


class Held(NamedTuple):
    """What a reader takes: bytes of its files, and all that a process holds which has read by it."""

    name: str
    bytes: int
    resident_bytes: int


def costs_of(folder: Path, lists: Sequence[Features]) -> Costs:
    """Of the ranker in a folder, and of a student's trees alone: in a process of its own, without a channel to it.

    `lists` have at least one candidate. Raises ModelError.
    """
    features = np.concatenate(list(lists))
    with ProcessPoolExecutor(1, get_context("spawn"), load_blas) as pool:
        return pool.submit(_costs, folder, features[np.arange(CANDIDATES) % len(features)]).result()


def _costs(folder: Path, features: Features) -> Costs:
    found = ranker.load(folder)
    rankers = {"student" if isinstance(found, Student) else "trees": _cost(found, features, _bytes(folder))}
    if isinstance(found, Student):
        alone = TreesAlone(found.trees, "trees", "")
        rankers["trees"] = _cost(alone, features, (folder / TREES).stat().st_size)
    return Costs(rankers, resident_bytes())


def _cost(one: Ranker, features: Features, size: int) -> Cost:
    taken_s = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        one.score([features])
        taken_s.append(time.perf_counter() - begun)
    p50, p95 = np.quantile(taken_s[WARM:], (0.5, 0.95))
    return Cost(float(p50), float(p95), size)


def held_by(folder: Path, asks: Sequence[Ask]) -> Held:
    """Of the language model in a folder, once it has answered: in a process of its own. Raises ModelError."""
    with ProcessPoolExecutor(1, get_context("spawn"), load_blas) as pool:
        return pool.submit(_held, folder, list(asks)).result()


def _held(folder: Path, asks: Sequence[Ask]) -> Held:
    speaker = speaking.load(folder)
    for key, ask in enumerate(asks):
        with suppress(NotItsTask):
            speaker.begin(key, ask)
            while key not in speaker.step():
                pass
    return Held(speaker.name, _bytes(folder), resident_bytes())


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.suffix in (".json", ".npz", ".safetensors"))
