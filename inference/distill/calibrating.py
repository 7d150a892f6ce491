"""Probabilities that are as often right as they say: Platt's scaling (1999), a line through log-odds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

UNBOUND = 1e6
"""So weak a penalty that there is none."""


def platt(logits: NDArray[np.floating[Any]], right: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset; `right` has both values."""
    line = LogisticRegression(C=UNBOUND).fit(logits[:, None], right)
    return float(line.coef_[0, 0]), float(line.intercept_[0])
