"""The query shapes of every database, over all time.

`observed_patterns` is the specification's table. Its `confidence` says how much of the observed frequency can be
counted on: the lower end of the 95 % interval of the run rate, divided by the observed rate, as if runs came
independently (a Poisson process): 0.01 for one run, 0.48 for 10, 0.81 for 100. A gain times its confidence is what
the frequency seen so far supports. Source of the interval: Garwood, Biometrika 28 (1936); its closed form is Wilson
and Hilferty's approximation of chi square, PNAS 17 (1931): (1 - 1/(9n) - 1.96/(3 sqrt(n)))^3.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa
from duckdb import DuckDBPyConnection

from .arrow import TIME, arrived, table
from .knowledge import naive
from .sums import LARGEST

EXEMPLARS = 3
"""Kept of each shape: those with the smallest digests, so that the order of arrival does not matter."""
Z_95 = 1.959964

IDENTITY = ("pattern_id", pa.string())
NAMES = tuple((name, pa.string()) for name in ("product", "database", "fingerprint"))
FIGURES = ("first", TIME), ("last", TIME), ("runs", pa.int64()), ("sure", pa.float32())
TEXTS = ("kind", pa.string()), ("data", pa.string())
SAMPLES = ("routes", pa.map_(pa.string(), pa.int64())), ("exemplars", pa.list_(pa.string()))

INSERT = """
    INSERT INTO patterns SELECT pattern_id, product, database, fingerprint, routes, exemplars FROM arrived;
    INSERT INTO observed_patterns SELECT pattern_id, kind, data, first, last, runs, sure FROM arrived
"""
UPDATE_COUNTED = """
    UPDATE observed_patterns SET
        first_observed = first, last_observed = last, occurrence_count = runs, confidence = sure
    FROM arrived AS new WHERE observed_patterns.pattern_id = new.pattern_id::UUID
"""
UPDATE_TOLD = """
    UPDATE observed_patterns SET pattern_type = kind, pattern_data = data
    FROM arrived AS new WHERE observed_patterns.pattern_id = new.pattern_id::UUID
"""
UPDATE_TAKEN = """
    UPDATE patterns SET routes = new.routes, exemplars = new.exemplars
    FROM arrived AS new WHERE patterns.pattern_id = new.pattern_id::UUID
"""


class Shape(NamedTuple):
    product: str
    database: str
    fingerprint: str


@dataclass(slots=True)
class Seen:
    """One shape; times are microseconds since 1970."""

    shape: Shape
    statement: str
    kind: str
    first: int = LARGEST
    last: int = 0
    runs: int = 0
    routes: dict[str, int] = field(default_factory=dict)
    exemplars: set[str] = field(default_factory=set)

    def take(self, statement: str, kind: str, routes: Mapping[str, int], exemplars: Collection[str]) -> None:
        """One shape always comes with one statement, unless a producer lies: then the least stands."""
        if statement < self.statement:
            self.statement = statement
        if kind < self.kind:
            self.kind = kind
        for route, runs in routes.items():
            if runs > 0:
                self.routes[route] = self.routes.get(route, 0) + runs
        if exemplars:
            self.exemplars.update(exemplars)

    def add(self, first: int, last: int, runs: int) -> None:
        self.first = min(self.first, first)
        self.last = max(self.last, last)
        self.runs += runs

    def counted(self) -> tuple[int, int, int, float]:
        runs = min(self.runs, LARGEST)
        return self.first, self.last, runs, confidence(runs)

    def told(self) -> tuple[str, str]:
        named = zip((*Shape._fields, "statement"), (*self.shape, self.statement), strict=True)
        return self.kind, "{" + ", ".join(f'"{name}": {encode_basestring(text)}' for name, text in named) + "}"

    def taken(self) -> tuple[list[tuple[str, int]], list[str]]:
        routes = sorted((route, min(taken, LARGEST)) for route, taken in self.routes.items())
        return routes, sorted(self.exemplars, key=lambda text: sha256(text.encode()).digest())[:EXEMPLARS]


@lru_cache(1 << 16)
def pattern_id(shape: Shape) -> str:
    """UUIDv5 of the three names, each with its length."""
    return str(uuid5(NAMESPACE_URL, "duckdb-sidecar:pattern:" + "".join(f"{len(name)}:{name}" for name in shape)))


def confidence(runs: int) -> float:
    """See the module."""
    return float(max(0.0, 1 - 1 / (9 * runs) - Z_95 / (3 * runs**0.5)) ** 3)


def replaced_since(tx: DuckDBPyConnection, new: Shape, old: Shape, since: datetime) -> bool:
    """Whether the new one ran since, and is new since then or the old one runs no more."""
    found = tx.execute(
        """
        SELECT new.last_observed > $since
            AND (new.first_observed > $since OR coalesce(old.last_observed <= $since, true))
        FROM observed_patterns AS new
        LEFT JOIN (FROM observed_patterns WHERE pattern_id = $old::UUID) AS old ON true
        WHERE new.pattern_id = $new::UUID
        """,
        {"since": naive(since), "new": pattern_id(new), "old": pattern_id(old)},
    ).fetchone()
    return bool(found and found[0])


def ran_naming(
    tx: DuckDBPyConnection, product: str, database: str, text: str, since: datetime
) -> list[tuple[str, bool]]:
    """Statements that ran since and hold the text, in whatever case, and whether one of their runs failed."""
    return tx.execute(
        """
        SELECT pattern_data->>'statement' AS statement, bool_or(errors > 0)
        FROM pattern_hours JOIN patterns USING (pattern_id) JOIN observed_patterns USING (pattern_id)
        WHERE product = ? AND database = ? AND last_seen > ? AND contains(lower(pattern_data->>'statement'), lower(?))
        GROUP BY statement ORDER BY statement
        """,
        [product, database, naive(since), text],
    ).fetchall()


def add(tx: DuckDBPyConnection, shapes: Mapping[str, Seen]) -> None:
    """Adds what was seen, by pattern id, to what is known of it."""
    known = tx.execute(
        """
        SELECT pattern_id::VARCHAR, pattern_data->>'statement', pattern_type,
               epoch_us(first_observed), epoch_us(last_observed), occurrence_count, routes, exemplars
        FROM observed_patterns JOIN patterns USING (pattern_id)
        WHERE pattern_id IN (SELECT unnest(?)::UUID)
        """,
        [list(shapes)],
    ).fetchall()
    told, taken = [], []
    for identity, statement, kind, first, last, runs, routes, exemplars in known:
        seen = shapes[identity]
        took = bool(seen.routes or seen.exemplars)
        seen.take(statement, kind, routes, exemplars)
        seen.add(first, last, runs)
        if took and (now := seen.taken()) != (list(routes.items()), exemplars):
            taken.append((identity, *now))
        if (seen.statement, seen.kind) != (statement, kind):  # where a producer lied
            told.append((identity, *seen.told()))
    old = {row[0] for row in known}
    new = [
        (identity, *seen.shape, *seen.counted(), *seen.told(), *seen.taken())
        for identity, seen in shapes.items()
        if identity not in old
    ]
    counted = [(identity, *shapes[identity].counted()) for identity in old]
    for columns, rows, statement in (
        ((*NAMES, *FIGURES, *TEXTS, *SAMPLES), new, INSERT),
        (FIGURES, counted, UPDATE_COUNTED),
        (TEXTS, told, UPDATE_TOLD),
        (SAMPLES, taken, UPDATE_TAKEN),
    ):
        if rows:
            with arrived(tx, table(pa.schema([IDENTITY, *columns]), rows)):
                tx.execute(statement)
