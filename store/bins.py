"""The bins of many sketches, merged at once, column by column."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .batches import OUTERMOST_BIN
from .sums import LARGEST

SPAN = 2 * OUTERMOST_BIN + 1

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bins:
    """One entry a bin: the place of its sketch, its key, and the values in it."""

    places: Integers
    keys: Integers
    hits: Integers

    @classmethod
    def of(cls, places: Iterable[int], keys: Iterable[Any], hits: Iterable[Any]) -> Self:
        """`keys` and `hits` are lists or arrays, one for each of the places."""
        sizes = [len(one) for one in keys]
        return cls(np.repeat(np.fromiter(places, np.int64), sizes), _flat(keys), _flat(hits))

    def merged(self, more: Self, sketches: int) -> tuple[pa.ListArray, pa.ListArray]:
        """Keys, ascending, and hits of each of the sketches, whose places go from 0."""
        places = np.concatenate([self.places, more.places])
        keys = np.concatenate([self.keys, more.keys]) + OUTERMOST_BIN
        hits = np.concatenate([self.hits, more.hits])
        codes = places * SPAN + keys
        order = np.argsort(codes, kind="stable")
        codes = codes[order]
        firsts = np.flatnonzero(np.diff(codes, prepend=-1))
        if hits.sum(dtype=np.float64) < LARGEST:
            sums = np.add.reduceat(hits[order], firsts) if len(firsts) else hits
        else:  # what no honest producer sends would overflow: with Python's integers it saturates
            sums = np.minimum(np.add.reduceat(hits[order].astype(object), firsts), LARGEST).astype(np.int64)
        codes = codes[firsts]
        offsets = np.searchsorted(codes, np.arange(sketches + 1) * SPAN).astype(np.int32)
        keys = (codes % SPAN - OUTERMOST_BIN).astype(np.int32)
        return pa.ListArray.from_arrays(offsets, keys), pa.ListArray.from_arrays(offsets, sums)


def _flat(lists: Iterable[Any]) -> Integers:
    return np.concatenate([np.empty(0, np.int64), *lists])
