"""The command that trains the ranking student: `python -m inference.distill.train --help`."""

import json
import platform
import time
from collections.abc import Iterator
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Annotated

import numpy as np
import sklearn
import typer

from ..shipped import RANKER
from .examples import Example, examples
from .labels import FOLDER, MANIFEST
from .training import trained

TRAINED = "training.json"


def main(
    folder: Annotated[Path, typer.Option(help="Where the labels are.")] = FOLDER,
    model: Annotated[Path, typer.Option(help="Where the student goes.")] = RANKER,
    version: Annotated[str, typer.Option(help="Its version; answers are cached by it, so no two may share one.")] = "1",
) -> None:
    """Trains the student on the lists that the labels make, the trees before it, and writes both with a manifest.

    The same labels make the same student. What it is worth: python -m inference.evaluation
    """
    begun = time.monotonic()
    found = list(_told(examples(folder)))
    student = trained(found, "student", version, typer.echo)
    student.save(model)
    manifest = {
        "labels": sha256((folder / MANIFEST).read_bytes()).hexdigest(),
        "lists": {split: sum(one.split == split for one in found) for split in ("train", "validation")},
        "plan": {name: getattr(student.plan, name) for name in student.plan.__slots__},
        "epochs": student.epochs,
        "regret@1 on validation": round(student.regret, 4),
        "seconds": round(time.monotonic() - begun),
        "versions": {
            "Python": platform.python_version(),
            "mlx": metadata.version("mlx"),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
        },
    }
    (model / TRAINED).write_text(json.dumps(manifest, indent=2) + "\n")
    typer.echo(f"{model}: regret@1 {student.regret:.3f} on validation, after {time.monotonic() - begun:.0f} s")


def _told(found: Iterator[Example]) -> Iterator[Example]:
    for number, one in enumerate(found, 1):
        if number % 100 == 0:
            typer.echo(f"{number:,} lists are read")
        yield one


if __name__ == "__main__":
    typer.run(main)
