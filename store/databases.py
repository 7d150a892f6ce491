"""Which databases there are, and what of each was seen: sums and bounds, whatever the order."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from duckdb import DuckDBPyConnection

from .knowledge import aware, naive


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


def apply(tx: DuckDBPyConnection, batches: Iterable[Mapping[str, Any]]) -> None:
    """Adds PatternBatches, as plain values."""
    by_database: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for batch in batches:
        if batch["readable"]:
            by_database[batch["product"], batch["database"]].append(batch)
    if by_database:
        rows = [(*key, *_sums(found)) for key, found in by_database.items()]
        tx.execute(
            """
            INSERT INTO databases
            SELECT unnest(?), unnest(?), unnest(?), unnest(?),
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
    return [Database(row[0], row[1], aware(row[2]), aware(row[3]), *row[4:]) for row in rows]


def _sums(batches: Sequence[Mapping[str, Any]]) -> tuple[datetime, datetime, int, int, int, int]:
    patterns = [pattern for batch in batches for pattern in batch["patterns"]]
    times = [batch["time"] for batch in batches if not batch["patterns"]]
    return (
        naive(min([pattern["first_seen"] for pattern in patterns] + times)),
        naive(max([pattern["last_seen"] for pattern in patterns] + times)),
        sum(pattern["count"] for pattern in patterns),
        sum(pattern["errors"] for pattern in patterns),
        sum(batch["dropped"] for batch in batches),
        len(batches),
    )
