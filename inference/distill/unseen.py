"""Databases for the test: another generator than that of training, so that what is judged was not learned by heart.

Names are in other styles (or those of public schemas), rows come in the order of a key, from the newest to the oldest
or as files of months, a fifth of the keys takes most of the rows, amounts are log-normal, and ids, flags and times have
other types.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from random import Random

from .database import Design, Filled, Made, chosen, sentence, uniform, whole
from .domains import Dimension, Domain

LAST_DAY = datetime(2026, 1, 1)
DAY_S = 86_400
HOT = 0.2
"""Of the keys."""


def design(domain: Domain, seed: int, rows: int) -> Design:
    return _Designer(domain, seed).design(rows)


class _Designer:
    def __init__(self, domain: Domain, seed: int) -> None:
        self._domain = domain
        self._seed = seed
        self._random = Random(f"unseen:{domain.name}:{seed}")
        self._salt = 0
        self._style = "public" if domain.public else self._random.choice(["camel", "short", "typed"])
        self._days = self._random.choice([120, 500, 1_500])
        self._order = self._random.choice(["newest first", "by key", "by key", "months", "mostly"])
        self._names: dict[str, str] = {}

    def design(self, rows: int) -> Design:
        draw = self._random
        sizes = [int(rows * draw.uniform(0.01, 0.06)), draw.randint(400, 3_000), draw.randint(9, 60)]
        dimensions = tuple(
            self._dimension(one, max(9, size)) for one, size in zip(self._domain.dimensions, sizes, strict=True)
        )
        fact = self._fact(rows, dimensions)
        log = self._log(rows // draw.choice([1, 2, 3]), dimensions, fact)
        return Design(self._domain, self._seed, fact, log, dimensions)

    def _dimension(self, dimension: Dimension, rows: int) -> Filled:
        label, group, number, day = (self._column(name) for name in dimension.columns)
        groups = [f"{one.upper()}{number}" for number in range(3) for one in self._domain.words]
        columns = (
            Made(self._column(dimension.key), "id", "BIGINT", "i + 1"),
            Made(label, "label", "VARCHAR", f"{sentence(self._domain.words, self._next(2), 2)} || '#' || (i + 1)"),
            Made(group, "group", "VARCHAR", self._geometric(groups[: self._random.randint(5, 30)])),
            Made(number, "count", "INTEGER", f"CAST({self._lognormal(4.0)} AS INTEGER)"),
            Made(day, "time", "DATE", f"DATE '2012-06-01' + CAST({whole(self._next(), 3_000)} AS INTEGER)"),
        )
        keyed = self._random.random() < 0.4
        return Filled(self._table(dimension.name), rows, columns, (f"UNIQUE ({columns[0].sql})",) if keyed else ())

    def _fact(self, rows: int, dimensions: Sequence[Filled]) -> Filled:
        domain = self._domain
        keys = [self._key(one, rows, first=place == 0) for place, one in enumerate(dimensions)]
        number = self._column("record_id")
        own = self._random.choice(
            [
                Made(number, "id", "BIGINT", "100000 + i"),
                Made(number, "id", "VARCHAR", "'R' || lpad(CAST(i AS VARCHAR), 9, '0')"),
                Made(number, "id", "UUID", f"CAST(md5(CAST(hash(i, {self._next()}) AS VARCHAR)) AS UUID)"),
            ]
        )
        columns = [own, *keys, *self._times(rows)]
        columns += [
            Made(self._column(name), "state", "VARCHAR", self._geometric(of)) for name, of in domain.states.items()
        ]
        columns += [self._amount(self._column(name)) for name in domain.amounts]
        columns += [Made(self._column(one), "count", "SMALLINT", whole(self._next(), 90)) for one in domain.counts]
        columns += [self._code(self._column(name)) for name in domain.codes]
        flags = [f"CASE WHEN {uniform(self._next())} < 0.3 THEN 1 ELSE 0 END" for _ in domain.flags]
        columns += [Made(self._column(one), "flag", "TINYINT", of) for one, of in zip(domain.flags, flags, strict=True)]
        columns.append(Made(self._column(domain.note), "note", "VARCHAR", self._note()))
        if self._random.random() < 0.4:
            columns += [
                Made(self._column(f"attribute_{place}"), "state", "VARCHAR", self._geometric(domain.words))
                for place in range(1, self._random.randint(5, 12))
            ]
        constraints = (f"UNIQUE ({own.sql})",) if own.type != "UUID" and self._random.random() < 0.3 else ()
        indexes = tuple(one.name for one in self._random.sample([*keys, own], self._random.choice([0, 0, 1])))
        return Filled(self._table(domain.fact), rows, tuple(columns), constraints, indexes)

    def _log(self, rows: int, dimensions: Sequence[Filled], fact: Filled) -> Filled:
        own = fact.columns[0]
        place = f"CAST(floor({fact.rows} * pow({uniform(self._next())}, 2)) AS BIGINT)"
        value = own.value.replace("lpad(CAST(i ", f"lpad(CAST({place} ").replace("hash(i,", f"hash({place},")
        columns = (
            Made(self._column("entry_id"), "id", "BIGINT", "i"),
            Made(own.name, "key", own.type, value.replace("100000 + i", f"100000 + {place}"), fact.name),
            self._key(dimensions[1], rows, first=False),
            self._stamp(self._column("entered"), f"{self._days * DAY_S} * i / {rows}", "TIMESTAMP"),
            Made(self._column("entry_kind"), "state", "VARCHAR", self._geometric(self._domain.words)),
            self._amount(self._column("entry_value")),
            Made(self._column("entry_units"), "count", "INTEGER", whole(self._next(), 12)),
        )
        return Filled(self._table(self._domain.log), rows, columns)

    def _times(self, rows: int) -> Iterator[Made]:
        span, random = self._days * DAY_S, uniform(self._next())
        seconds = {
            "newest first": f"{span} * i / {rows}",
            "by key": f"{span} * {random}",
            "months": f"{span} * (1 - (i // {max(1, rows // 20)} * 7 % 20 + {random}) / 20.0)",
            "mostly": f"CASE WHEN {random} < 0.9 THEN {span} * (1 - i / {rows}) ELSE {span} * {random} END",
        }[self._order]
        first, *others = (self._column(name) for name in self._domain.times)
        yield self._stamp(first, seconds, self._random.choice(["TIMESTAMP", "TIMESTAMP", "DATE", "TEXT"]))
        for name in others:
            later = f"({seconds}) - {self._random.choice([1, 20])} * {DAY_S} * {uniform(self._next())}"
            yield self._stamp(name, later, self._random.choice(["DATE", "TIMESTAMP", "TEXT"]),
                              self._random.choice([0.0, 0.25]))  # fmt: skip

    def _stamp(self, name: str, before_s: str, kind: str, nulls: float = 0.0) -> Made:
        stamp = f"TIMESTAMP '{LAST_DAY:%Y-%m-%d}' - to_seconds(CAST({before_s} AS BIGINT))"
        value, kind = {
            "TIMESTAMP": (stamp, "TIMESTAMP"),
            "DATE": (f"CAST({stamp} AS DATE)", "DATE"),
            "TEXT": (f"strftime({stamp}, '%Y-%m-%d %H:%M:%S')", "VARCHAR"),
        }[kind]
        return Made(
            name, "time", kind, f"CASE WHEN {uniform(self._next())} >= {nulls} THEN {value} END" if nulls else value
        )

    def _key(self, dimension: Filled, rows: int, *, first: bool) -> Made:
        hot, drawn = max(1, int(HOT * dimension.rows)), uniform(self._next())
        one, any_one = whole(self._next(), hot), whole(self._next(), dimension.rows)
        value = f"1 + CASE WHEN {drawn} < 0.85 THEN {one} ELSE {any_one} END"
        if first and self._order == "by key":
            value = f"1 + i * {dimension.rows} // {rows}"
        return Made(dimension.columns[0].name, "key", "BIGINT", value, dimension.name)

    def _code(self, name: str) -> Made:
        salt = self._next()
        few, many = whole(salt, self._random.choice([40, 900])), whole(salt, 50_000_000)
        value = self._random.choice(
            [
                f"'#' || {many}",
                f"lpad(CAST({many} AS VARCHAR), 9, '0')",
                f"50000 + {few}",
                f"chr(CAST(65 + {few} % 26 AS INTEGER)) || {few}",
                f"CAST(CAST(md5(CAST({many} AS VARCHAR)) AS UUID) AS VARCHAR)",
            ]
        )
        return Made(name, "code", "VARCHAR", value)

    def _amount(self, name: str) -> Made:
        kind = self._random.choice(["DECIMAL(18,4)", "DOUBLE", "FLOAT", "INTEGER"])
        return Made(name, "amount", kind, f"round({self._lognormal(self._random.choice([1.0, 3.0, 5.0]))}, 3)")

    def _note(self) -> str:
        text = sentence(self._domain.words, self._next(5), 5)
        return f"CASE WHEN {uniform(self._next())} < 0.7 THEN upper({text[: text.rindex(' || ')]}) ELSE '' END"

    def _lognormal(self, middle: float) -> str:
        """The sum of uniform numbers is nearly normal."""
        return f"exp({middle} + 2 * ({' + '.join(uniform(self._next()) for _ in range(4))} - 2))"

    def _geometric(self, values: Sequence[str]) -> str:
        """Each value half as likely as the one before, down to the last."""
        return chosen(values, f"least({len(values) - 1}, CAST(floor(-ln({uniform(self._next())}) / ln(2)) AS INTEGER))")

    def _table(self, name: str) -> str:
        prefix = {"short": "t_", "typed": "tbl_"}.get(self._style, "")
        styled = self._styled(name)
        return prefix + (styled[0].upper() + styled[1:] if self._style == "camel" else styled)

    def _column(self, name: str) -> str:
        return self._names.setdefault(name, self._styled(name))

    def _styled(self, name: str) -> str:
        words = name.split("_")
        if self._style == "camel":
            return words[0] + "".join(word.capitalize() for word in words[1:])
        if self._style == "short":
            return "_".join(word[0] + "".join(one for one in word[1:] if one not in "aeiou") for word in words)
        if self._style == "typed" and words[-1] in ("at", "on", "id"):
            return f"{'k' if words[-1] == 'id' else 'dt'}_{'_'.join(words[:-1])}"
        return name

    def _next(self, count: int = 1) -> int:
        """The first of so many salts."""
        self._salt += count
        return self._salt - count + 1000 * self._seed
