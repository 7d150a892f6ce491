"""The texts of the evaluation, for the test alone."""

from functools import cache
from pathlib import Path

from . import written

FOLDER = Path(__file__).parent / "texts"


@cache
def domains() -> tuple[written.Domain, ...]:
    return written.of(FOLDER)
