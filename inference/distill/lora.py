"""Tunes a general model on the product's own tasks: `python -m inference.distill.lora --help`."""

import json
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import numpy as np
import typer

from schemas.errors import InputError, LearningError, SidecarError

from ..worker.blas import SLOW, load_blas
from .chats import Chat, chats
from .domains import Split
from .labels import FOLDER

DATA, MANIFEST = "data", "manifest.json"
FILES: dict[Split, str] = {"train": "train.jsonl", "validation": "valid.jsonl"}
VALIDATED = 10
"""For one text of validation so many are learned from."""
ALL_LAYERS = -1


def main(
    model: Annotated[Path, typer.Option(help="Folder of a model, as mlx-lm reads it; quantized ones too.")],
    out: Annotated[Path, typer.Option(help="Folder of the adapter, to be made.")],
    texts: Annotated[int, typer.Option(help="Texts of each task.", min=1)] = 2_000,
    steps: int = 1_000,
    batch: Annotated[int, typer.Option(help="Texts of a step.", min=1)] = 4,
    rate: Annotated[float, typer.Option(help="Of learning.")] = 1e-5,
    labels: Annotated[Path, typer.Option(help="Whose lists are learned to be ranked, where there are any.")] = FOLDER,
    seed: int = 0,
) -> None:
    """Trains an adapter (LoRA) by mlx-lm on requests, reasons, proposals and lists of candidates.

    The same seed makes the same texts and the same adapter. Texts that the model cannot read whole are left out.
    """
    if load_blas() is None:
        typer.echo(SLOW)
    try:
        tune(model, out, texts, steps, batch, rate, labels, seed)
    except SidecarError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def tune(
    model: Path, out: Path, texts: int, steps: int, batch: int, rate: float, labels: Path, seed: int
) -> dict[str, Any]:
    """What the manifest says. Raises ModelError, LearningError, InputError."""
    # MLX takes the BLAS that is loaded before it
    from mlx_lm import lora
    from mlx_lm.tuner.callbacks import TrainingCallback
    from mlx_lm.tuner.datasets import load_dataset

    from ..language.loading import loaded

    if (out / MANIFEST).exists():
        raise InputError(f"{out} holds an adapter that is whole: name another folder")
    base = loaded(model)
    if base.tokenizer.chat_template is None:
        raise LearningError(
            f"{model} has no chat template, and is not tuned on chats: name one that follows instructions"
        )
    (out / DATA).mkdir(parents=True, exist_ok=True)
    sizes: dict[Split, int] = {"train": texts, "validation": -(-texts // VALIDATED)}
    counted = {
        split: written(out / DATA / FILES[split], chats(split, size, seed, labels), base.tokenizer, base.longest)
        for split, size in sizes.items()
    }
    if min(counted.values()) < batch:
        raise LearningError(
            f"{counted['train']} texts to learn and {counted['validation']} to validate by are short enough for "
            f"{model}, and a step takes {batch}: more texts, or a smaller batch"
        )
    losses: list[float] = []

    class Told(TrainingCallback):
        def on_val_loss_report(self, report: Mapping[str, float]) -> None:
            losses.append(round(report["val_loss"], 4))

    arguments = lora.CONFIG_DEFAULTS | {
        "model": str(model), "data": str(out / DATA), "adapter_path": str(out), "train": True, "mask_prompt": True,
        "num_layers": ALL_LAYERS, "iters": steps, "batch_size": batch, "learning_rate": rate, "seed": seed,
        "max_seq_length": base.longest,
    }  # fmt: skip
    trained = SimpleNamespace(**arguments)
    np.random.seed(seed)  # by which mlx-lm shuffles
    training, validation, _ = load_dataset(trained, base.tokenizer)
    lora.train_model(trained, base.model, training, validation, Told())
    adapted = loaded(model, out)
    manifest = {
        "base": {"name": base.name, "version": base.version},
        "version": adapted.version,
        "texts": counted,
        "steps": steps,
        "batch": batch,
        "rate": rate,
        "seed": seed,
        "losses on validation": losses,
        "versions": {name: metadata.version(name) for name in ("mlx", "mlx-lm")},
    }
    (out / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    for checkpoint in out.glob("*_adapters.safetensors"):
        checkpoint.unlink()
    return manifest


def written(file: Path, found: Iterable[Chat], tokenizer: Any, longest: int) -> int:
    """How many are short enough: of the others mlx-lm would cut the answer off, with all that there is to learn."""
    lines = []
    for one in found:
        said = one.messages()
        if len(tokenizer.apply_chat_template(said, return_dict=False)) <= longest:
            lines.append(json.dumps({"messages": said}, ensure_ascii=False) + "\n")
    file.write_text("".join(lines))
    return len(lines)


if __name__ == "__main__":
    typer.run(main)
