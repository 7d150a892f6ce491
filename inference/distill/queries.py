"""A workload for a database: shapes of statements with literals out of its own rows, so that what is frequent is asked
for frequently. A seed and the file fix all of it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import duckdb

from schemas.fingerprint import shape
from schemas.literal import literal
from schemas.records.base import Part

from .database import Design, Filled, Made

FEWEST, MOST = 30, 80
EXEMPLARS = 3
TRIES = 40
"""For one more shape that is not there yet."""
SAMPLED = 64
_SLOT = re.compile("\x02(\\d+):(\\d+)\x03")


class Asked(Part):
    """A shape with concrete statements, literals only. `template` names what it was made from."""

    template: str
    fingerprint: str
    statement: str
    kind: str
    literals: list[list[str]]


class Draft:
    """What a template writes a statement with. `random` decides the shape; what its methods return stands for literals
    that each exemplar has its own of.
    """

    def __init__(self, design: Design, samples: dict[tuple[str, str], list[Any]], random: Random) -> None:
        self.fact, self.log, self.dimensions = design.fact, design.log, design.dimensions
        self.words = design.domain.words
        self.random = random
        self._design = design
        self._samples = samples
        self._slots: list[Callable[[Random], Sequence[str]]] = []

    def some(self, table: Filled, *roles: Any, but: Sequence[Made] = ()) -> Made:
        """A column of one of the roles. Raises LookupError where there is none."""
        found = [column for column in table.of(*roles) if column not in but]
        if not found:
            raise LookupError(f"no column of {table.name} is {' or '.join(roles)}")
        return self.random.choice(found)

    def joined(self) -> tuple[Made, Filled]:
        """A key of the facts and its dimension."""
        key = self.random.choice([one for one in self.fact.of("key") if one.refers_to != self.fact.name])
        return key, self._design.dimension(key)

    def value(self, table: Filled, column: Made) -> str:
        return self._slot(lambda random: [_sql(random.choice(self._samples[table.name, column.name]))])[0]

    def values(self, table: Filled, column: Made, count: int) -> list[str]:
        known = self._samples[table.name, column.name]
        return self._slot(lambda random: [_sql(random.choice(known)) for _ in range(count)], count)

    def number(self, low: int, high: int) -> str:
        return self._slot(lambda random: [str(random.randint(low, high))])[0]

    def text(self, write: Callable[[Random], str]) -> str:
        return self._slot(lambda random: [_sql(write(random))])[0]

    def span(self, table: Filled, column: Made, days: float) -> list[str]:
        """Two moments so many days apart, as the column has them."""

        def ends(random: Random) -> list[str]:
            start = _moment(random.choice(self._samples[table.name, column.name]))
            return [_sql(_like(column, one)) for one in (start, start + timedelta(days=days))]

        return self._slot(ends, 2)

    def stamp(self, table: Filled, column: Made, written: Callable[[datetime], object]) -> str:
        """What is made of a moment of the column."""
        known = self._samples[table.name, column.name]
        return self._slot(lambda random: [_sql(written(_moment(random.choice(known))))])[0]

    def statement(self, text: str, random: Random) -> str:
        drawn = [list(slot(random)) for slot in self._slots]
        return _SLOT.sub(lambda found: drawn[int(found[1])][int(found[2])], text)

    def _slot(self, draw: Callable[[Random], Sequence[str]], count: int = 1) -> list[str]:
        self._slots.append(draw)
        return [f"\x02{len(self._slots) - 1}:{number}\x03" for number in range(count)]


Template = Callable[[Draft], str]


@dataclass(frozen=True, slots=True)
class Templates:
    """Reads by how often each is taken, and writes."""

    reads: dict[Template, int]
    writes: dict[Template, int]


def workload(design: Design, connection: duckdb.DuckDBPyConnection, templates: Templates) -> list[Asked]:
    """As many different shapes as the seed says, about a tenth of them writes."""
    random = Random(f"{design.name}:queries")
    samples = _samples(design, connection)
    wanted = random.randint(FEWEST, MOST)
    writes = random.choice([0, 2, wanted // 10, wanted // 6])
    found: dict[str, Asked] = {}
    for of, count in ((templates.reads, wanted - writes), (templates.writes, writes)):
        for asked in _drawn(design, samples, of, random, count * TRIES):
            if asked.fingerprint not in found:
                found[asked.fingerprint] = asked
                count -= 1
            if count <= 0:
                break
    return list(found.values())


def day_of(column: Made) -> str:
    """SQL of the date or timestamp that a column of times holds, as whoever knows it would write it."""
    if column.type == "BIGINT":
        return f"make_timestamp({column.name} * 1000000)"
    return f"CAST({column.name} AS DATE)" if column.type == "VARCHAR" else column.name


def _drawn(
    design: Design, samples: dict[tuple[str, str], list[Any]], of: dict[Template, int], random: Random, tries: int
) -> Iterator[Asked]:
    for template in random.choices(list(of), weights=list(of.values()), k=tries) if tries else []:
        draft = Draft(design, samples, random)
        try:
            text = template(draft)
        except LookupError:
            continue
        shapes = [shape(draft.statement(text, random)) for _ in range(EXEMPLARS)]
        same = [one for one in shapes if one.id == shapes[0].id and one.literals is not None]
        yield Asked(
            template=template.__name__,
            fingerprint=shapes[0].id,
            statement=shapes[0].text,
            kind=shapes[0].kind,
            literals=[list(one.literals or ()) for one in same],
        )


def _samples(design: Design, connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], list[Any]]:
    """Values of rows from all over each table, without NULL."""
    found = {}
    for table in design.tables:
        step = max(1, table.rows // SAMPLED)
        columns = ", ".join(column.sql for column in table.columns)
        rows = connection.execute(
            f"SELECT {columns} FROM {table.sql} WHERE rowid % {step} = {step // 2} ORDER BY rowid"
        ).fetchall()
        for column, values in zip(table.columns, zip(*rows, strict=True), strict=True):
            present = [value for value in values if value is not None]
            if present:
                found[table.name, column.name] = present
    return found


def _moment(value: Any) -> datetime:
    if isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).replace(tzinfo=None)
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return value if isinstance(value, datetime) else datetime.combine(value, datetime.min.time())


def _like(column: Made, moment: datetime) -> object:
    match column.type:
        case "BIGINT":
            return int(moment.replace(tzinfo=UTC).timestamp())
        case "VARCHAR":
            return f"{moment:%Y-%m-%d}"
        case "DATE":
            return moment.date()
    return moment.replace(microsecond=0)


def _sql(value: object) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return f"DATE '{value}'"
    return literal(value) or "NULL"
