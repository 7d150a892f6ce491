"""What was observed: batches of patterns, merged into the tables in whatever order they come."""

from collections import defaultdict
from collections.abc import Iterable

from duckdb import DuckDBPyConnection

from . import hours, shapes
from .batches import Batch
from .hours import Hour
from .shapes import Seen, Shape, pattern_id
from .sums import Sums


def apply(tx: DuckDBPyConnection, batches: Iterable[Batch]) -> int:
    """Adds the batches and returns the number of patterns in them. That each is new is the caller's matter."""
    seen: dict[str, Seen] = {}
    by_hour: dict[Hour, Sums] = defaultdict(Sums)
    count = 0
    for batch in batches:
        count += len(batch.patterns)
        for pattern in batch.patterns:
            shape = Shape(batch.product, batch.database, pattern["fingerprint"])
            identity = pattern_id(shape)
            by_hour[identity, pattern["hour"], pattern["catalog_hash"]].take(pattern)
            if (one := seen.get(identity)) is None:
                one = seen[identity] = Seen(shape, pattern["statement"], pattern["kind"])
            one.take(pattern["statement"], pattern["kind"], pattern["routes"], pattern["exemplars"])
    for (identity, _, _), sums in by_hour.items():
        first, last, _, runs, *_ = sums.total()
        seen[identity].add(first, last, runs)
    if count:
        shapes.add(tx, seen)
        hours.add(tx, by_hour)
    return count
