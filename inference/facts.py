"""What a model's folder says of itself, without loading it."""

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from schemas.errors import ModelError

from .judgement.ranker import TREES

CONFIG = "config.json"
CARD = "MODEL_CARD.md"
ADAPTER = ("adapter_config.json", "adapters.safetensors")
GENERAL = "mlx-lm"
SCALE = ".scale"
"""Of a matrix that is stored in int8 (`inference.weights`)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """`kind` is ranking, trees, language, or mlx-lm; `parameters` counts what was learned, of trees their nodes.

    `reads` are the tasks that it says it is asked for; nothing of one that says none.
    """

    kind: str
    name: str
    version: str
    parameters: int
    bytes: int
    card: Path | None
    reads: tuple[str, ...]


def of(folder: Path, adapter: Path | None = None) -> Facts:
    """Of a model with the adapter that is laid over it. Raises ModelError for what is no model's folder."""
    try:
        config = json.loads((folder / CONFIG).read_bytes())
        files = [file for file in sorted(folder.iterdir()) if file.is_file()]
        files += [adapter / name for name in ADAPTER if adapter]
        counted = sum(_weights(file) for file in files if file.suffix == ".safetensors")
        counted += sum(_nodes(file) for file in files if file.name == TREES)
    except (OSError, EOFError, BadZipFile, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder} is no model: {error}") from None
    if not isinstance(config, dict):
        raise ModelError(f"{folder / CONFIG} is not that of a model")
    card = folder / CARD
    return Facts(
        kind=str(config.get("kind", GENERAL)),
        name=named(str(config.get("name", folder.name)), adapter),
        version=str(config.get("version", "")),
        parameters=counted,
        bytes=sum(file.stat().st_size for file in files),
        card=card if card.exists() else None,
        reads=tuple(map(str, reads)) if isinstance(reads := config.get("reads"), list) else (),
    )


def named(model: str, adapter: Path | None) -> str:
    return f"{model}+{adapter.name}" if adapter else model


def _weights(file: Path) -> int:
    """By the header of the format: its length in 8 bytes, then JSON."""
    with open(file, "rb") as content:
        header = json.loads(content.read(int.from_bytes(content.read(8), "little")))
    arrays = {name: one["shape"] for name, one in header.items() if name != "__metadata__"}
    scales = {f"{name}{SCALE}" for name in arrays}
    return sum(prod(shape) for name, shape in arrays.items() if name not in scales)


def _nodes(file: Path) -> int:
    with np.load(file) as arrays:
        return sum(arrays[name].size for name in arrays.files if name.endswith(" values"))
