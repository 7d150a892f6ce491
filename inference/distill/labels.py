"""The command that labels databases, one after the other: `python -m inference.distill.labels --help`."""

import hashlib
import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event as Signal
from types import FrameType
from typing import Annotated

import typer

from . import generator, unseen
from .database import Design, database_name
from .dataset import files
from .domains import SPLITS, Domain, domains
from .labelled import SUFFIX, Labels
from .measuring import labels_of
from .templates import TEMPLATES
from .unseen_templates import UNSEEN

FOLDER = Path(__file__).parent / "labels"
MANIFEST = "manifest.json"
DATABASES = 50
"""Each domain once, and some of training once more."""
LISTS = 100
BUDGET_S = 300.0
STOPPED = 130


def main(
    folder: Annotated[Path, typer.Option(help="Where labels go, and are found when it goes on.")] = FOLDER,
    databases: Annotated[int, typer.Option(help="How many databases there shall be in the end.")] = DATABASES,
    rows: Annotated[int, typer.Option(help="Of the fact table. Below a million, times are mostly noise.")] = (
        generator.ROWS
    ),
    lists: Annotated[int, typer.Option(help="Lists that are drawn of each database, to know what to try.")] = LISTS,
    budget_s: Annotated[float, typer.Option(help="Seconds of trials for each database.")] = BUDGET_S,
    work: Annotated[Path | None, typer.Option(help="Where databases are made and removed: 2 GB.")] = None,
) -> None:
    """Labels databases: makes each from its seed, runs a workload on it, and tries all that the rules propose for it.

    One Parquet file a database, and a manifest of all. What is there is not made again, so that it can be stopped at
    any time, with Ctrl-C as well, and goes on with the same command. Let nothing else run on the machine: labels are
    times. Then: python -m inference.distill.card
    """
    folder.mkdir(parents=True, exist_ok=True)
    todo = [one for one in order(databases) if not (folder / f"{database_name(*one)}{SUFFIX}").exists()]
    typer.echo(f"{databases - len(todo)} of {databases} databases are labelled")
    begun = time.monotonic()
    with _told_to_stop() as stop:
        for number, (domain, seed) in enumerate(todo):
            design = design_of(domain, seed, rows)

            def progress(what: str, name: str = design.name, so_far: int = number) -> None:
                left_s = (time.monotonic() - begun) / so_far * (len(todo) - so_far) if so_far else None
                left = f", about {left_s / 60:.0f} minutes left" if left_s is not None else ""
                typer.echo(f"[{so_far + 1}/{len(todo)}{left}] {name}: {what}")

            try:
                with TemporaryDirectory(dir=work, prefix="distill-") as scratch:
                    templates = UNSEEN if domain.split == "test" else TEMPLATES
                    found = labels_of(design, templates, Path(scratch), lists=lists, budget_s=budget_s, stop=stop,
                                      progress=progress)  # fmt: skip
            except KeyboardInterrupt:
                typer.echo("stopped: the same command goes on")
                raise typer.Exit(STOPPED) from None
            file = found.save(folder)
            write_manifest(folder)
            progress(f"{len(found.pairs)} pairs in {found.seconds:.0f} s, {file.stat().st_size:,} bytes")


def order(databases: int) -> list[tuple[Domain, int]]:
    """Domains with seeds: all splits in step, so that it may end anywhere; later seeds are for training alone."""
    once = [((place + 0.5) / len(domains(split)), one) for split in SPLITS for place, one in enumerate(domains(split))]
    found = [(one, 1) for _, one in sorted(once, key=lambda pair: pair[0])]
    seed = 2
    while len(found) < databases:
        found += [(one, seed) for one in domains("train")]
        seed += 1
    return found[:databases]


def design_of(domain: Domain, seed: int, rows: int) -> Design:
    return (unseen.design if domain.split == "test" else generator.design)(domain, seed, rows)


def write_manifest(folder: Path) -> None:
    """What each file came from, and its hash; whole or as it was."""
    entries = {file.name: _entry(file) for file in files(folder)}
    fresh = folder / f"{MANIFEST}.new"
    fresh.write_text(json.dumps(entries, indent=1, sort_keys=True) + "\n")
    fresh.replace(folder / MANIFEST)


def _entry(file: Path) -> dict[str, object]:
    labels = Labels.load(file)
    kept = ("domain", "split", "seed", "rows", "lists", "unmeasured", "versions", "machine")
    return {
        **{name: getattr(labels, name) for name in kept},
        "seconds": round(labels.seconds, 1),
        "shapes": len(labels.shapes),
        "changes": len(labels.changes),
        "pairs": len(labels.pairs),
        "bytes": file.stat().st_size,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }


@contextmanager
def _told_to_stop() -> Iterator[Signal]:
    """A signal is heeded between two runs of a statement: DuckDB would make an error of that statement out of it."""
    stop = Signal()

    def heard(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    typer.run(main)
