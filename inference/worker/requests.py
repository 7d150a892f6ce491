"""The requests of the channel, as both sides know them, and their form as frames."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from schemas.canonical import canonical
from schemas.errors import InvalidAnswer, JudgementError

from ..judgement import judged
from ..judgement.features import FEATURES, Features
from ..judgement.judged import Ranking
from ..language.asks import Ask
from .frames import Header, pack
from .waiting import Priority

WINDOW = {"rank": 64, "say": 16}
"""Requests of a kind that are with the worker before the first of them is answered: what it batches from."""


@dataclass(frozen=True, slots=True, eq=False)
class Rank:
    kind: ClassVar[str] = "rank"
    priority: Priority
    deadline: float
    features: Features

    def asked(self) -> bytes:
        """In its one form."""
        return np.ascontiguousarray(self.features, np.float32).tobytes()

    def frame(self, key: int) -> bytes:
        """Raises JudgementError for what is too large."""
        return pack(_header(self, key), self.asked())


@dataclass(frozen=True, slots=True, eq=False)
class Say:
    kind: ClassVar[str] = "say"
    priority: Priority
    deadline: float
    ask: Ask

    def asked(self) -> bytes:
        return canonical(self.ask)

    def frame(self, key: int) -> bytes:
        return pack(_header(self, key), self.asked())


Request = Rank | Say


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said, as it said it; `tokens` were generated for that.

    `probability` is calibrated, that it is right; None from models that know none.
    """

    text: str
    tokens: int
    probability: float | None = None


def _header(request: Request, key: int) -> Header:
    return {"id": key, "kind": request.kind, "priority": request.priority, "deadline": request.deadline}


def request_of(header: Header, body: bytes) -> Request:
    priority, deadline = Priority(header["priority"]), float(header["deadline"])
    if header["kind"] == "rank":
        return Rank(priority, deadline, np.frombuffer(body, np.float32).reshape(-1, len(FEATURES)))
    return Say(priority, deadline, Ask.model_validate_json(body))


def checked(features: Features) -> Features:
    """Raises JudgementError for what is no list of candidates' features."""
    if features.ndim != 2 or features.shape[1] != len(FEATURES) or not np.isfinite(features).all():
        raise JudgementError(f"to rank are rows of {len(FEATURES)} finite features, and not {features.shape}")
    return features


def ranking_frame(key: int, ranking: Ranking, batch: int) -> bytes:
    return pack({"id": key, "kind": "ranked", "batch": batch}, np.stack(ranking).tobytes())


def ranking_of(body: bytes, candidates: int) -> Ranking:
    """Raises InvalidAnswer."""
    if len(body) != 2 * candidates * np.dtype(np.float64).itemsize:
        raise InvalidAnswer(f"an answer of {len(body):,} bytes is no ranking of {candidates} candidates")
    return judged.read(np.frombuffer(body, np.float64).reshape(2, candidates), candidates)
