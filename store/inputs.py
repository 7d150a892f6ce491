"""How far each input was applied, and of which Kafka: the offsets that live in the same transaction as the rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from schemas.errors import StoreError
from schemas.records import Accepted, Position

Partition = tuple[str, int]
"""A topic without the installation's prefix, and a partition of it."""


@dataclass(frozen=True, slots=True)
class Log:
    """A partition as Kafka has it: the offset of its first record, and the one after its last."""

    topic_id: str
    low: int
    high: int


def check(
    tx: DuckDBPyConnection, cluster_id: str, logs: Mapping[Partition, Log], begun: Mapping[Partition, int] | None
) -> None:
    """Compares the file with the Kafka, and adds partitions that are new to the file.

    `begun` is where the journal's first entry began to read, so that a rebuild begins there too; None without a
    journal, and everything that is there is read. Raises StoreError where file and Kafka do not belong together.
    """
    known = tx.execute("SELECT cluster_id FROM kafka").fetchone()
    if known and known[0] != cluster_id:
        raise StoreError(
            f"the knowledge file belongs to the Kafka cluster {known[0]}, this one is {cluster_id}: set "
            "bootstrap_servers back, or name another file by store_path"
        )
    if not known:
        tx.execute("INSERT INTO kafka VALUES (?)", [cluster_id])
    stored = {
        (topic, partition): (topic_id, offset)
        for topic, partition, topic_id, offset in tx.execute(
            "SELECT topic, partition, topic_id, next_offset FROM inputs"
        ).fetchall()
    }
    for (topic, partition), log in sorted(logs.items()):
        place = f"partition {partition} of {topic}"
        topic_id, offset = stored.get((topic, partition), (log.topic_id, None))
        if topic_id != log.topic_id:
            raise StoreError(
                f"{topic} was made anew (its id was {topic_id}, now it is {log.topic_id}): what the file knows of it "
                "is not in it. Restore the topic, or set the file aside and let it be rebuilt"
            )
        if offset is None:
            offset = log.low if begun is None else begun.get((topic, partition), 0)
            if offset < log.low:
                raise StoreError(
                    f"{place} begins at offset {log.low}: the records before, from {offset} on, are gone, and a "
                    "rebuild would lack them. Restore the newest backup of the knowledge file instead"
                )
            tx.execute("INSERT INTO inputs VALUES (?, ?, ?, ?, ?)", [topic, topic_id, partition, offset, offset])
        elif offset < log.low:
            raise StoreError(
                f"{place} begins at offset {log.low}, but the file has read only up to {offset}: what lies between is "
                "gone. Keep records longer (retention.ms); to go on without them, set the file aside and start anew"
            )
        elif offset > log.high:
            raise StoreError(
                f"{place} ends at offset {log.high}, but the file has read up to {offset}: Kafka has lost records. "
                "Restore the topic, or set the file aside and let it be rebuilt"
            )
    if missing := sorted(set(stored) - set(logs)):
        raise StoreError(f"partitions that the file has read are gone: {missing}. Restore them")


def positions(tx: DuckDBPyConnection) -> dict[Partition, int]:
    rows = tx.execute("SELECT topic, partition, next_offset FROM inputs ORDER BY ALL").fetchall()
    return {(topic, partition): offset for topic, partition, offset in rows}


def advance(tx: DuckDBPyConnection, next_offsets: Mapping[Partition, int]) -> None:
    if next_offsets:
        tx.execute(
            """
            UPDATE inputs SET next_offset = new.next_offset
            FROM (SELECT unnest(?) AS topic, unnest(?) AS partition, unnest(?) AS next_offset) AS new
            WHERE inputs.topic = new.topic AND inputs.partition = new.partition
            """,
            [[t for t, _ in next_offsets], [p for _, p in next_offsets], list(next_offsets.values())],
        )


def accepted(tx: DuckDBPyConnection) -> list[Accepted]:
    """What was applied since the last entry of the journal."""
    return [
        Accepted(topic=topic, topic_id=topic_id, partition=partition, first=settled, last=following - 1)
        for topic, topic_id, partition, settled, following in tx.execute(
            "SELECT topic, topic_id, partition, settled_offset, next_offset FROM inputs "
            "WHERE settled_offset < next_offset ORDER BY ALL"
        ).fetchall()
    ]


def settled(tx: DuckDBPyConnection) -> list[Position]:
    return [
        Position(topic=topic, topic_id=topic_id, partition=partition, offset=offset)
        for topic, topic_id, partition, offset in tx.execute(
            "SELECT topic, topic_id, partition, next_offset FROM inputs ORDER BY ALL"
        ).fetchall()
    ]


def settle(tx: DuckDBPyConnection, places: Sequence[Position]) -> None:
    """Takes the settled offsets of an entry of the journal; what is read already stays read."""
    tx.execute(
        """
        UPDATE inputs SET settled_offset = new.offset, next_offset = greatest(next_offset, new.offset)
        FROM (SELECT unnest(?) AS topic, unnest(?) AS partition, unnest(?) AS "offset") AS new
        WHERE inputs.topic = new.topic AND inputs.partition = new.partition
        """,
        [[p.topic for p in places], [p.partition for p in places], [p.offset for p in places]],
    )


def ahead_of(tx: DuckDBPyConnection, places: Iterable[Position]) -> bool:
    """Whether the file has applied more than these offsets."""
    reached = positions(tx)
    return any(reached.get((place.topic, place.partition), 0) > place.offset for place in places)
