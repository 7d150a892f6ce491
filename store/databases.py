"""Which databases there are, and what of each was seen: sums and bounds, whatever the order."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import add

from duckdb import DuckDBPyConnection

from .batches import Batch
from .knowledge import zoned
from .sums import LARGEST

INSERT = """
    INSERT INTO databases (first_seen, last_seen, runs, errors, dropped, records, product, database)
    VALUES (make_timestamp(?::BIGINT), make_timestamp(?::BIGINT), ?, ?, ?, ?, ?, ?)
"""
UPDATE = """
    UPDATE databases SET
        first_seen = make_timestamp(?::BIGINT), last_seen = make_timestamp(?::BIGINT),
        runs = ?, errors = ?, dropped = ?, records = ?
    WHERE product = ? AND database = ?
"""


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
    for (product, database), found in by_database.items():
        sums = _sums(found)
        known = tx.execute(
            "SELECT epoch_us(first_seen), epoch_us(last_seen), runs, errors, dropped, records FROM databases "
            "WHERE product = ? AND database = ?",
            [product, database],
        ).fetchone()
        if known:
            sums = (min(known[0], sums[0]), max(known[1], sums[1]), *map(add, known[2:], sums[2:]))
        tx.execute(UPDATE if known else INSERT, [*(min(value, LARGEST) for value in sums), product, database])


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
