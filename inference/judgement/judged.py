"""What a ranker says of the candidates of a list."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.errors import InvalidAnswer

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


def read(said: object, candidates: int) -> Ranking:
    """What a model said, as what it has to be. Raises InvalidAnswer."""
    try:
        scores = np.array(said, np.float64)
    except Exception as error:  # noqa: BLE001 - whatever a model's answer may be
        raise InvalidAnswer(f"the model that ranks answers with what is no ranking: {error!r}") from None
    if scores.shape != (2, candidates):
        raise InvalidAnswer(f"the model that ranks does not answer for each of {candidates} candidates: {scores.shape}")
    preference, gain = scores
    if not (np.isfinite(preference).all() and ((gain >= 0) & (gain <= 1)).all()):
        raise InvalidAnswer("the model that ranks answers with what is no number, or no probability")
    return Ranking(preference, gain)
