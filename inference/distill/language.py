"""Trains the language student, from the pretrained encoder to a folder: `python -m inference.distill.language`."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import SidecarError

from ..shipped import LANGUAGE
from ..worker.blas import SLOW, load_blas

FOLDER = Path(__file__).parent / "course"


def main(
    folder: Annotated[Path, typer.Option(help="Where the course is kept.")] = FOLDER,
    model: Annotated[Path, typer.Option(help="Where the student goes.")] = LANGUAGE,
    steps: Annotated[int, typer.Option(help="Lessons. A course goes on with as many as it began with.")] = 6_000,
    batch: Annotated[int, typer.Option(help="Texts of a lesson.")] = 24,
    seed: int = 0,
    examine: Annotated[int, typer.Option(help="Texts of the grammar of each sort that report.")] = 600,
    compare_cuts: Annotated[int, typer.Option(help="Only compare choices of layers, after so many lessons.")] = 0,
) -> None:
    """Teaches, examines and exports the language student. It can be stopped at any time, and goes on when run again."""
    if load_blas() is None:
        typer.echo(SLOW)
    # MLX takes the library that is loaded before it is.
    from . import cutting, schooling
    from .teaching import Plan

    try:
        if compare_cuts:
            pieces = list(schooling.texts_for_pieces())
            cutting.compared(pieces, schooling.PIECES, schooling.POSITIONS, compare_cuts, typer.echo)
        else:
            schooling.run(folder, model, Plan(steps=steps, batch=batch, seed=seed), examine)
    except SidecarError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
