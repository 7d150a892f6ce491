"""Requests as people might write them, with what is to be read from each: by a grammar, over invented catalogs.

A third has no answer. The same seed gives the same requests. Of the test's texts nothing is known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

from ..language.reading import COLUMNS, KINDS, Kind, Operation, Table
from . import referring
from .domains import Split
from .dressing import disguised, dressed
from .invented import NUMBERS, TIMES, Column, Described, catalog, domains
from .phrases import Slots, chosen, filled, lines, slots_of
from .seeds import random_of

Why = Literal["missing", "no_operation", "orders", "vague", "off_topic", "gibberish", "unclear_table"]
WHYS: tuple[Why, ...] = get_args(Why)
OFTEN = (36, 26, 12, 10, 8, 3, 5)
"""Of a hundred without an answer."""
KIND_OFTEN = (30, 14, 10, 12, 10, 7, 8, 7, 6)
UNANSWERABLE, SECOND, NEGATED = 0.35, 0.14, 0.04
ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Request:
    """`why` there is no operation; None where there are some."""

    text: str
    operations: tuple[Operation, ...]
    why: Why | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests of one catalog."""

    domain: str
    tables: tuple[Table, ...]
    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for, and of what it was made."""

    text: str
    operation: Operation
    table: Described
    columns: tuple[Column, ...]


def batch(split: Split, seed: str, size: int) -> Batch:
    random = random_of(seed)
    all_ = domains(split)
    domain = random.choice(list(all_))
    made = catalog(all_[domain], random)
    others = [one for name in all_ if name != domain for one in all_[name]]
    writer = Writer(split, made, others, random)
    return Batch(domain, tuple(one.table for one in made), tuple(writer.request() for _ in range(size)))


class Writer:
    def __init__(
        self, split: Split, tables: Sequence[Described], strangers: Sequence[Described], random: Random
    ) -> None:
        self._split: Split = split
        self._tables = tables
        self._strangers = strangers
        self._random = random
        self._lines = {file: lines(file, split) for file in ("operations", "nothing", "around")}

    def request(self) -> Request:
        if self._random.random() < UNANSWERABLE:
            (why,) = self._random.choices(WHYS, OFTEN)
            text = self._unanswerable(why)
            if text is not None:
                return Request(self._dressed(text, plain=why in ("gibberish", "orders")), (), why)
        first = self._asked(self._tables)
        text, operations = first.text, [first.operation]
        if first.operation.kind == "look_into" and self._random.random() < NEGATED / 0.3:
            text = f"{self._around('negated')} {text}"
        elif len(first.columns) == 1 and self._random.random() < NEGATED:
            text = f"{text}, not {referring.column(self._random.choice(first.table.columns[1:]), self._random)}"
        if self._random.random() < SECOND:
            second = self._asked(self._tables)
            if second.operation != first.operation:
                text = f"{text}{self._random.choice(['. ', ', ', ' '])}{self._around('second')} {second.text}"
                operations.append(second.operation)
        return Request(self._dressed(text), tuple(operations), None)

    def _unanswerable(self, why: Why) -> str | None:
        if why == "missing":
            return self._missing()
        if why == "unclear_table":
            return self._unclear()
        return self._said("nothing", why)

    def _missing(self) -> str | None:
        """About a stranger's table, about one of the domain that this catalog has not, or a column it has not."""
        known = set[str]().union(*(referring.telling(one) for one in self._tables))
        columns = set[str]().union(*(referring.telling(one) for table in self._tables for one in table.columns))
        for _ in range(ATTEMPTS):
            stranger = self._random.choice(self._strangers)
            if referring.telling(stranger) & (known | columns):
                continue
            if self._random.random() < 0.5:
                return self._asked([stranger]).text
            alien = [one for one in stranger.columns if not referring.telling(one) & (known | columns)]
            if alien:
                here = self._random.choice(self._tables)
                table = Described(here.name, here.called, tuple(alien))
                kinds: list[Kind] = ["create_index", "cluster", "change_type", "drop_column", "drop_index"]
                return self._asked([table], self._random.choice(kinds)).text
        return None

    def _unclear(self) -> str | None:
        """An operation on a column that several tables have, of which none is said."""
        shared = [
            (table, one)
            for table in self._tables
            for one in table.columns
            if sum(one.name == other.name for where in self._tables for other in where.columns) > 1
        ]
        if not shared:
            return None
        table, one = self._random.choice(shared)
        alone = Described(table.name, table.called, (one,))
        kinds: list[Kind] = ["create_index", "change_type", "drop_column", "drop_index"]
        for _ in range(ATTEMPTS):
            line = chosen(self._random.choice(self._lines["operations"][self._random.choice(kinds)]), self._random)
            if "t" not in slots_of(line):
                return filled(line, {**self._slots(alone, (one,), ()), "of": str, "c": lambda: one.name})
        return None

    def _asked(self, tables: Sequence[Described], kind: Kind | None = None) -> Asked:
        table = self._random.choice(tables)
        while True:
            asked = kind or self._random.choices(KINDS, KIND_OFTEN)[0]
            line = chosen(self._random.choice(self._lines["operations"][asked]), self._random)
            columns, sums = self._columns(asked, slots_of(line), table)
            if columns is not None:
                break
        slots = self._slots(table, columns, sums)
        all_ = tuple(dict.fromkeys((*columns, *sums)))
        operation = Operation(kind=asked, table=table.name, columns=tuple(one.name for one in all_))
        return Asked(filled(line, slots), operation, table, all_)

    def _columns(
        self, kind: Kind, slots: frozenset[str], table: Described
    ) -> tuple[tuple[Column, ...] | None, tuple[Column, ...]]:
        """Those that it is by, or None where the line does not fit this table; and those that are summed."""
        random, every = self._random, table.columns
        sums: tuple[Column, ...] = ()
        if "made" in slots:
            return tuple(random.sample(every, min(len(every), random.choice([1, 2, 2])))), ()
        if slots & {"sum", "daily"}:
            numbers = [one for one in every[1:] if one.type in NUMBERS]
            if not numbers:
                return None, ()
            sums = tuple(random.sample(numbers, min(len(numbers), random.choice([1, 1, 2]))))
        rest = [one for one in every if one not in sums]
        if not rest:
            return None, ()
        if "cs" in slots:
            by = tuple(random.sample(rest, min(len(rest), COLUMNS[kind].most, random.choice([1, 1, 1, 2, 2, 3]))))
        else:
            by = (random.choice(rest),) if "c" in slots else ()
        if "daily" in slots:
            times = [one for one in every if one.type in TIMES]
            return ((*by, *(one for one in times if one not in by)), sums) if len(times) == 1 else (None, ())
        return by, sums

    def _slots(self, table: Described, columns: Sequence[Column], sums: Sequence[Column]) -> Slots:
        random = self._random
        alone = bool(columns) and all(referring.is_alone(one, table, self._tables) for one in columns)
        others = [one for one in self._tables if one is not table] or [table]

        def of() -> str:
            if alone and random.random() < 0.45:
                return ""
            return f"{random.choice(['of', 'of', 'in', 'on', 'from'])} {referring.table(table, random)}"

        def by() -> str:
            said = [one for one in columns if one.type not in TIMES] if "daily" in wanted else columns
            return referring.listed(said or columns, random)

        wanted: set[str] = set()

        def daily() -> str:
            wanted.add("daily")
            return (
                f"{random.choice(['daily', 'daily', 'monthly', 'weekly', 'hourly'])} {referring.listed(sums, random)}"
            )

        other = random.choice(others)
        return {
            "t": lambda: referring.table(table, random),
            "c": lambda: referring.column(columns[0] if columns else random.choice(table.columns), random),
            "cs": by,
            "of": of,
            "sum": lambda: referring.listed(sums, random),
            "daily": daily,
            "type": lambda: _type(columns[0], random),
            "old": lambda: _old(columns[0], random),
            "made": lambda: _made(columns, random),
            "when": lambda: self._around("when"),
            "long": lambda: self._around("long"),
            "o": lambda: referring.table(other, random),
            "oc": lambda: (
                f"{referring.column(random.choice(other.columns), random)} of {referring.table(other, random)}"
            ),
            "op": lambda: self._asked(self._tables).text,
            "evil": lambda: self._around("evil"),
        }

    def _said(self, file: str, section: str) -> str:
        table = self._random.choice(self._tables)
        line = chosen(self._random.choice(self._lines[file][section]), self._random)
        columns = (self._random.choice(table.columns),)
        return filled(line, self._slots(table, columns, columns))

    def _around(self, section: str) -> str:
        return self._said("around", section)

    def _dressed(self, text: str, *, plain: bool = False) -> str:
        random = self._random
        if plain:
            return disguised(text, random) if random.random() < 0.2 else dressed(text, random)
        before = [self._around("before")] if random.random() < 0.3 else []
        after = [self._around("after")] if random.random() < 0.25 else []
        beside = random.choice([1, 1, 2, 4]) if random.random() < 0.25 else 0
        sides = [self._around("beside") for _ in range(beside)]
        place = random.randint(0, len(sides))
        middle = ". ".join([*sides[:place], text.rstrip("."), *sides[place:]])
        return dressed(" ".join([*before, middle, *([". " + after[0]] if after else [])]).replace(" . ", ". "), random)


def _type(column: Column, random: Random) -> str:
    options = ["a date", "DATE", "a real date", "timestamp", "TIMESTAMP", "a number", "INTEGER", "bigint", "decimal"]
    if column.type in TIMES:
        options = ["timestamp", "a date", "DATE", "text", "varchar"]
    elif column.type in (*NUMBERS, "BIGINT"):
        options = ["bigint", "INTEGER", "decimal", "double", "text", "a string", "an enum", "smallint", "boolean"]
    return random.choice(options)


def _old(column: Column, random: Random) -> str:
    if column.type == "VARCHAR":
        return random.choice(["text", "a string", "varchar", "VARCHAR", "character"])
    return random.choice([column.type, column.type.lower(), "the wrong type"])


OF_A_TEXT = ("{} in lower case", "the first letters of {}", "trimmed {}", "the length of {}")
OF_A_NUMBER = ("{} in thousands", "{} rounded", "twice {}", "{} in euros", "{} as a share")
OF_TIMES = ("the days between {} and {}", "the time from {} to {}", "{} minus {}")
OF_TWO = ("{} times {}", "{} minus {}", "{} divided by {}", "{} plus {}", "{} and {} put together", "{} per {}")


def _made(columns: Sequence[Column], random: Random) -> str:
    called = [referring.column(one, random) for one in columns]
    if len(columns) > 1:
        every = all(one.type in TIMES for one in columns)
        return random.choice(OF_TIMES if every else OF_TWO).format(*called)
    if columns[0].type in TIMES:
        return f"the {random.choice(['year', 'month', 'weekday', 'hour', 'quarter', 'day'])} of {called[0]}"
    return random.choice(OF_A_TEXT if columns[0].type == "VARCHAR" else OF_A_NUMBER).format(called[0])
