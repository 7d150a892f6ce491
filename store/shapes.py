"""The query shapes of every database, over all time.

`observed_patterns` is the specification's table. Its `confidence` says how much of the observed frequency can be
counted on: the lower end of the 95 % interval of the run rate, divided by the observed rate, as if runs came
independently (a Poisson process): 0.01 for one run, 0.48 for 10, 0.81 for 100. A gain times its confidence is what
the frequency seen so far supports. Source of the interval: Garwood, Biometrika 28 (1936); its closed form is Wilson
and Hilferty's approximation of chi square, PNAS 17 (1931): (1 - 1/(9n) - 1.96/(3 sqrt(n)))^3.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa
from duckdb import DuckDBPyConnection

from .arrow import TIME, arrived
from .sums import LARGEST, RUNS, Sums

EXEMPLARS = 3
"""Kept of each shape: those with the smallest digests, so that the order of arrival does not matter."""
Z_95 = 1.959964

SHAPES = pa.schema(
    [
        ("pattern_id", pa.string()),
        ("product", pa.string()),
        ("database", pa.string()),
        ("fingerprint", pa.string()),
        ("kind", pa.string()),
        ("data", pa.string()),
        ("first", TIME),
        ("last", TIME),
        ("runs", pa.int64()),
        ("confidence", pa.float32()),
        ("routes", pa.map_(pa.string(), pa.int64())),
        ("exemplars", pa.list_(pa.string())),
    ]
)

UPDATE = """
    UPDATE observed_patterns SET
        first_observed = first, last_observed = last, occurrence_count = runs, confidence = new.confidence
    FROM arrived AS new WHERE observed_patterns.pattern_id = new.pattern_id::UUID
"""
UPDATE_TEXT = """
    UPDATE observed_patterns SET pattern_type = kind, pattern_data = data
    FROM arrived AS new WHERE observed_patterns.pattern_id = new.pattern_id::UUID
"""
"""Texts cost ten times as much as numbers to update, and change only where a producer lied."""
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
    first: int
    last: int
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

    def add(self, sums: Sums) -> None:
        self.first = min(self.first, sums.first)
        self.last = max(self.last, sums.last)
        self.runs += sums.counts[RUNS]

    def row(self, identity: str) -> tuple[Any, ...]:
        runs = min(self.runs, LARGEST)
        named = zip((*Shape._fields, "statement"), (*self.shape, self.statement), strict=True)
        data = "{" + ", ".join(f'"{name}": {encode_basestring(text)}' for name, text in named) + "}"
        routes = sorted((route, min(taken, LARGEST)) for route, taken in self.routes.items())
        exemplars = sorted(self.exemplars, key=lambda text: sha256(text.encode()).digest())[:EXEMPLARS]
        return (
            identity, *self.shape, self.kind, data, self.first, self.last, runs, confidence(runs), routes, exemplars,
        )  # fmt: skip


@lru_cache(1 << 16)
def pattern_id(shape: Shape) -> str:
    """UUIDv5 of the three names, each with its length."""
    return str(uuid5(NAMESPACE_URL, "duckdb-sidecar:pattern:" + "".join(f"{len(name)}:{name}" for name in shape)))


def confidence(runs: int) -> float:
    """See the module."""
    return float(max(0.0, 1 - 1 / (9 * runs) - Z_95 / (3 * runs**0.5)) ** 3)


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
    retold, taken = [], []
    for identity, statement, kind, first, last, runs, routes, exemplars in known:
        seen = shapes[identity]
        if seen.routes or seen.exemplars:
            taken.append(identity)
        seen.take(statement, kind, routes, exemplars)
        if (seen.statement, seen.kind) != (statement, kind):
            retold.append(identity)
        seen.first = min(seen.first, first)
        seen.last = max(seen.last, last)
        seen.runs += runs
    old = {row[0] for row in known}
    rows = {identity: seen.row(identity) for identity, seen in shapes.items()}
    if new := [row for identity, row in rows.items() if identity not in old]:
        with arrived(tx, SHAPES, new):
            tx.execute("""
                INSERT INTO patterns SELECT pattern_id, product, database, fingerprint, routes, exemplars FROM arrived
            """)
            tx.execute("""
                INSERT INTO observed_patterns
                SELECT pattern_id, kind, data, first, last, runs, confidence FROM arrived
            """)
    for statement, changed in ((UPDATE, [*old]), (UPDATE_TEXT, retold), (UPDATE_TAKEN, taken)):
        if changed:
            with arrived(tx, SHAPES, [rows[identity] for identity in changed]):
                tx.execute(statement)
