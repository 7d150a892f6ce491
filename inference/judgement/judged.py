"""What a ranker says of the candidates of a list."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]


class Ranking(NamedTuple):
    """In the order of the candidates: log-odds over doing nothing, and the probability of a gain."""

    preference: Scores
    gain: Scores


class Judgement(NamedTuple):
    """`ranker` and `version` say by whom."""

    ranker: str
    version: str
    ranking: Ranking
