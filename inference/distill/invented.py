"""Invented domains: catalogs with what people call their tables and columns, none of them one of the tests'.

A catalog is drawn from a domain anew each time: some of its tables, names shortened, joined and prefixed as teams do
it, with columns that are everywhere and tables left over from long ago.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

from ..language.names import LONG
from ..language.reading import Table
from .domains import Split

FOLDER = Path(__file__).parent / "invented"
TYPES = {
    "I": "BIGINT",
    "N": "INTEGER",
    "F": "DOUBLE",
    "M": "DECIMAL(12,2)",
    "S": "VARCHAR",
    "D": "DATE",
    "T": "TIMESTAMP",
    "B": "BOOLEAN",
    "U": "UUID",
}
TIMES, NUMBERS = ("DATE", "TIMESTAMP"), ("INTEGER", "DOUBLE", "DECIMAL(12,2)")
SHORT = {long: short for short, long in LONG.items()} | {
    "time": "tm", "customer": "cust", "status": "stat", "department": "dept", "station": "stn", "weight": "wgt",
    "started": "strt", "price": "prc", "started_ts": "start_ts", "id": "key", "visit": "vst", "results": "res",
}  # fmt: skip
EVERYWHERE = (
    ("created_at", "TIMESTAMP", ("creation time", "when the row was made")),
    ("updated_at", "TIMESTAMP", ("last change", "when it was last changed")),
    ("load_dt", "DATE", ("load date", "day of the load")),
    ("src_system", "VARCHAR", ("source system", "where the row comes from")),
    ("status", "VARCHAR", ("status", "state")),
    ("is_deleted", "BOOLEAN", ("deletion mark", "whether it is deleted")),
    ("country", "VARCHAR", ("country",)),
    ("ext_ref", "VARCHAR", ("external reference", "reference of the partner")),
    ("tenant_id", "INTEGER", ("tenant", "which client of ours")),
    ("row_uuid", "UUID", ("unique id", "uuid")),
    ("comment", "VARCHAR", ("comment", "free text")),
    ("version_no", "INTEGER", ("version", "revision of the row")),
    ("day_key", "VARCHAR", ("day as text", "day key")),
)
LEFT_OVER = (
    ("{}_old", "old {}"),
    ("{}_bak", "backup of {}"),
    ("tmp_{}", "temporary {}"),
    ("{}_2019", "{} of 2019"),
    ("stg_{}", "staging table of {}"),
    ("{}_archive", "archived {}"),
    ("{}_test", "test copy of {}"),
)
PREFIXES = ("t_", "tbl_", "f_", "dwh_", "app_", "v2_")
FEWEST, MOST = 3, 7
"""Tables of a catalog, without those left over."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    called: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Described:
    """A table."""

    name: str
    called: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def table(self) -> Table:
        return Table(name=self.name, columns=tuple((column.name, column.type) for column in self.columns))


@cache
def domains(split: Split) -> dict[str, tuple[Described, ...]]:
    found: dict[str, list[Described]] = {}
    for file in sorted(FOLDER.glob(f"{split}*.txt")):
        tables: list[Described] = []
        for line in file.read_text().splitlines()[1:]:
            if line.startswith("# "):
                tables = found.setdefault(line[2:], [])
            elif line.startswith("  "):
                name, kind, called = line.strip().split(" ", 2)
                column = Column(name, TYPES[kind], tuple(called.split("; ")))
                tables[-1] = replace(tables[-1], columns=(*tables[-1].columns, column))
            else:
                name, called = line.split(": ", 1)
                tables.append(Described(name, tuple(called.split("; ")), ()))
    return {name: tuple(tables) for name, tables in found.items()}


def catalog(tables: Sequence[Described], random: Random) -> tuple[Described, ...]:
    """A catalog of a domain."""
    some = random.sample(tables, min(len(tables), random.randint(FEWEST, MOST)))
    prefix = random.choice(PREFIXES) if random.random() < 0.2 else ""
    joined, shortened = random.random(), random.choice([0.0, 0.0, 0.2, 0.5])
    made = [
        Described(
            _styled(prefix + _renamed(table.name, shortened, random), joined),
            table.called,
            tuple(_columns(table, shortened, joined, random)),
        )
        for table in some
    ]
    if random.random() < 0.35:
        name, called = random.choice(LEFT_OVER)
        first = random.choice(made)
        if len(first.columns) > 4:
            kept = first.columns[: random.randint(3, len(first.columns))]
            made.append(Described(name.format(first.name), tuple(called.format(one) for one in first.called), kept))
    random.shuffle(made)
    return tuple(made)


def _columns(table: Described, shortened: float, joined: float, random: Random) -> Iterator[Column]:
    """All or most of them, with names of this catalog, and some that are everywhere."""
    names = set()
    more = [Column(*one) for one in random.sample(EVERYWHERE, random.choice([0, 1, 1, 2, 3]))]
    for column in (*table.columns, *more):
        name = _styled(_renamed(column.name, shortened, random), joined)
        if name not in names and (column is table.columns[0] or random.random() < 0.9):
            names.add(name)
            kind = "VARCHAR" if column.type in TIMES and random.random() < 0.1 else column.type
            yield Column(name, kind, column.called)


def _renamed(name: str, shortened: float, random: Random) -> str:
    """With words that are shorter, or longer, than they were."""
    words = name.split("_")
    if shortened:
        words = [SHORT.get(word, _short(word)) if random.random() < shortened else word for word in words]
    elif random.random() < 0.2:
        words = [LONG.get(word, word) for word in words]
    return "_".join(words)


def _short(word: str) -> str:
    return word if len(word) < 6 else word[0] + re.sub("[aeiou]", "", word[1:])[:4]


def _styled(name: str, joined: float) -> str:
    if joined < 0.07:
        first, *rest = name.split("_")
        return first + "".join(word.capitalize() for word in rest)
    if joined < 0.12:
        return name.upper()
    return name.replace("_", "") if joined < 0.15 else name
