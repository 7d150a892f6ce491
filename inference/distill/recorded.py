"""What a teacher that is a general model said of lists: one Parquet file a database, beside a manifest.

Of a list it is the log-probability of each answer; of a server that tells none, the answer alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import log
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import InputError
from schemas.records.base import Part

from .dataset import Listed, lists
from .examples import Example, Numbers, example
from .labelled import SUFFIX, arrow_schema

NOTHING = ""
ANSWERED = 0.9
"""The probability of an answer of which none is told; the others share the rest."""
LEAST = -50.0
"""Of log-probabilities; what is less is not told apart."""


class Said(Part):
    """Of the list with this name. `candidates` are the ids of its, NOTHING the first; `log_probabilities` of the same.

    There are none where only the answer is known, a place among them. Where `problem` says why, it is -1.
    """

    of: str
    candidates: list[str]
    log_probabilities: list[float]
    answer: int
    problem: str

    def preference(self, one: Listed) -> Numbers | None:
        """Of the list's candidates in their order the log-odds over doing nothing.

        None where nothing was said, or of another list: the rules propose something else now.
        """
        wanted = [choice.candidate.candidate_id for choice in one.choices if choice.candidate]
        if self.problem or set(self.candidates) != {NOTHING, *wanted}:
            return None
        told = dict(zip(self.candidates, self._told(), strict=True))
        return np.array([told[candidate] - told[NOTHING] for candidate in wanted])

    def _told(self) -> Sequence[float]:
        if self.log_probabilities:
            return [max(one, LEAST) for one in self.log_probabilities]
        rest = log((1 - ANSWERED) / max(len(self.candidates) - 1, 1))
        return [log(ANSWERED) if place == self.answer else rest for place in range(len(self.candidates))]


def save(file: Path, said: Iterable[Said]) -> None:
    """Whole, or not there."""
    fresh = file.with_suffix(".new")
    pq.write_table(pa.Table.from_pylist([one.model_dump() for one in said], arrow_schema(Said)), fresh)
    fresh.replace(file)


def load(folder: Path) -> Mapping[str, Said]:
    """By list. Raises InputError where nothing is recorded."""
    files = sorted(folder.glob(f"*{SUFFIX}"))
    if not files:
        raise InputError(f"{folder} holds nothing that a teacher said: python -m inference.distill.teacher records it")
    return {one.of: one for file in files for one in map(Said.model_validate, pq.read_table(file).to_pylist())}


def taught(folder: Path, said: Mapping[str, Said]) -> Iterator[Example]:
    """Those lists of the labels in the folder of which the teacher said something."""
    for one in lists(folder):
        preference = said[one.name].preference(one) if one.name in said else None
        if preference is not None:
            yield example(one)._replace(taught=preference)
