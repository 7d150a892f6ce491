"""A language model from its folder, checked before it is asked anything."""

import json
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, NamedTuple

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm.utils import load as load_by_mlx_lm

from schemas.errors import ModelError

from ..facts import ADAPTER, named
from .generating import PROMPT_TOKENS, LanguageModel

CONFIG, INDEX, SUMS = "config.json", "model.safetensors.index.json", "SHA256SUMS"


class Loaded(NamedTuple):
    """`model` and `tokenizer` are mlx-lm's; `longest` is what the model reads, in tokens."""

    name: str
    version: str
    model: Any
    tokenizer: Any
    longest: int


def load(folder: Path, adapter: Path | None = None) -> LanguageModel:
    """Raises ModelError."""
    return LanguageModel(*loaded(folder, adapter))


def loaded(folder: Path, adapter: Path | None = None) -> Loaded:
    """Nothing is downloaded, and no code of the folder is run.

    Raises ModelError for what is not whole, is not what its `SHA256SUMS` says (where it has one), has weights that are
    no numbers, or a tokenizer with more tokens than the model knows.
    """
    config = _config(folder)
    files = _files(folder, adapter)
    version = sha256()
    for file, digest in files.items():
        version.update(f"{file.name} {digest}\n".encode())
    try:
        found: Any = load_by_mlx_lm(str(folder), adapter_path=str(adapter) if adapter else None)
    except Exception as error:  # noqa: BLE001 - whatever a model's files may raise
        raise ModelError(f"mlx-lm does not read the model in {folder}: {error!r}"[:1_000]) from None
    model, tokenizer = found
    weights: Any = tree_flatten(model.parameters())
    for name, value in weights:
        if mx.issubdtype(value.dtype, mx.floating) and not mx.isfinite(value).all().item():
            raise ModelError(f"the weights {name} in {folder} are no numbers: use another model")
    if not tokenizer.eos_token_ids:
        raise ModelError(f"the tokenizer in {folder} has no token for the end")
    logits = model(mx.array([[min(tokenizer.eos_token_ids)]]))
    largest = max(tokenizer.get_vocab().values())
    if largest >= logits.shape[-1]:
        raise ModelError(
            f"the tokenizer in {folder} has tokens up to {largest}, the model {logits.shape[-1]}: they do not belong "
            f"together"
        )
    if not mx.isfinite(logits).all().item():
        raise ModelError(f"the model in {folder} computes what is no number: use another model")
    longest = min(PROMPT_TOKENS, int(config.get("max_position_embeddings") or PROMPT_TOKENS))
    return Loaded(named(folder.name, adapter), version.hexdigest()[:16], model, tokenizer, longest)


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} is no language model: {error}") from None
    if not isinstance(config, dict):
        raise ModelError(f"{folder / CONFIG} is not that of a language model")
    return config


def _files(folder: Path, adapter: Path | None) -> dict[Path, str]:
    """All that makes the model, each with its SHA-256."""
    weights = sorted(folder.glob("model*.safetensors"))
    needed = [folder / "tokenizer.json", *(adapter / name for name in ADAPTER if adapter)]
    try:
        if (folder / INDEX).exists():
            weights = sorted(
                {folder / name for name in json.loads((folder / INDEX).read_bytes())["weight_map"].values()}
            )
        needed += weights or [folder / "model.safetensors"]
        found = {file: _digest(file) for file in [folder / CONFIG, *needed]}
        if (folder / SUMS).exists():
            for line in (folder / SUMS).read_text().splitlines():
                digest, _, name = line.partition(" ")
                if _digest(folder / name.strip(" *")) != digest:
                    raise ModelError(f"{folder / name.strip(' *')} is not the file that {SUMS} names")
    except OSError as error:
        raise ModelError(f"{error.filename} of the model cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder / INDEX} does not name the files of a model: {error!r}") from None
    return found


def _digest(file: Path) -> str:
    with open(file, "rb") as content:
        return file_digest(content, "sha256").hexdigest()
