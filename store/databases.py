"""Which databases there are, and what of each was seen: sums and bounds, whatever the order."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from duckdb import DuckDBPyConnection

from .batches import Batch
from .knowledge import zoned
from .sums import saturated

ADD = """
    INSERT INTO databases BY NAME
    SELECT unnest(?) AS product, unnest(?) AS database, make_timestamp(unnest(?::BIGINT[])) AS first_seen,
           make_timestamp(unnest(?::BIGINT[])) AS last_seen, unnest(?) AS runs, unnest(?) AS errors,
           unnest(?) AS dropped, unnest(?) AS records
    ON CONFLICT DO UPDATE SET
        first_seen = least(first_seen, excluded.first_seen), last_seen = greatest(last_seen, excluded.last_seen),
        runs = saturated(runs::HUGEINT + excluded.runs), errors = saturated(errors::HUGEINT + excluded.errors),
        dropped = saturated(dropped::HUGEINT + excluded.dropped),
        records = saturated(records::HUGEINT + excluded.records)
"""

DROPPED = """
    SELECT product, saturated(sum(dropped)) AS total FROM databases WHERE product = $product GROUP BY product
"""
"""A client tells what it lost with whichever of its databases comes next, so it is the product's."""


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
    """Records that could not be read, which name no product, are counted under none."""
    by_database: dict[tuple[str, str], list[Batch]] = defaultdict(list)
    for batch in batches:
        by_database[batch.product, batch.database].append(batch)
    if by_database:
        sums = [saturated(column) for column in zip(*map(_sums, by_database.values()), strict=True)]
        tx.execute(ADD, [list(column) for column in (*zip(*by_database, strict=True), *sums)])


def listed(tx: DuckDBPyConnection, product: str | None = None) -> list[Database]:
    rows = tx.execute(
        "SELECT product, database, first_seen, last_seen, runs, errors, dropped FROM databases "
        "WHERE product = coalesce(?, product) AND product <> '' ORDER BY product, database",
        [product],
    ).fetchall()
    return [Database(*zoned(row)) for row in rows]


def dropped(tx: DuckDBPyConnection, product: str) -> int:
    """How many runs the product's clients lost, over all time."""
    found = tx.execute(DROPPED, {"product": product}).fetchone()
    return int(found[1]) if found else 0


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
