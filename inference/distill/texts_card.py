"""The data card of the texts that teach the language student. None is stored: some are made for the card."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

from ..evaluation.markdown import table
from ..language.reading import KINDS, REASONS, VERDICTS
from ..language.tasks import id_of
from . import requests
from .domains import Split
from .proposals import proposed
from .rejections import rejection
from .requests import WHYS, Request
from .seeds import random_of

CARD = "TEXTS.md"
SPLITS: tuple[Split, ...] = ("train", "validation")
"""The texts of the test are not made."""
SAMPLE = 5_000
"""Texts of each sort."""
OF_A_CATALOG = 25
SEED = "card"

Sort = Literal["requests", "rejections", "proposals"]
LABELS: Mapping[Sort, Sequence[str]] = {
    "requests": (*KINDS, *(f"none: {why}" for why in WHYS)),
    "rejections": REASONS,
    "proposals": [id_of(*verdict) for verdict in VERDICTS],
}


class Made(NamedTuple):
    """A text with what it is labelled with, of which a request may have two."""

    text: str
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sample:
    """`seconds` is what making all of a sort took."""

    split: Split
    made: Mapping[Sort, Sequence[Made]]
    seconds: Mapping[Sort, float]


def sample(split: Split, size: int = SAMPLE) -> Sample:
    """The same each time, but for the seconds."""
    random = random_of(SEED)

    def of_requests() -> Iterator[Made]:
        for number in range(-(-size // OF_A_CATALOG)):
            for one in requests.batch(split, f"{SEED}:{number}", OF_A_CATALOG).requests:
                yield Made(one.text, _labels(one))

    def of_rejections() -> Iterator[Made]:
        while True:
            one = rejection(split, random)
            yield Made(one.text, frozenset({one.reason}))

    def of_proposals() -> Iterator[Made]:
        while True:
            one = proposed(split, random)
            yield Made(one.text, frozenset({id_of(*one.verdict)}))

    making: dict[Sort, Callable[[], Iterator[Made]]] = {
        "requests": of_requests, "rejections": of_rejections, "proposals": of_proposals,
    }  # fmt: skip
    made: dict[Sort, Sequence[Made]] = {}
    seconds: dict[Sort, float] = {}
    for sort, make in making.items():
        begun = time.perf_counter()
        made[sort] = list(islice(make(), size))
        seconds[sort] = time.perf_counter() - begun
    return Sample(split, made, seconds)


def card(samples: Sequence[Sample]) -> str:
    """Markdown, with a column for each sample."""
    heads = ["", *(one.split for one in samples)]
    speeds = ", ".join(f"{1 / text_s(samples, sort):,.0f} {sort} a second" for sort in LABELS)
    parts = [
        "# Data card: texts for the language student",
        "A grammar makes them (`phrases/`) for domains that were made up (`invented/`), anew for each lesson. What "
        f"follows is of {len(samples[0].made['requests']):,} of each sort and split that "
        f"`python -m inference.distill.card` made for this card: {speeds}.",
    ]
    for sort, told in TOLD.items():
        counts = [Counter(label for made in one.made[sort] for label in made.labels) for one in samples]
        rows = [
            [label, *(_part(of[label], len(one.made[sort])) for of, one in zip(counts, samples, strict=True))]
            for label in LABELS[sort]
        ]
        parts += [f"## {sort.capitalize()}", told, table(heads, rows)]
    parts += [
        "## Exact repeats",
        "Texts that are, letter by letter, one before of the same sort and split.",
        table(heads, [[sort, *(_repeats(one.made[sort]) for one in samples)] for sort in LABELS]),
        "## Limits",
        "English alone, as a grammar writes and not people. The texts by which readers are judged are not known to it.",
    ]
    return "\n\n".join(parts) + "\n"


TOLD: Mapping[Sort, str] = {
    "requests": "By the kind of their operations, of which one may have two; without any, by why there is none.",
    "rejections": "By the class of their reason.",
    "proposals": "Of another domain, beside the contract that they touch, with the answer of the policy of contracts "
    "(`contracts.py`): the specification's agent coordination.",
}


def text_s(samples: Sequence[Sample], sort: Sort) -> float:
    """What making one takes."""
    return sum(one.seconds[sort] for one in samples) / sum(len(one.made[sort]) for one in samples)


def _labels(request: Request) -> frozenset[str]:
    kinds: set[str] = {one.kind for one in request.operations}
    return frozenset(kinds or {f"none: {request.why}"})


def _repeats(made: Sequence[Made]) -> str:
    return _part(len(made) - len({one.text for one in made}), len(made))


def _part(some: int, of: int) -> str:
    return f"{some:,} ({some / of:.1%})"
