"""A database as it is to be made: tables whose columns are SQL of the row number `i`, so that a seed fixes every byte.

What is random in a row comes from DuckDB's hash of its number and of a salt. Rows come in the order of `i`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import duckdb

from schemas.quoting import identifier, string

from .domains import Domain

Role = Literal["id", "time", "key", "state", "amount", "count", "code", "flag", "note", "payload", "label", "group"]

PARTS = 1_000_000
"""Steps of a random number between 0 and 1."""


@dataclass(frozen=True, slots=True)
class Made:
    """A column. `value` is SQL over `i`; `refers_to` the table of whose key it is."""

    name: str
    role: Role
    type: str
    value: str
    refers_to: str = ""

    @property
    def sql(self) -> str:
        return identifier(self.name)


@dataclass(frozen=True, slots=True)
class Filled:
    """A table. `constraints` are SQL, `indexes` columns."""

    name: str
    rows: int
    columns: tuple[Made, ...]
    constraints: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        return identifier(self.name)

    def of(self, *roles: Role) -> list[Made]:
        return [column for column in self.columns if column.role in roles]


@dataclass(frozen=True, slots=True)
class Design:
    """`dimensions` come largest first, and each has its key first."""

    domain: Domain
    seed: int
    fact: Filled
    log: Filled
    dimensions: tuple[Filled, ...] = field(default=())

    @property
    def name(self) -> str:
        return database_name(self.domain, self.seed)

    @property
    def tables(self) -> tuple[Filled, ...]:
        return *self.dimensions, self.fact, self.log

    def dimension(self, column: Made) -> Filled:
        return next(table for table in self.dimensions if table.name == column.refers_to)


def database_name(domain: Domain, seed: int) -> str:
    return f"{domain.name}-{seed}"


def make(design: Design, file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        for table in design.tables:
            columns = ", ".join(f"{column.sql} {column.type}" for column in table.columns)
            connection.execute(f"CREATE TABLE {table.sql} ({', '.join([columns, *table.constraints])})")
            values = ", ".join(f"CAST({column.value} AS {column.type})" for column in table.columns)
            connection.execute(f"INSERT INTO {table.sql} SELECT {values} FROM range({table.rows}) AS made(i)")
            for column in table.indexes:
                name = identifier(f"{table.name}_{column}")
                connection.execute(f"CREATE INDEX {name} ON {table.sql} ({identifier(column)})")
        connection.execute("CHECKPOINT")


def uniform(salt: int) -> str:
    """Between 0 and 1, both left out."""
    return f"((hash(i, {salt}) % {PARTS} + 0.5) / {PARTS})"


def whole(salt: int, count: int) -> str:
    """From 0 to below `count`, each as likely."""
    return f"CAST(hash(i, {salt}) % {count} AS BIGINT)"


def chosen(values: Sequence[str], place: str) -> str:
    """One of the texts; `place` is SQL of a number from 0."""
    return f"[{', '.join(map(string, values))}][1 + {place}]"


def sentence(words: Sequence[str], salt: int, length: int) -> str:
    return " || ' ' || ".join(chosen(words, whole(salt + number, len(words))) for number in range(length))
