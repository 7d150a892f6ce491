"""The ranking student: one forward over all candidates of a list, each seen beside the others; nothing is decoded.

A candidate's features pass an encoder; what it makes of them, and the mean and the largest of what it makes of all
candidates, pass a second one (a set network: Zaheer et al., Deep Sets, NeurIPS 2017). It says two things of each: the
preference, in log-odds over doing nothing, which always stands in the list with 0, and the probability of a gain,
calibrated on lists that training has not seen (Platt's scaling).

A model is a folder: `config.json` and the weights.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Self

import mlx.core as mx
from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.errors import ModelError

from ..weights import WEIGHTS, Weights, load_weights, save_weights
from .features import FEATURES, FEATURES_VERSION

CONFIG = "config.json"
INPUTS = len(FEATURES) + 1
"""The features, and the preference that the trees have."""
OUTPUTS = 2


class Config(BaseModel):
    """`weights` is the SHA-256 of the file; a gain's probability is sigmoid(slope x output + offset)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = "ranking"
    name: str
    version: str
    features_version: int = FEATURES_VERSION
    inputs: int = INPUTS
    width: int
    slope: float = 1.0
    offset: float = 0.0
    weights: str = ""


def shapes(inputs: int, width: int) -> dict[str, tuple[int, ...]]:
    """`mean` and `scale` bring the features to the same size."""
    layers = {"alone.0": (inputs, width), "alone.1": (width, width), "together.0": (3 * width, width)}
    layers["together.1"] = (width, OUTPUTS)
    found: dict[str, tuple[int, ...]] = {"mean": (inputs,), "scale": (inputs,)}
    for name, (before, after) in layers.items():
        found |= {f"{name}.weight": (after, before), f"{name}.bias": (after,)}
    return found


def forward(weights: Weights, inputs: mx.array, mask: mx.array) -> mx.array:
    """[list, candidate, input] and which of the candidates there are, to [list, candidate, output]."""
    there = mask.astype(mx.float32)[..., None]
    hidden = (inputs - weights["mean"]) * weights["scale"]
    for name in ("alone.0", "alone.1"):
        hidden = mx.maximum(_linear(weights, name, hidden), 0)
    hidden = hidden * there
    mean = hidden.sum(axis=1, keepdims=True) / mx.maximum(there.sum(axis=1, keepdims=True), 1)
    context = [mx.broadcast_to(one, hidden.shape) for one in (mean, hidden.max(axis=1, keepdims=True))]
    hidden = mx.maximum(_linear(weights, "together.0", mx.concatenate([hidden, *context], axis=-1)), 0)
    return _linear(weights, "together.1", hidden)


def _linear(weights: Weights, name: str, inputs: mx.array) -> mx.array:
    return inputs @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


class Network:
    """A model that is loaded, for one thread."""

    def __init__(self, config: Config, weights: Weights) -> None:
        self.config = config
        self.weights = weights

    def score(self, inputs: mx.array, mask: mx.array) -> tuple[mx.array, mx.array]:
        """Of [list, candidate, input] the preference and the probability of a gain, [list, candidate] both.

        `mask` says which candidates there are; what is said of the others means nothing.
        """
        outputs = forward(self.weights, inputs, mask)
        return outputs[..., 0], mx.sigmoid(self.config.slope * outputs[..., 1] + self.config.offset)

    def save(self, folder: Path) -> None:
        """Makes the folder, or replaces what is in it."""
        folder.mkdir(parents=True, exist_ok=True)
        config = self.config.model_copy(update={"weights": save_weights(folder, self.weights)})
        (folder / CONFIG).write_text(json.dumps(config.model_dump(), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Raises ModelError for what is not whole, not of these features, or holds what is no number."""
        config = _config(folder)
        return cls(config, load_weights(folder, shapes(INPUTS, config.width)))


def _config(folder: Path) -> Config:
    """As it is in the folder, and checked against it."""
    try:
        config = Config.model_validate_json((folder / CONFIG).read_bytes())
        digest = sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{folder} is no whole model: {error.strerror}: {error.filename}") from None
    except ValidationError as error:
        raise ModelError(f"{folder / CONFIG} is not that of a ranking model: {error}") from None
    if (config.features_version, config.inputs) != (FEATURES_VERSION, INPUTS):
        raise ModelError(
            f"{folder} ranks by version {config.features_version} of the features, and this release has version "
            f"{FEATURES_VERSION}: use the model that came with it, or train one (`make distill`)"
        )
    if digest != config.weights:
        raise ModelError(f"{folder / WEIGHTS} is not the file that {CONFIG} names: its SHA-256 is {digest}")
    return config
