"""Weights of the students as a file: matrices in int8 with a scale for each row, the rest as it is.

Computed is in float32, which is the fastest on processors.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import mlx.core as mx

from schemas.errors import ModelError

WEIGHTS = "weights.safetensors"
INT8 = 127
LEAST = 1e-12

Weights = dict[str, mx.array]


def save_weights(folder: Path, weights: Mapping[str, mx.array]) -> str:
    """The SHA-256 of the file."""
    arrays: Weights = {}
    for name, value in weights.items():
        arrays[name] = value
        if value.ndim == 2:
            arrays[f"{name}.scale"] = scale = mx.maximum(mx.abs(value).max(axis=1, keepdims=True), LEAST) / INT8
            arrays[name] = mx.round(value / scale).astype(mx.int8)
    mx.save_safetensors(str(folder / WEIGHTS), arrays)
    return sha256((folder / WEIGHTS).read_bytes()).hexdigest()


def load_weights(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    """Raises ModelError for what is not whole, or holds what is no number."""
    try:
        stored = mx.load(str(folder / WEIGHTS))
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{folder / WEIGHTS} cannot be read: {error}") from None
    weights: Weights = {}
    for name, shape in shapes.items():
        value, scale = (stored.get(key) if isinstance(stored, dict) else None for key in (name, f"{name}.scale"))
        if value is None or value.shape != shape:
            raise ModelError(f"{folder / WEIGHTS} has no weights {name} of the shape {shape}")
        weights[name] = value.astype(mx.float32) if scale is None else value.astype(mx.float32) * scale
        if not mx.isfinite(weights[name]).all().item():
            raise ModelError(f"the weights {name} in {folder} are no numbers: use another model, or train one")
    return weights
