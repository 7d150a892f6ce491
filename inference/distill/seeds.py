"""Random numbers that are the same each time."""

from random import Random


def random_of(seed: str) -> Random:
    return Random(seed)
