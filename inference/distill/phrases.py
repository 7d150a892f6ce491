"""A grammar of what people write: lines with alternatives and slots, in sections of a file."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random

from .domains import Split

FOLDER = Path(__file__).parent / "phrases"
HELD_BACK = 6
"""Every sixth line is for validation alone."""
ALTERNATIVES = re.compile(r"\(([^()]*)\)")
SLOT = re.compile(r"\{(\w+)\}")
ESCAPED = str.maketrans({"\1": "(", "\2": ")"})

Slots = Mapping[str, Callable[[], str]]


@cache
def lines(file: str, split: Split) -> dict[str, tuple[str, ...]]:
    """By section. Where a section has few lines both splits have all of them, as of the proposals each does."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in (FOLDER / f"{file}.txt").read_text().splitlines():
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            section = heading[1]
        elif line and not line.startswith("#"):
            found.setdefault(section, []).append(line)
    return {name: _of(split, all_) for name, all_ in found.items()}


def _of(split: Split, all_: Sequence[str]) -> tuple[str, ...]:
    if len(all_) <= HELD_BACK:
        return tuple(all_)
    return tuple(line for place, line in enumerate(all_) if (place % HELD_BACK == 0) == (split == "validation"))


def chosen(line: str, random: Random) -> str:
    """With one of each alternatives; the slots are still there."""
    line = line.replace(r"\(", "\1").replace(r"\)", "\2")
    while found := ALTERNATIVES.search(line):
        line = line[: found.start()] + random.choice(found[1].split("|")) + line[found.end() :]
    return line.translate(ESCAPED)


def slots_of(line: str) -> frozenset[str]:
    return frozenset(SLOT.findall(line))


def filled(line: str, slots: Slots) -> str:
    text = SLOT.sub(lambda slot: slots[slot[1]](), line)
    return re.sub(r"\s+([,.?!;])", r"\1", re.sub(r"[ \t]+", " ", text)).strip()
