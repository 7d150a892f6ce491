"""A course of the language student: from the pretrained encoder to a folder with a model.

A course that was stopped goes on where it was last kept. What it was made of stands in its manifest.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlx.core as mx
import typer
from tokenizers import Tokenizer

from schemas.errors import InputError

from ..language.model import Config, Model
from ..language.tokens import Pieces
from . import model_card, pretrained, requests
from .examining import examined
from .proposals import proposed
from .rejections import rejection
from .seeds import random_of
from .teaching import Course, Plan, Teacher, beginning

COURSE, MANIFEST = "course.safetensors", "manifest.json"
INPUTS = ("phrases", "invented", "pretrained.sha256")
LAYERS, PIECES, POSITIONS = (0, 1, 3, 5), 7_000, 256
"""Of the pretrained encoder; which layers was found by `cutting`."""
NAME, VERSION = "language-student", "1"
TEXTS_FOR_PIECES = 6_000
KEEP_S, TELL_S = 120.0, 20.0


def run(folder: Path, to: Path, plan: Plan, examine: int) -> None:
    """`folder` keeps the course, the model goes `to` another. Raises InputError for a course of another plan."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = _manifest(folder, plan)
    whole = pretrained.fetched(typer.echo)
    cut = pretrained.cut(whole, texts_for_pieces(), layers=LAYERS, pieces=PIECES, positions=POSITIONS)
    pieces = Pieces(Tokenizer.from_str(json.dumps(cut.tokenizer)), POSITIONS)
    course = Course(plan, cut.shape, pieces, beginning(cut, plan.seed), Teacher(whole))
    if (folder / COURSE).exists():
        kept = mx.load(str(folder / COURSE))
        course.restore(kept if isinstance(kept, dict) else {})
        typer.echo(f"going on after lesson {course.step:,} of {plan.steps:,}")
    _teach(course, folder, manifest)
    model = Model(Config(name=NAME, version=VERSION, shape=cut.shape), course.weights, pieces)
    model.save(to)
    # As it is stored, in int8, is how it is examined.
    model, figures = examined(Model.load(to), examine, typer.echo)
    model.save(to)
    manifest |= {"figures": figures, "examined on": dict(_digests("held_back"))}
    _write(folder, manifest)
    told = ("plan", "cut", "lessons", "texts", "tokens", "seconds", "versions")
    model_card.write(
        to,
        "The language student",
        purpose=model_card.LANGUAGE,
        taught={name: manifest[name] for name in told},
        figures=figures,
        limits=model_card.LANGUAGE_LIMITS,
        licence=model_card.PRETRAINED,
    )
    typer.echo("\n".join(f"{name}: {value:.3f}" for name, value in figures.items()))


def _teach(course: Course, folder: Path, manifest: dict[str, Any]) -> None:
    began, told, kept, losses = time.monotonic(), 0.0, time.monotonic(), list[float]()
    step, tokens, examples, spent = course.step, course.tokens, course.examples, manifest["seconds"]
    while course.step < course.plan.steps:
        losses.append(course.teach())
        now = time.monotonic()
        is_last = course.step == course.plan.steps
        if now - told > TELL_S or is_last:
            taken = now - began
            left = taken / (course.step - step) * (course.plan.steps - course.step)
            speeds = (course.tokens - tokens) / taken, (course.examples - examples) / taken
            typer.echo(
                f"lesson {course.step:,} of {course.plan.steps:,}: loss {sum(losses) / len(losses):.3f}, "
                f"{speeds[0]:,.0f} tokens/s, {speeds[1]:,.1f} texts/s, {left / 60:.0f} minutes left"
            )
            told, losses = now, []
        if now - kept > KEEP_S or is_last:
            counts = {"lessons": course.step, "tokens": course.tokens, "texts": course.examples}
            manifest |= counts | {"seconds": spent + now - began}
            _write(folder, manifest)
            _keep(course, folder)
            kept = now


def _keep(course: Course, folder: Path) -> None:
    half = folder / f"half.{COURSE}"
    mx.save_safetensors(str(half), course.state())
    half.replace(folder / COURSE)


def _manifest(folder: Path, plan: Plan) -> dict[str, Any]:
    """What is there of this plan, or a new one."""
    new: dict[str, Any] = {
        "plan": asdict(plan),
        "cut": {"layers": list(LAYERS), "pieces": PIECES, "positions": POSITIONS},
        "inputs": dict(_digests(*INPUTS)),
        "versions": {"python": sys.version.split()[0], **{one: version(one) for one in ("mlx", "numpy", "tokenizers")}},
        "seconds": 0.0,
    }
    if not (folder / COURSE).exists():
        return new
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    for name in ("plan", "cut", "inputs"):
        if found[name] != new[name]:
            raise InputError(f"{folder} holds a course with another {name}: take another folder, or remove it")
    return found


def _digests(*names: str) -> Iterator[tuple[str, str]]:
    here = Path(__file__).parent
    for name in names:
        files = sorted((here / name).glob("*")) if (here / name).is_dir() else [here / name]
        for file in files:
            yield str(file.relative_to(here)), sha256(file.read_bytes()).hexdigest()


def _write(folder: Path, manifest: dict[str, Any]) -> None:
    half = folder / f"half.{MANIFEST}"
    half.write_text(json.dumps(manifest, indent=2) + "\n")
    half.replace(folder / MANIFEST)


def texts_for_pieces() -> Iterator[str]:
    """By which the word pieces that are kept are chosen: of training alone."""
    random = random_of("pieces")
    for number in range(TEXTS_FOR_PIECES // 30):
        made = requests.batch("train", f"pieces:{number}", 20)
        yield from (one.text for one in made.requests)
        yield from (f"{table.name} {' '.join(name for name, _ in table.columns)}" for table in made.tables)
        yield from (rejection("train", random).text for _ in range(5))
        yield from (proposed("train", random).text for _ in range(5))
