"""Rows on their way into a table, as an Arrow relation: the fast way in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

TIME = pa.timestamp("us")


def table(schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Of at least one row."""
    columns = zip(zip(*rows, strict=True), schema, strict=True)
    return pa.table([pa.array(column, type=kind.type) for column, kind in columns], schema=schema)


@contextmanager
def arrived(tx: DuckDBPyConnection, rows: pa.Table) -> Iterator[None]:
    """Within it the rows are the relation `arrived`."""
    tx.register("arrived", rows)
    yield
    tx.unregister("arrived")
