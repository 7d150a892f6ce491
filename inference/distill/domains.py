"""Domains: what databases are about, as lists of names written by hand, in three splits that share none.

A file of `domains/` is a split. Test domains are made to databases by another generator than the others.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
FOLDER = Path(__file__).parent / "domains"


@dataclass(frozen=True, slots=True)
class Dimension:
    """A table that the facts refer to by `key`; its columns are a label, a group, a number and a day."""

    name: str
    key: str
    columns: tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Domain:
    """`fact` is the large table, `log` a smaller one of events. `public` names are kept as they are."""

    name: str
    split: Split
    public: bool
    fact: str
    log: str
    times: tuple[str, ...]
    states: dict[str, tuple[str, ...]]
    amounts: tuple[str, ...]
    counts: tuple[str, ...]
    codes: tuple[str, ...]
    flags: tuple[str, ...]
    note: str
    words: tuple[str, ...]
    dimensions: tuple[Dimension, ...]


@cache
def domains(split: Split) -> tuple[Domain, ...]:
    """In the order of the file."""
    written = tomllib.loads((FOLDER / f"{split}.toml").read_text())
    return tuple(_domain(name, split, fields) for name, fields in written.items())


def _domain(name: str, split: Split, fields: dict[str, object]) -> Domain:
    def listed(field: str) -> tuple[str, ...]:
        return tuple(str(fields[field]).split())

    def table(field: str) -> dict[str, str]:
        found = fields[field]
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    dimensions = []
    for dimension, key in table("keys").items():
        label, group, number, day = table("dimensions")[dimension].split()
        dimensions.append(Dimension(dimension, key, (label, group, number, day)))
    return Domain(
        name=name,
        split=split,
        public=bool(fields.get("public", False)),
        fact=str(fields["fact"]),
        log=str(fields["log"]),
        times=listed("times"),
        states={column: tuple(values.split()) for column, values in table("states").items()},
        amounts=listed("amounts"),
        counts=listed("counts"),
        codes=listed("codes"),
        flags=listed("flags"),
        note=str(fields["note"]),
        words=listed("words"),
        dimensions=tuple(dimensions),
    )
