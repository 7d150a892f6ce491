"""The language student as a folder: `config.json`, the weights of the encoder and of the heads, `tokenizer.json`."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from math import exp, log
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from schemas.errors import ModelError

from ..weights import WEIGHTS, Weights, load_weights, save_weights
from . import encoder, heads
from .encoder import Shape
from .tokens import TOKENIZER, Pieces

CONFIG = "config.json"
CERTAIN = 1e-6

Task = Literal["request", "reason", "proposal"]
TASKS: tuple[Task, ...] = get_args(Task)


class Calibration(BaseModel):
    """What is read is right with a probability of sigmoid(slope x log-odds of the network + offset) (Platt's scaling).

    Below `threshold` it is "not understood".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    slope: FiniteFloat = 1.0
    offset: FiniteFloat = 0.0
    threshold: FiniteFloat = 0.5

    def probability(self, said: float) -> float:
        said = min(max(said, CERTAIN), 1 - CERTAIN)
        return 1 / (1 + exp(-(self.slope * log(said / (1 - said)) + self.offset)))


class Config(BaseModel):
    """`weights` and `tokenizer` are the SHA-256 of the files; `reads` are the tasks that it does better than words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["language"] = "language"
    name: str
    version: str
    shape: Shape
    calibration: Mapping[Task, Calibration] = {}
    reads: tuple[Task, ...] = TASKS
    weights: str = ""
    tokenizer: str = ""


def shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Of the encoder's weights, and of the heads'."""
    return encoder.shapes(shape) | heads.shapes(shape.width)


class Model:
    """One that is loaded, for one thread."""

    def __init__(self, config: Config, weights: Weights, pieces: Pieces) -> None:
        self.config = config
        self.weights = weights
        self.pieces = pieces

    def with_calibration(self, calibration: Mapping[Task, Calibration]) -> Self:
        config = self.config.model_copy(update={"calibration": dict(calibration)})
        return type(self)(config, self.weights, self.pieces)

    def that_reads(self, tasks: Sequence[Task]) -> Self:
        return type(self)(self.config.model_copy(update={"reads": tuple(tasks)}), self.weights, self.pieces)

    def save(self, folder: Path) -> None:
        """Makes the folder, or replaces what is in it."""
        folder.mkdir(parents=True, exist_ok=True)
        written = self.pieces.content()
        (folder / TOKENIZER).write_text(written)
        digests = {"weights": save_weights(folder, self.weights), "tokenizer": sha256(written.encode()).hexdigest()}
        config = self.config.model_copy(update=digests)
        (folder / CONFIG).write_text(json.dumps(config.model_dump(), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Raises ModelError for what is not whole, has another vocabulary, or holds what is no number."""
        try:
            config = Config.model_validate_json((folder / CONFIG).read_bytes())
            digests = {name: sha256((folder / name).read_bytes()).hexdigest() for name in (WEIGHTS, TOKENIZER)}
        except OSError as error:
            raise ModelError(f"{folder} is no whole model: {error.strerror}: {error.filename}") from None
        except ValidationError as error:
            raise ModelError(f"{folder / CONFIG} is not that of a language model: {error}") from None
        for name, wanted in ((WEIGHTS, config.weights), (TOKENIZER, config.tokenizer)):
            if digests[name] != wanted:
                raise ModelError(f"{folder / name} is not the file that {CONFIG} names: its SHA-256 is {digests[name]}")
        pieces = Pieces.load(folder, config.shape.positions)
        if pieces.count != config.shape.vocabulary:
            raise ModelError(
                f"{folder / TOKENIZER} has {pieces.count} word pieces, and the encoder {config.shape.vocabulary}: "
                "they are not of the same model"
            )
        return cls(config, load_weights(folder, shapes(config.shape)), pieces)
