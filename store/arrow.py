"""Rows on their way into a table, as an Arrow relation: the fast way in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

TIME = pa.timestamp("us")


@contextmanager
def arrived(tx: DuckDBPyConnection, schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> Iterator[None]:
    """Within it the rows, of which there must be one, are the relation `arrived`."""
    columns = zip(zip(*rows, strict=True), schema, strict=True)
    table = pa.table([pa.array(column, type=kind.type) for column, kind in columns], schema=schema)
    tx.register("arrived", table)
    yield
    tx.unregister("arrived")
