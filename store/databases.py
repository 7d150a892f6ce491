"""Which databases there are, and what of each was seen: sums and bounds, whatever the order."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import add

from duckdb import DuckDBPyConnection

from .batches import Batch
from .knowledge import zoned
from .sums import saturated

KNOWN = """
    SELECT product, database, epoch_us(first_seen), epoch_us(last_seen), runs, errors, dropped, records
    FROM databases SEMI JOIN (SELECT unnest(?) AS product, unnest(?) AS database) USING (product, database)
"""
SUMS = """
    SELECT unnest(?) AS product, unnest(?) AS database, make_timestamp(unnest(?::BIGINT[])) AS first_seen,
           make_timestamp(unnest(?::BIGINT[])) AS last_seen, unnest(?) AS runs, unnest(?) AS errors,
           unnest(?) AS dropped, unnest(?) AS records
"""
INSERT = f"INSERT INTO databases BY NAME {SUMS}"
UPDATE = f"""
    UPDATE databases SET
        first_seen = new.first_seen, last_seen = new.last_seen, runs = new.runs, errors = new.errors,
        dropped = new.dropped, records = new.records
    FROM ({SUMS}) AS new WHERE databases.product = new.product AND databases.database = new.database
"""  # noqa: S608 - a constant of this module


@dataclass(frozen=True, slots=True)
class Database:
    """`runs` over all time, as the log shows them; `dropped` of them more were lost in clients."""

    product: str
    database: str
    first_seen: datetime
    last_seen: datetime
    runs: int
    errors: int
    dropped: int


def apply(tx: DuckDBPyConnection, batches: Iterable[Batch]) -> None:
    by_database: dict[tuple[str, str], list[Batch]] = defaultdict(list)
    for batch in batches:
        if batch.product:
            by_database[batch.product, batch.database].append(batch)
    if not by_database:
        return
    sums = {name: _sums(found) for name, found in by_database.items()}
    held = {}
    for product, database, *known in tx.execute(KNOWN, _columns(sums)).fetchall():
        added = sums.pop((product, database))
        held[product, database] = (min(known[0], added[0]), max(known[1], added[1]), *map(add, known[2:], added[2:]))
    for statement, rows in ((UPDATE, held), (INSERT, sums)):
        if rows:
            values = [list(saturated(column)) for column in zip(*rows.values(), strict=True)]
            tx.execute(statement, [*_columns(rows), *values])


def listed(tx: DuckDBPyConnection, product: str | None = None) -> list[Database]:
    rows = tx.execute(
        "SELECT product, database, first_seen, last_seen, runs, errors, dropped FROM databases "
        "WHERE product = coalesce(?, product) ORDER BY product, database",
        [product],
    ).fetchall()
    return [Database(*zoned(row)) for row in rows]


def _sums(batches: Sequence[Batch]) -> tuple[int, ...]:
    patterns = [pattern for batch in batches for pattern in batch.patterns]
    times = [batch.time for batch in batches if not batch.patterns]
    return (
        min([pattern["first_seen"] for pattern in patterns] + times),
        max([pattern["last_seen"] for pattern in patterns] + times),
        sum([pattern["count"] for pattern in patterns]),
        sum([pattern["errors"] for pattern in patterns]),
        sum(batch.dropped for batch in batches),
        len(batches),
    )


def _columns(names: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [list(column) for column in zip(*names, strict=True)]
