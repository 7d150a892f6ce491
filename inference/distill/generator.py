"""Databases for training and validation: a fact table in the order of its time, or not, with keys by Zipf's law.

What a seed decides: types (a day may be a DATE, a text or seconds, a key a text), which columns there are, how the rows
come, how uneven values are, what is NULL, which keys, constraints and indexes there are, and how wide the fact is.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from math import log
from random import Random

from .database import Design, Filled, Made, chosen, sentence, uniform, whole
from .domains import Dimension, Domain

ROWS = 3_000_000
FIRST_DAY = datetime(2021, 1, 1, tzinfo=UTC)
DAY_S = 86_400
MEASURES = ("score", "ratio", "level", "index")
NUMBER = "10000000"
"""What the codes begin at that are whole numbers."""
PRIME = 7_919
"""Spreads what is frequent over the keys."""


def design(domain: Domain, seed: int, rows: int = ROWS) -> Design:
    return _Designer(domain, seed).design(rows)


class _Designer:
    def __init__(self, domain: Domain, seed: int) -> None:
        self._domain = domain
        self._seed = seed
        self._random = Random(f"{domain.name}:{seed}")
        self._salt = 0
        self._days = self._random.choice([200, 400, 750, 1_100])

    def design(self, rows: int) -> Design:
        shares = sorted(self._random.uniform(*ends) for ends in ((0.004, 0.03), (2e-4, 0.002), (1e-5, 1e-4)))[::-1]
        dimensions = [
            self._dimension(dimension, max(12, int(rows * share)))
            for dimension, share in zip(self._domain.dimensions, shares, strict=True)
        ]
        fact = self._fact(rows, dimensions)
        return Design(self._domain, self._seed, fact, self._log(rows // self._random.randint(4, 9), fact, dimensions),
                      tuple(dimensions))  # fmt: skip

    def _dimension(self, dimension: Dimension, rows: int) -> Filled:
        label, group, number, day = dimension.columns
        groups = [f"{one} {two}" for one in self._domain.words for two in ("A", "B", "C")][
            : self._random.randint(4, 40)
        ]
        date = f"DATE '2009-01-01' + CAST({whole(self._next(), 4_000)} AS INTEGER)"
        columns = (
            Made(dimension.key, "id", "INTEGER", "i + 1"),
            Made(label, "label", "VARCHAR", f"{sentence(self._domain.words, self._next(3), 2)} || ' ' || (i + 1)"),
            Made(group, "group", "VARCHAR", self._few(groups)),
            Made(number, "count", "INTEGER", f"1 + {whole(self._next(), self._random.choice([20, 500, 10_000]))}"),
            self._day(day, date),
        )  # fmt: skip
        keyed = self._random.random() < 0.75
        return Filled(dimension.name, rows, columns, (f'PRIMARY KEY ("{dimension.key}")',) if keyed else ())

    def _day(self, name: str, date: str) -> Made:
        if self._random.random() < 0.3:
            return Made(name, "time", "VARCHAR", f"strftime({date}, '%Y-%m-%d')")
        return Made(name, "time", "DATE", date)

    def _fact(self, rows: int, dimensions: Sequence[Filled]) -> Filled:
        domain = self._domain
        columns = [Made("id", "id", "BIGINT", "i + 1"), *self._times(rows), *map(self._key, dimensions)]
        columns += [Made(name, "state", "VARCHAR", self._few(values)) for name, values in domain.states.items()]
        columns += [self._amount(name) for name in domain.amounts[: self._random.randint(2, 5)]]
        columns += [Made(one, "count", "INTEGER", self._count()) for one in domain.counts]
        columns += [self._code(name) for name in domain.codes]
        columns += [self._flag(name) for name in domain.flags]
        if self._random.random() < 0.6:
            note = sentence(domain.words, self._next(6), self._random.randint(3, 6))
            columns.append(
                Made(domain.note, "note", "VARCHAR", self._or_null(note, self._random.choice([0, 0.3, 0.8])))
            )
        if self._random.random() < 0.35:
            columns.append(Made("payload", "payload", "VARCHAR", self._payload()))
        if self._random.random() < 0.3:
            columns += self._measures(self._random.randint(6, 16))
        constraints = []
        if self._random.random() < 0.45:
            constraints.append('PRIMARY KEY ("id")')
        refers = [one for one in dimensions if one.constraints]
        if refers and self._random.random() < 0.15:
            key = next(column for column in columns if column.refers_to == refers[-1].name)
            if key.type == "INTEGER":
                constraints.append(f"FOREIGN KEY ({key.sql}) REFERENCES {refers[-1].sql} ({refers[-1].columns[0].sql})")
        indexable = [column.name for column in columns if column.role in ("key", "code", "state", "time")]
        indexes = self._random.sample(indexable, self._random.choice([0, 0, 0, 1, 1, 2]))
        return Filled(domain.fact, rows, tuple(columns), tuple(constraints), tuple(indexes))

    def _log(self, rows: int, fact: Filled, dimensions: Sequence[Filled]) -> Filled:
        """Events of the facts, some of which have many."""
        key = dimensions[self._random.randrange(2)]
        seconds = f"{self._days * DAY_S} * i / {rows}"
        columns = (
            Made("event_id", "id", "BIGINT", "i + 1"),
            Made(f"{self._domain.fact}_id", "key", "BIGINT", self._zipf(fact.rows), fact.name),
            self._key(key),
            self._stamp("logged_at", seconds, "TIMESTAMP"),
            Made("event_kind", "state", "VARCHAR", self._few(self._domain.words[:8])),
            self._amount("measured"),
            Made("event_count", "count", "INTEGER", self._count()),
        )
        indexes = (f"{self._domain.fact}_id",) if self._random.random() < 0.2 else ()
        return Filled(self._domain.log, rows, columns, (), indexes)

    def _times(self, rows: int) -> Iterator[Made]:
        """The first in the order of the rows, nearly so, in batches or in none; the others some time after it."""
        span, jitter = self._days * DAY_S, uniform(self._next())
        seconds = self._random.choice(
            [
                f"{span} * i / {rows}",
                f"{span} * i / {rows}",
                f"{span} * i / {rows} + {self._random.choice([3_600, 2 * DAY_S])} * {jitter}",
                f"{span} * ((i // 50000 * 31) % {max(1, rows // 50_000)}) * 50000 / {rows} + 3600 * {jitter}",
                f"{span} * {jitter}",
                f"{span} * sqrt({jitter})",
            ]
        )
        first, *others = self._domain.times
        yield self._stamp(first, seconds, self._random.choice(["TIMESTAMP", "TIMESTAMP", "DATE", "TEXT", "SECONDS"]))
        for name in others:
            delay = f"{seconds} - {self._random.choice([4, 30, 90]) * DAY_S / 6:.0f} * ln({uniform(self._next())})"
            kind = self._random.choice(["TIMESTAMP", "DATE", "DATE", "TEXT"])
            yield self._stamp(name, delay, kind, self._random.choice([0, 0, 0.1, 0.5]))

    def _stamp(self, name: str, seconds: str, kind: str, nulls: float = 0.0) -> Made:
        stamp = f"TIMESTAMP '{FIRST_DAY:%Y-%m-%d}' + to_seconds(CAST({seconds} AS BIGINT))"
        value, kind = {
            "TIMESTAMP": (stamp, "TIMESTAMP"),
            "DATE": (f"CAST({stamp} AS DATE)", "DATE"),
            "TEXT": (f"strftime({stamp}, '%Y-%m-%d')", "VARCHAR"),
            "SECONDS": (f"{FIRST_DAY.timestamp():.0f} + CAST({seconds} AS BIGINT)", "BIGINT"),
        }[kind]
        return Made(name, "time", kind, self._or_null(value, nulls))

    def _key(self, dimension: Filled) -> Made:
        draw: Callable[[int], str] = self._random.choice([self._zipf, self._zipf, self._even])
        kind = self._random.choice(["INTEGER", "INTEGER", "INTEGER", "BIGINT", "VARCHAR"])
        return Made(dimension.columns[0].name, "key", kind, draw(dimension.rows), dimension.name)

    def _code(self, name: str) -> Made:
        salt = self._next()
        return Made(
            name,
            "code",
            "VARCHAR",
            self._random.choice(
                [
                    f"CAST(CAST(md5(CAST(hash(i, {salt}) AS VARCHAR)) AS UUID) AS VARCHAR)",
                    f"{NUMBER} + {whole(salt, 80_000_000)}",
                    f"{NUMBER} + {whole(salt, 200_000)}",
                    f"'{name[:2].upper()}-' || lpad(CAST({whole(salt, 9_000_000)} AS VARCHAR), 7, '0')",
                    f"'{name[:1].upper()}' || {whole(salt, self._random.choice([60, 3_000]))}",
                ]
            ),
        )

    def _amount(self, name: str) -> Made:
        value = (
            f"{self._random.choice([1, 5, 40])} + {self._random.choice([90, 2_000])} * pow({uniform(self._next())}, 3)"
        )
        return Made(name, "amount", self._random.choice(["DECIMAL(12,2)", "DOUBLE", "DOUBLE"]), f"round({value}, 2)")

    def _flag(self, name: str) -> Made:
        test = f"{uniform(self._next())} < {self._random.choice([0.02, 0.2, 0.5])}"
        if self._random.random() < 0.6:
            return Made(name, "flag", "BOOLEAN", test)
        return Made(name, "flag", "VARCHAR", f"CASE WHEN {test} THEN 'Y' ELSE 'N' END")

    def _measures(self, count: int) -> Iterator[Made]:
        names = [f"{word}_{kind}" for kind in MEASURES for word in self._domain.words]
        for name in self._random.sample(names, count):
            yield Made(name, "amount", self._random.choice(["DOUBLE", "FLOAT"]), f"100 * {uniform(self._next())}")

    def _payload(self) -> str:
        words = self._domain.words
        kind, place = chosen(words, whole(self._next(), len(words))), whole(self._next(), 500)
        note = sentence(words, self._next(3), 3)
        return f"""'{{"kind":"' || {kind} || '","place":' || {place} || ',"note":"' || {note} || '"}}'"""

    def _count(self) -> str:
        return f"CAST(floor({self._random.choice([5, 20, 100])} * pow({uniform(self._next())}, 2)) AS INTEGER)"

    def _few(self, values: Sequence[str]) -> str:
        power = self._random.choice([1.0, 1.7, 3.0])
        return chosen(values, f"CAST(floor({len(values)} * pow({uniform(self._next())}, {power})) AS INTEGER)")

    def _zipf(self, count: int) -> str:
        """Of the rank r as likely as 1/r."""
        rank = f"CAST(floor(exp({uniform(self._next())} * {log(count + 1):.6f})) AS BIGINT)"
        return f"1 + {rank} * {PRIME} % {count}"

    def _even(self, count: int) -> str:
        return f"1 + {whole(self._next(), count)}"

    def _or_null(self, value: str, share: float) -> str:
        return f"CASE WHEN {uniform(self._next())} >= {share} THEN {value} END" if share else value

    def _next(self, count: int = 1) -> int:
        """The first of so many salts."""
        self._salt += count
        return self._salt - count + 1000 * self._seed
