"""The start of the child: BLAS, MLX, the models; then it serves. What is wrong is said over the channel."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from socket import socket

import mlx.core as mx
import numpy as np

from schemas.errors import InvalidAnswer, ModelError

from ..judgement import judged
from ..judgement.features import FEATURES
from ..judgement.ranker import Ranker
from . import frames
from .memory import resident_bytes
from .serving import Server, Speaker

MLX_CACHE_BYTES = 64 << 20
"""Of memory that MLX keeps for its next arrays: on a GPU it would keep all that it ever had."""

LoadRanker = Callable[[Path], Ranker]


def main(arguments: Sequence[str], blas: str | None, load_ranker: LoadRanker) -> int:
    """To be called on the main thread: MLX runs where it is called."""
    parser = argparse.ArgumentParser(prog="python -m inference.worker")
    parser.add_argument("--channel", type=int, required=True, help="descriptor of a socket that was inherited")
    parser.add_argument("--ranker", type=Path, help="folder of the model that ranks")
    parser.add_argument("--model", type=Path, help="folder of the language student, or of a model for mlx-lm")
    parser.add_argument("--adapter", type=Path, help="folder of adapters of a model for mlx-lm")
    told = parser.parse_args(arguments)
    mx.set_cache_limit(MLX_CACHE_BYTES)
    with socket(fileno=told.channel) as channel:
        try:
            ranker = _tried(load_ranker(told.ranker), told.ranker) if told.ranker else None
            speaker = _load_speaker(told.model, told.adapter) if told.model else None
        except ModelError as error:
            channel.sendall(frames.pack({"kind": "unfit", "message": str(error)}))
            return 1
        hello = {
            "kind": "ready",
            "backend": backend(),
            "blas": blas,
            "resident_bytes": resident_bytes(),
            "growth_bytes": speaker.growth_bytes if speaker else 0,
            "ranker": [ranker.name, ranker.version] if ranker else None,
            "speaker": [speaker.name, speaker.version] if speaker else None,
        }
        channel.sendall(frames.pack(hello))
        Server(channel, ranker, speaker).run()
    return 0


def _tried(ranker: Ranker, folder: Path) -> Ranker:
    """Raises ModelError where it does not rank two lists."""
    lists = [np.zeros((1, len(FEATURES)), np.float32), np.ones((3, len(FEATURES)), np.float32)]
    try:
        for said, features in zip(ranker.score(lists), lists, strict=True):
            judged.read(said, len(features))
    except InvalidAnswer as error:
        raise ModelError(f"the model in {folder} cannot rank: {error}; use another, or train one") from None
    except Exception as error:  # noqa: BLE001 - whatever a model may raise
        raise ModelError(f"the model in {folder} cannot rank: {error!r}") from None
    return ranker


def _load_speaker(folder: Path, adapter: Path | None) -> Speaker:
    from ..language.speaking import load  # imports that ranking alone does not need

    return load(folder, adapter)


def backend() -> str:
    if mx.default_device().type == mx.DeviceType.cpu:
        return "mlx-cpu"
    return "mlx-metal" if mx.metal.is_available() else "mlx-cuda"
