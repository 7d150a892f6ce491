"""Which records of the query log are in the patterns, as merged ranges: what comes again is skipped.

A partition's ranges merge into one as its records come in. Where a gap never closes (a producer's transaction
markers have offsets too), `close_gaps` bounds their number.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from duckdb import DuckDBPyConnection

from .batches import Source


class Ranges:
    """Sorted, disjoint, never adjacent ranges of integers, both ends included."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in sorted(ranges):
            self._firsts.append(first)
            self._lasts.append(last)

    def add(self, number: int) -> bool:
        """False when it is in already."""
        after = bisect_right(self._firsts, number)
        if after and number <= self._lasts[after - 1]:
            return False
        joins_before = after > 0 and self._lasts[after - 1] == number - 1
        joins_after = after < len(self._firsts) and self._firsts[after] == number + 1
        if joins_before and joins_after:
            self._lasts[after - 1] = self._lasts.pop(after)
            self._firsts.pop(after)
        elif joins_before:
            self._lasts[after - 1] = number
        elif joins_after:
            self._firsts[after] = number
        else:
            self._firsts.insert(after, number)
            self._lasts.insert(after, number)
        return True

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)


def apply(tx: DuckDBPyConnection, sources: Sequence[Source]) -> list[bool]:
    """Marks the sources as applied; says of each whether it is new, in their order."""
    if not sources:
        return []
    partitions = sorted({(topic_id, partition) for topic_id, partition, _ in sources})
    ids, numbers = [t for t, _ in partitions], [p for _, p in partitions]
    held: dict[tuple[str, int], list[tuple[int, int]]] = {partition: [] for partition in partitions}
    for topic_id, partition, first, last in tx.execute(
        "SELECT topic_id, partition, first, last FROM applied_sources "
        "SEMI JOIN (SELECT unnest(?) AS topic_id, unnest(?) AS partition) USING (topic_id, partition)",
        [ids, numbers],
    ).fetchall():
        held[topic_id, partition].append((first, last))
    ranges = {partition: Ranges(known) for partition, known in held.items()}
    fresh = [ranges[topic_id, partition].add(offset) for topic_id, partition, offset in sources]
    changed = sorted({source[:2] for source, is_new in zip(sources, fresh, strict=True) if is_new})
    if changed:
        _replace(tx, {partition: ranges[partition] for partition in changed})
    return fresh


def _replace(tx: DuckDBPyConnection, ranges: dict[tuple[str, int], Ranges]) -> None:
    tx.execute(
        "DELETE FROM applied_sources USING (SELECT unnest(?) AS topic_id, unnest(?) AS partition) AS changed "
        "WHERE applied_sources.topic_id = changed.topic_id AND applied_sources.partition = changed.partition",
        [[t for t, _ in ranges], [p for _, p in ranges]],
    )
    rows = [(*partition, first, last) for partition, known in ranges.items() for first, last in known]
    tx.execute(
        "INSERT INTO applied_sources SELECT unnest(?), unnest(?), unnest(?), unnest(?)",
        [list(column) for column in zip(*rows, strict=True)],
    )


def close_gaps(tx: DuckDBPyConnection, keep: int) -> None:
    """Of each partition keeps the newest ranges; the others become one, the gaps between them counted as applied."""
    tx.execute(
        """
        CREATE TEMP TABLE closed AS
        SELECT topic_id, partition, min(first) AS first, max(last) AS last
        FROM (
            SELECT *, row_number() OVER (PARTITION BY topic_id, partition ORDER BY first DESC) AS place
            FROM applied_sources
        )
        GROUP BY topic_id, partition, least(place, ?)
        """,
        [keep],
    )
    tx.execute("DELETE FROM applied_sources")
    tx.execute("INSERT INTO applied_sources FROM closed")
    tx.execute("DROP TABLE closed")
