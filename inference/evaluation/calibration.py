"""Whether what is said with a probability is so that often: by ten bins of what is said, and by the Brier score."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.floating[Any]]
Truths = NDArray[np.bool_]

BINS = 10
HEADS = ("Brier score", "calibration error", "said on average")


class Bin(NamedTuple):
    """Of what was said to be about as likely: how likely on average, how often it was so, and how many there are."""

    said: float
    true: float
    size: int


def bins(said: Numbers, true: Truths) -> Mapping[int, Bin]:
    """By the tenth of the probability; empty ones are left out."""
    places = np.minimum((said * BINS).astype(int), BINS - 1)
    return {
        place: Bin(float(said[there].mean()), float(true[there].mean()), int(there.sum()))
        for place in range(BINS)
        if (there := places == place).any()
    }


def calibration(said: Numbers, true: Truths) -> list[str]:
    """As HEADS name it, of at least one. The error is the mean distance between what is said and what is so by bins."""
    error = sum(abs(one.said - one.true) * one.size for one in bins(said, true).values()) / len(said)
    return [f"{value:.3f}" for value in (((said - true.astype(float)) ** 2).mean(), error, said.mean())]
