"""Real suggestions with the explanations that were written for them singly, by somebody who knew no template.

A file of `explanations/` is the analysis of one database; what it considered besides stands in it once.
"""

import json
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from schemas.records import Suggestion

from ..advisor import explain
from .overlap import Explanation, bleu, rouge_l

FOLDER = Path(__file__).parent / "explanations"
TEMPLATES = "templates"

Explains = Callable[[str, str], str | None]
"""Of a title and facts a text, None where there was no valid one."""


class Explained(NamedTuple):
    """`references` are at least one."""

    database: str
    suggestion: Suggestion
    references: tuple[str, ...]


class Overlap(NamedTuple):
    """`name` is of whoever explains. What it `refused` has nothing in common with any reference."""

    name: str
    refused: int
    rouge_l: float
    bleu: float


@cache
def suggestions() -> tuple[Explained, ...]:
    return tuple(one for file in sorted(FOLDER.glob("*.json")) for one in _of(file))


def overlap(name: str, explains: Explains, found: Iterable[Explained]) -> Overlap:
    """Of at least one suggestion. What is explained is what the templates say."""
    said = [(explains(one.suggestion.title, explain(one.suggestion).text()), one.references) for one in found]
    beside = [Explanation(text or "", references) for text, references in said]
    return Overlap(name, sum(text is None for text, _ in said), rouge_l(beside), bleu(beside))


def as_written(_title: str, facts: str) -> str:
    """The templates themselves."""
    return facts


def _of(file: Path) -> Iterable[Explained]:
    written: dict[str, Any] = json.loads(file.read_text())
    for one in written["suggestions"]:
        suggestion = Suggestion.model_validate({**one["suggestion"], "considered": written["considered"]})
        yield Explained(file.stem, suggestion, (*one["references"],))
