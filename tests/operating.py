"""A live database, orders for it, and an executor, for the tests of what is carried out."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from schemas.actions import Body, pack
from schemas.client.catalog import place_of, structure
from schemas.operate.ledger import Ledger
from schemas.operate.run import Executor
from schemas.orders import Order
from schemas.plan import plan_hash, steps
from schemas.records import Column, Limits
from schemas.render import Tables, by_name

SALT = b"salt"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@dataclass
class Shop:
    """A database that this process has open."""

    folder: Path
    connection: duckdb.DuckDBPyConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = duckdb.connect(self.file)

    @property
    def file(self) -> Path:
        return self.folder / "shop.duckdb"

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self.connection.cursor() as cursor:
            yield cursor

    def executor(self, **more: Any) -> Executor:
        values: dict[str, Any] = {
            "live": Live(self),
            "gate": lambda _most_s: nullcontext(),
            "free_bytes": 0,
            "ledger": self.ledger(),
            **more,
        }
        return Executor(salt=SALT, **values)

    def ledger(self) -> Ledger:
        return Ledger(self.folder / "operations" / "shop.json")

    def order(self, *bodies: Body, **more: Any) -> Order:
        """For what the database is now."""
        tables = in_order(by_name(structure(self.connection, place_of(self.connection).database)))
        planned, _ = steps([pack(body) for body in bodies], tables, Limits(build_s=60, extra_bytes=0, peak_bytes=0))
        return order_of(planned, **{"file_id": place_of(self.connection).file_id(SALT), **more})

    def look(self) -> dict[str, Any]:
        """All that can be seen of it."""
        return {name: self.connection.execute(sql).fetchall() for name, sql in LOOKS.items()}


LOOKS = {
    "tables": "SELECT schema_name, table_name, sql, comment FROM duckdb_tables() ORDER BY ALL",
    "columns": "SELECT table_name, column_name, data_type, column_default, is_nullable, comment FROM duckdb_columns() "
    "WHERE NOT internal ORDER BY ALL",
    "constraints": "SELECT table_name, constraint_text FROM duckdb_constraints() ORDER BY ALL",
    "indexes": "SELECT table_name, index_name, is_unique, sql, comment FROM duckdb_indexes() ORDER BY ALL",
    "views": "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
    "types": "SELECT type_name FROM duckdb_types() WHERE NOT internal ORDER BY ALL",
    "triggers": "SELECT table_name, sql FROM duckdb_triggers() ORDER BY ALL",
    "rows": "SELECT * FROM visits ORDER BY ALL",
}


@dataclass(frozen=True)
class Live:
    shop: Shop

    def connection(self) -> Any:
        return self.shop.reading()

    def is_open(self) -> bool:
        return True


def in_order(tables: Tables) -> Tables:
    """As their figures would tell, rows lie in the order of the first column, and are laid so again."""
    return {place: table.model_copy(update={"columns": _figured(table.columns)}) for place, table in tables.items()}


def _figured(columns: list[Column]) -> list[Column]:
    return [columns[0].model_copy(update={"ordered": 1.0}), *columns[1:]]


def order_of(planned: Sequence[Any], **more: Any) -> Order:
    values: dict[str, Any] = {
        "operation_id": "operation-1", "kind": "apply", "product": "sales", "database": "shop", "instance": "i1",
        "file_id": "", "epoch": 1, "number": 1, "suggestion_id": "s1", "revision": 1, "plan_hash": plan_hash(planned),
        "steps": list(planned), "first": 0, "last": len(planned), "issued": NOW,
        "deadline": NOW + timedelta(minutes=10), "most_s": 60, "approvals": [], **more,
    }  # fmt: skip
    return Order(**values)


def killed_at(move: int) -> Callable[[], None]:
    """For `Executor.at_move`: as if the process were gone when that move is to begin; 0 is the first."""
    left = [move]

    def at_move() -> None:
        if left[0] == 0:
            raise Killed
        left[0] -= 1

    return at_move


class Killed(BaseException):
    """Nothing in the process may catch it."""


def replaced(file: Path) -> None:
    """Another file is put in its place, as a batch does."""
    copy = file.with_suffix(".copy")
    copy.write_bytes(file.read_bytes())
    os.replace(copy, file)
