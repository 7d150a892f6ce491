"""The report of who judges best, put together: lists of candidates, what asking takes, free text, explanations."""

import asyncio
import json
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from importlib import metadata
from pathlib import Path

import mlx.core as mx

from schemas.errors import InputError, ModelError

from ..distill import held_back
from ..distill.dataset import files
from ..distill.distillation import plan_of
from ..distill.domains import Split
from ..distill.examining import read_held_back
from ..distill.examples import examples
from ..facts import named
from ..language.model import CONFIG, Model
from ..language.served import Served
from ..language.student import Student
from ..language.tasks import reason_ask, request_ask
from ..worker.client import Worker
from ..worker.life import Models
from . import certainty, explained, language_report, proposals, ranking_report, texts
from .contenders import contenders, held_out
from .costing import costs_of, held_by
from .explained import Overlap
from .manifest import MANIFEST, manifest
from .readers import Asked, Reader, Taught, Words, read

REPORT = "REPORT.md"
ASKED = 2
"""Requests and reasons of each domain, after which memory is told."""

Told = Callable[[str], None]


def write(
    folder: Path,
    *,
    labels: Path,
    ranker: Path | None,
    language: Sequence[Path],
    adapter: Path | None,
    served: tuple[str, str] | None,
    split: Split,
    told: Told,
) -> str:
    """Replaces the report in the folder, plots and manifest included, and returns its text. Raises ModelError,
    InputError.
    """
    models = adapted(language, adapter)
    splits: set[Split] = {split, "train", "validation"} if ranker else {split}
    found = [one for one in examples(labels, splits) if len(one.features)]
    lists = [one for one in found if one.split == split]
    told(f"{len(lists):,} lists of {len({one.domain for one in lists})} domains")
    judged = contenders(lists, ranker)
    parts = [
        "# Who judges best",
        f"Made by `python -m inference.evaluation` on {date.today()}: {_machine()}. {len(files(labels))} "
        "databases are labelled. How it is judged was fixed [before there were weights](../README.md).",
        "## Lists of candidates",
        ranking_report.report(split, lists, judged),
    ]
    if ranker:
        known = [one for one in found if one.split != "test"]
        parts += ["### The default", ranking_report.chosen(known, held_out(known, plan_of(ranker), told))]
    if ranker and lists:
        parts += ["### What asking takes", ranking_report.costs_told(costs_of(ranker, [one.features for one in lists]))]
    told("reading texts")
    proposed = [one for domain in proposals.domains() for one in domain.proposed()]
    parts += [
        "## Free text",
        language_report.report(readers(models, served), texts.domains(), proposed),
        _chosen(language),
    ]
    if students := [folder for folder in language if is_student(folder)]:
        loaded = map(Model.load, students)
        parts += ["### How certain readers are", certainty.report(loaded, texts.domains(), proposed)]
    if language:
        asks = [request_ask(one.text, of.tables) for of in texts.domains() for one in of.requests[:ASKED]]
        asks += [reason_ask(one.text) for of in texts.domains() for one in of.rejections[:ASKED]]
        held = [held_by(folder, asks) for folder in language]
        parts += ["### What readers take", language_report.held_told(held)]
    parts += [
        "## Explanations",
        language_report.explanations_told(overlaps(models, served)),
    ]
    text = "\n\n".join(part.strip() for part in parts) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    for name in (ranking_report.REGRET, ranking_report.CALIBRATION):
        (folder / name).unlink(missing_ok=True)
    for name, plot in ranking_report.plots(lists, judged).items():
        (folder / name).write_text(plot)
    (folder / REPORT).write_text(text)
    made_of = manifest(labels, [*([ranker] if ranker else []), *language], split)
    (folder / MANIFEST).write_text(json.dumps(made_of, indent=2) + "\n")
    return text


def adapted(language: Sequence[Path], adapter: Path | None) -> list[tuple[Path, Path | None]]:
    """Models, each alone; that which the adapter is for once more with it. Raises ModelError, InputError."""
    found: list[tuple[Path, Path | None]] = [(folder, None) for folder in language]
    if adapter:
        general = [folder for folder in language if not is_student(folder)]
        if len(general) != 1:
            raise InputError(
                f"an adapter is of one model that mlx-lm reads, and --language names {len(general)}: name that one"
            )
        found.append((general[0], adapter))
    return found


def readers(language: Sequence[tuple[Path, Path | None]], served: tuple[str, str] | None) -> Iterator[Reader]:
    """The matcher of words, each model, with its adapter, and a server's; one is done with when the next is asked for.

    Raises ModelError.
    """
    yield Words()
    for folder, adapter in language:
        if is_student(folder):
            yield Taught(Student(Model.load(folder)))
        else:
            with _asked(named(folder.name, adapter), Worker(Models(model=folder, adapter=adapter))) as reader:
                yield reader
    if served:
        url, model = served
        with _asked(model, Served(url, model)) as reader:
            yield reader


def overlaps(language: Sequence[tuple[Path, Path | None]], served: tuple[str, str] | None) -> Iterator[Overlap]:
    """Of the templates, and of whoever reads and writes free prose besides. Raises ModelError."""
    if found := explained.suggestions():
        yield explained.overlap(explained.TEMPLATES, explained.as_written, found)
        for one in readers([one for one in language if not is_student(one[0])], served):
            if isinstance(one, Asked):
                yield explained.overlap(one.name, one.explanation, found)


@contextmanager
def _asked(name: str, backend: Worker | Served) -> Iterator[Asked]:
    with asyncio.Runner() as runner:
        runner.run(backend.__aenter__())
        try:
            yield Asked(name, backend, runner)
        finally:
            runner.run(backend.__aexit__(None, None, None))


def is_student(folder: Path) -> bool:
    """Raises ModelError."""
    try:
        config = json.loads((folder / CONFIG).read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} is no language model: {error}") from None
    return isinstance(config, dict) and config.get("kind") == "language"


def _chosen(language: Sequence[Path]) -> str:
    """Of the words and the first student of the folders. Raises ModelError."""
    folder = next(filter(is_student, language), None)
    words = read(Words(), held_back.domains())
    return language_report.chosen(words, read_held_back(Model.load(folder)) if folder else None)


def _machine() -> str:
    return (
        f"{platform.machine()}, {os.cpu_count()} CPUs, {mx.default_device()}, Python {platform.python_version()}, "
        f"mlx {metadata.version('mlx')}"
    )
