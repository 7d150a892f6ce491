"""What was observed: batches of patterns, merged into the tables in whatever order they come."""

from collections.abc import Iterable

from duckdb import DuckDBPyConnection

from . import hours, shapes
from .batches import Batch
from .hours import Hour
from .shapes import Seen, Shape, pattern_id
from .sums import Sums


def apply(tx: DuckDBPyConnection, batches: Iterable[Batch]) -> int:
    """Adds the batches and returns the number of patterns in them. That each is new is the caller's matter."""
    by_shape: dict[str, Seen] = {}
    by_hour: dict[Hour, Sums] = {}
    count = 0
    for batch in batches:
        count += len(batch.patterns)
        for pattern in batch.patterns:
            shape = Shape(batch.product, batch.database, pattern["fingerprint"])
            identity = pattern_id(shape)
            hour = identity, pattern["hour"], pattern["catalog_hash"]
            if (sums := by_hour.get(hour)) is None:
                sums = by_hour[hour] = Sums(pattern["first_seen"], pattern["last_seen"])
            sums.take(pattern)
            if (seen := by_shape.get(identity)) is None:
                seen = by_shape[identity] = Seen(shape, pattern["statement"], pattern["kind"], sums.first, sums.last)
            seen.take(pattern["statement"], pattern["kind"], pattern["routes"], pattern["exemplars"])
    for (identity, _, _), sums in by_hour.items():
        by_shape[identity].add(sums)
    if count:
        shapes.add(tx, by_shape)
        hours.add(tx, by_hour)
    return count
