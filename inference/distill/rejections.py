"""Reasons for rejections as people might write them, each of a class."""

from dataclasses import dataclass
from random import Random

from ..language.reading import REASONS, Reason
from . import referring
from .domains import Split
from .dressing import dressed
from .invented import catalog, domains
from .phrases import chosen, filled, lines

BEFORE = (
    "sorry,",
    "hi,",
    "hello team,",
    "thanks for asking, but",
    "no.",
    "no -",
    "I would say",
    "well,",
    "hm,",
    "rejected:",
)
AFTER = ("sorry", "thanks anyway", "regards", "please understand", "nice idea though", "greetings, Anna", "no offence")
WITH_MORE = 0.3


@dataclass(frozen=True, slots=True)
class Rejection:
    text: str
    reason: Reason


def rejection(split: Split, random: Random) -> Rejection:
    all_ = domains(split)
    tables = catalog(all_[random.choice(list(all_))], random)
    table, other = random.choice(tables), random.choice(tables)
    slots = {
        "t": lambda: referring.table(table, random),
        "c": lambda: referring.column(random.choice(table.columns), random),
        "o": lambda: referring.table(other, random),
    }
    reason = random.choice(REASONS)
    line = chosen(random.choice(lines("rejections", split)[reason]), random)
    text = filled(line, slots)
    if reason != "unclear" and random.random() < WITH_MORE:
        text = f"{random.choice(BEFORE)} {text}"
    if reason != "unclear" and random.random() < WITH_MORE:
        text = f"{text}. {random.choice(AFTER)}"
    return Rejection(dressed(text, random), reason)
