"""Golden pairs of statements, and random data to run them on.

A file holds a line on what it shows, then blocks: `-- original` a statement, `-- expected` what a rule makes of it
(none where it must leave it alone), `-- create` what has to be built before. A line `-- values $1: a | b` gives
literals to try besides the one in the text, `-- version:` DuckDB's, `-- not null: a, b` columns of the data that
hold no NULL, as the rule says that they must not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import strategies as st

from schemas.fingerprint import Shape, shape
from schemas.records import Table
from tests.advising import column, key, table, view

FOLDER = Path(__file__).parent
_BLOCK = re.compile(r"^-- (original|expected|create)$", re.MULTILINE)
_VALUES = re.compile(r"^-- values \$(\d+): (.*)$", re.MULTILINE)
_NOT_NULL = re.compile(r"^-- not null: (.*)$", re.MULTILINE)
_VERSION = re.compile(r"^-- version: (.*)$", re.MULTILINE)

TABLES: list[Table] = [
    table(
        "orders",
        [
            column("id", nullable=False, distinct=3_000_000),
            column("customer", distinct=50_000),
            column("day", "DATE", distinct=2_500, ordered=1.0),
            column("moment", "TIMESTAMP", distinct=2_900_000, ordered=1.0),
            column("zoned", "TIMESTAMP WITH TIME ZONE"),
            column("amount", "DECIMAL(15,2)", distinct=200_000),
            column("discount", "DECIMAL(15,2)", distinct=11),
            column("price", "DOUBLE", distinct=200_000),
            column("pieces", "INTEGER", distinct=50),
            column("status", "VARCHAR", distinct=5),
            column("document", "VARCHAR", distinct=2_900_000),
            column("placed", "VARCHAR", distinct=2_500, holds="date"),
            column("reference", "VARCHAR", distinct=1_000_000, holds="integer"),
            column("token", "VARCHAR", distinct=3_000_000, holds="uuid"),
        ],
        constraints=[key("id")],
    ),
    table(
        "customers",
        [
            column("id", nullable=False, distinct=50_000),
            column("name", "VARCHAR", distinct=50_000),
            column("first_order", distinct=50_000),
            column("last_order", distinct=50_000),
            column("code", distinct=50_000),
        ],
        rows=50_000,
        constraints=[key("id")],
    ),
    table("Odd Table", [column("Group", "VARCHAR", distinct=5), column("a b", "DATE", distinct=2_500)]),
    view("recent", [column("number"), column("month_day", "DATE")], "SELECT id, day FROM orders WHERE pieces > $1"),
]

CREATE = """
    CREATE TABLE orders (id BIGINT, customer BIGINT, day DATE, moment TIMESTAMP, zoned TIMESTAMPTZ,
        amount DECIMAL(15,2), discount DECIMAL(15,2), price DOUBLE, pieces INTEGER, status VARCHAR, document VARCHAR,
        placed VARCHAR, reference VARCHAR, token VARCHAR);
    CREATE TABLE customers (id BIGINT, name VARCHAR, first_order BIGINT, last_order BIGINT, code BIGINT);
    CREATE TABLE "Odd Table" ("Group" VARCHAR, "a b" DATE);
    CREATE VIEW recent AS SELECT id AS number, day AS month_day FROM orders WHERE pieces > 1;
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Statements as they are in the file; `expected` has placeholders, and is None where nothing is expected."""

    name: str
    claim: str
    originals: tuple[str, ...]
    expected: tuple[str, ...] | None
    create: tuple[str, ...]
    values: dict[int, list[str]]
    not_null: frozenset[str]
    version: str

    def shapes(self) -> list[Shape]:
        return [shape(original) for original in self.originals]


def pairs(folder: str) -> Iterator[Pair]:
    for file in sorted((FOLDER / folder).rglob("*.sql")):
        text = file.read_text()
        parts = _BLOCK.split(text)
        blocks = [(kind, _joined(body)) for kind, body in zip(parts[1::2], parts[2::2], strict=True)]
        expected = tuple(body for kind, body in blocks if kind == "expected")
        not_null, version = _NOT_NULL.search(text), _VERSION.search(text)
        yield Pair(
            name=str(file.relative_to(FOLDER / folder).with_suffix("")),
            claim=text.partition("\n")[0].removeprefix("-- "),
            originals=tuple(body for kind, body in blocks if kind == "original"),
            expected=None if expected in ((), ("none",)) else expected,
            create=tuple(body for kind, body in blocks if kind == "create"),
            values={int(number): _listed(listed) for number, listed in _VALUES.findall(text)},
            not_null=frozenset(name.strip() for name in not_null[1].split(",")) if not_null else frozenset(),
            version=version[1] if version else "2.0.0",
        )


def _joined(body: str) -> str:
    lines = [line.strip() for line in body.splitlines() if not line.startswith("-- ")]
    return " ".join(line for line in lines if line).removesuffix(";")


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(" | ")]


DAYS = [
    date(1, 1, 1), date(2023, 12, 31), date(2024, 1, 1), date(2024, 1, 5), date(2024, 1, 31), date(2024, 2, 1),
    date(2024, 12, 31), date(2025, 1, 1), date(9999, 12, 31),
]  # fmt: skip
TIMES = [datetime(day.year, day.month, day.day) for day in DAYS] + [
    datetime(2024, 1, 31, 23, 59, 59, 999_999), datetime(2024, 1, 5, 10, 30), datetime(2023, 12, 31, 23, 59, 59),
]  # fmt: skip


def _maybe(values: list[Any], name: str, not_null: frozenset[str]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values if name in not_null else [*values, None])


@st.composite
def data(draw: st.DrawFn, not_null: frozenset[str]) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of every table, few and alike, so that they meet; unique ids; NULL wherever it may be."""
    few = [0, 1, 2, 3]
    order = {
        "customer": few, "day": DAYS, "moment": TIMES, "zoned": [None],
        "amount": [Decimal("-1.50"), Decimal("0.00"), Decimal("2.25"), Decimal("100.10")],
        "discount": [Decimal("0.00"), Decimal("0.05")], "price": [-1.5, 0.0, 0.1, 1e6], "pieces": few,
        "status": ["a", "b", "A", ""], "document": ['{"kind": "x"}', '{"kind": "y"}', "{}"],
        "placed": [day.isoformat() for day in DAYS], "reference": ["-5", "0", "7", "1000000000000"],
        "token": [f"0f8fad5b-d9cb-469f-a165-7086728{number:05x}" for number in range(3)],
    }  # fmt: skip
    customer = {"name": ["ann", "bob", ""], "first_order": few, "last_order": few, "code": few}
    odd = {"Group": ["a", "b"], "a b": DAYS}

    def rows(columns: dict[str, list[Any]], most: int) -> list[tuple[Any, ...]]:
        return draw(
            st.lists(st.tuples(*(_maybe(values, name, not_null) for name, values in columns.items())), max_size=most)
        )

    return {
        "orders": [(number, *row) for number, row in enumerate(rows(order, 12))],
        "customers": [(number, *row) for number, row in enumerate(rows(customer, 5))],
        "Odd Table": rows(odd, 8),
    }


def load(connection: duckdb.DuckDBPyConnection, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    for name, found in rows.items():
        if found:
            width = ", ".join("?" * len(found[0]))
            values = ", ".join(f"({width})" for _ in found)
            connection.execute(f'INSERT INTO "{name}" VALUES {values}', [value for row in found for value in row])


def literals(pair: Pair, number: int) -> st.SearchStrategy[list[str]]:
    """Those of the statement, or others that the file gives for them."""
    own = pair.shapes()[number].literals or ()
    return st.tuples(*(st.sampled_from([one, *pair.values.get(place, [])]) for place, one in enumerate(own, 1))).map(
        list
    )


def returned(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """The rows in an order of their own, with the types of their values; floats to ten digits."""
    rows = connection.execute(sql).fetchall()
    return sorted((tuple(map(_rounded, row)) for row in rows), key=repr)


def _rounded(value: Any) -> Any:
    return float(f"{value:.9e}") + 0.0 if isinstance(value, float) else (type(value).__name__, value)
