"""Who judges best, as a report with its plots: `python -m inference.evaluation`."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import SidecarError

from ..distill.domains import Split
from ..distill.labels import FOLDER
from ..shipped import LANGUAGE, RANKER
from ..worker.blas import SLOW, load_blas

REPORT = Path(__file__).parent / "report"


def main(
    labels: Annotated[Path, typer.Option(help="Where the labels are.")] = FOLDER,
    ranker: Annotated[Path, typer.Option(help="The ranking model's folder; without it the others are compared.")] = (
        RANKER
    ),
    language: Annotated[
        list[Path] | None,
        typer.Option(
            help="Language models' folders, the student's or one that mlx-lm reads.", show_default="that which ships"
        ),
    ] = None,
    adapter: Annotated[
        Path | None,
        typer.Option(help="Folder of an adapter: judged beside the one model of --language that mlx-lm reads."),
    ] = None,
    served: Annotated[str, typer.Option(help="A server of chat completions: http://127.0.0.1:8080/v1")] = "",
    served_model: Annotated[str, typer.Option(help="The model that it is asked for.")] = "",
    folder: Annotated[Path, typer.Option(help="Where the report goes.")] = REPORT,
    split: Annotated[Split, typer.Option(help="Whose lists; the test is for the end alone.")] = "test",
) -> None:
    """Judges the rankers on lists of domains that training has not seen, and whoever reads free text."""
    if load_blas() is None:
        typer.echo(SLOW)
    # MLX takes the library that is loaded before it is.
    from . import reporting

    try:
        text = reporting.write(
            folder,
            labels=labels,
            ranker=ranker if (ranker / "config.json").exists() else None,
            language=language or [folder for folder in (LANGUAGE,) if folder.exists()],
            adapter=adapter,
            served=(served, served_model) if served else None,
            split=split,
            told=typer.echo,
        )
    except SidecarError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
