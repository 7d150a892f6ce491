"""The command that trains the ranking student: `python -m inference.distill.train --help`."""

import json
import platform
import time
from collections.abc import Iterator
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from ..shipped import RANKER
from ..worker.blas import SLOW, load_blas
from . import recorded
from .examples import Example, examples
from .labels import FOLDER, MANIFEST

ORACLE = "oracle"


def main(
    folder: Annotated[Path, typer.Option(help="Where the labels are.")] = FOLDER,
    model: Annotated[Path, typer.Option(help="Where the student goes.")] = RANKER,
    version: Annotated[str, typer.Option(help="Its version; answers are cached by it, so no two may share one.")] = "1",
    teacher: Annotated[
        str, typer.Option(help="Who gives the soft targets: what was measured, or a FOLDER of what a model said.")
    ] = ORACLE,
) -> None:
    """Trains the student on the lists that the labels make, the trees before it, and writes both with a manifest.

    The same labels make the same student. What it is worth: python -m inference.evaluation
    """
    if load_blas() is None:
        typer.echo(SLOW)
    # MLX takes the library that is loaded before it is.
    from . import model_card
    from .distillation import TRAINED
    from .training import trained

    begun = time.monotonic()
    known = examples(folder) if teacher == ORACLE else recorded.taught(folder, recorded.load(Path(teacher)))
    found = list(_told(known))
    student = trained(found, "student", version, typer.echo)
    student.save(model)
    manifest = {
        "teacher": teacher if teacher == ORACLE else json.loads((Path(teacher) / MANIFEST).read_bytes())["teacher"],
        "labels": sha256((folder / MANIFEST).read_bytes()).hexdigest(),
        "lists": {split: sum(one.split == split for one in found) for split in ("train", "validation")},
        "plan": {name: getattr(student.plan, name) for name in student.plan.__slots__},
        "epochs": student.epochs,
        "regret@1 on validation": round(student.regret, 4),
        "seconds": round(time.monotonic() - begun),
        "versions": {
            "Python": platform.python_version(),
            **{name: metadata.version(name) for name in ("mlx", "numpy", "scikit-learn")},
        },
    }
    (model / TRAINED).write_text(json.dumps(manifest, indent=2) + "\n")
    domains = {split: len({one.domain for one in found if one.split == split}) for split in ("train", "validation")}
    model_card.write(
        model,
        "The ranking student",
        purpose=model_card.RANKING,
        taught={**manifest, "domains": domains},
        figures={"regret@1 on validation": student.regret},
        limits=model_card.RANKING_LIMITS,
        licence=model_card.LICENCE,
    )
    typer.echo(f"{model}: regret@1 {student.regret:.3f} on validation, after {time.monotonic() - begun:.0f} s")


def _told(found: Iterator[Example]) -> Iterator[Example]:
    for number, one in enumerate(found, 1):
        if number % 100 == 0:
            typer.echo(f"{number:,} lists are read")
        yield one


if __name__ == "__main__":
    typer.run(main)
