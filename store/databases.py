"""Which databases there are, and what of each was seen: sums and bounds, whatever the order."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from duckdb import DuckDBPyConnection

from .batches import Batch
from .knowledge import zoned
from .sums import ERRORS, RUNS


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
    if by_database:
        rows = [(*key, *_sums(found)) for key, found in by_database.items()]
        tx.execute(
            """
            INSERT INTO databases
            SELECT unnest(?), unnest(?),
                   make_timestamp(unnest(?::BIGINT[])), make_timestamp(unnest(?::BIGINT[])),
                   saturated(unnest(?::HUGEINT[])), saturated(unnest(?::HUGEINT[])),
                   saturated(unnest(?::HUGEINT[])), unnest(?::BIGINT[])
            ON CONFLICT (product, database) DO UPDATE SET
                first_seen = least(first_seen, excluded.first_seen),
                last_seen = greatest(last_seen, excluded.last_seen),
                runs = saturated(runs::HUGEINT + excluded.runs),
                errors = saturated(errors::HUGEINT + excluded.errors),
                dropped = saturated(dropped::HUGEINT + excluded.dropped),
                records = records + excluded.records
            """,
            [list(column) for column in zip(*rows, strict=True)],
        )


def listed(tx: DuckDBPyConnection, product: str | None = None) -> list[Database]:
    rows = tx.execute(
        "SELECT product, database, first_seen, last_seen, runs, errors, dropped FROM databases "
        "WHERE product = coalesce(?, product) ORDER BY product, database",
        [product],
    ).fetchall()
    return [Database(*zoned(row)) for row in rows]


def _sums(batches: Sequence[Batch]) -> tuple[int, int, int, int, int, int]:
    sums = [pattern.sums for batch in batches for pattern in batch.patterns]
    times = [batch.time for batch in batches if not batch.patterns]
    return (
        min([one.first_seen for one in sums] + times),
        max([one.last_seen for one in sums] + times),
        sum(one.counts[RUNS] for one in sums),
        sum(one.counts[ERRORS] for one in sums),
        sum(batch.dropped for batch in batches),
        len(batches),
    )
