"""Texts for validation, written singly: by them the language student is calibrated, and who reads by default chosen."""

from functools import cache
from pathlib import Path

from ..evaluation import written

FOLDER = Path(__file__).parent / "held_back"


@cache
def domains() -> tuple[written.Domain, ...]:
    return written.of(FOLDER)
