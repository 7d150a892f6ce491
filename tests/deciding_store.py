"""A knowledge file to which records and decisions are applied as live, each decision as the journal would bring it."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from schemas.records import Decision, JournalEntry, Record
from schemas.topics import PATTERNS, Topic
from store import chain, journal, outbox, projection
from store.chain import DECISION, EPOCH, UNKNOWN_EPOCH
from streams.deciding import Deciding
from tests.store_records import CODEC, NOON, arrived, knowledge, pattern, pattern_batch


class Store:
    """With an epoch."""

    def __init__(self) -> None:
        self.file = knowledge(Path(":memory:"))
        self._offsets = dict.fromkeys((topic.name for topic in projection.INPUTS), 0)
        with self.file.transaction() as tx:
            self._enter(tx, EPOCH, [], NOON)

    def add(self, topic: Topic, *records: Record, time: datetime = NOON, partition: int = 0) -> None:
        """`time` is the broker's."""
        with self.file.transaction() as tx:
            for one in records:
                offset = self._offsets[topic.name]
                self._offsets[topic.name] += 1
                assert projection.apply(tx, CODEC, [arrived(topic.name, offset, one, partition, time)]).refused == []

    def see(self, runs: int = 1, **values: Any) -> None:
        """A batch of one pattern with so many runs."""
        self.add(PATTERNS, pattern_batch(self._offsets[PATTERNS.name], pattern(latencies=[1000] * runs), **values))

    def decide(self, take: Callable[[DuckDBPyConnection, Deciding], None], now: datetime = NOON) -> list[Decision]:
        """What `take` decides, entered."""
        with self.file.transaction() as tx:
            deciding = Deciding(journal.head(tx))
            take(tx, deciding)
            if deciding.decisions:
                self._enter(tx, DECISION, deciding.decisions, now)
        return deciding.decisions

    def _enter(self, tx: Any, kind: str, taken: list[Decision], now: datetime) -> None:
        head = journal.head(tx)
        entry = chain.sealed(
            JournalEntry(
                product="", database="", instance="test", event_id="", time=now, sequence=head.sequence + 1,
                previous_hash=head.hash, hash="", epoch=UNKNOWN_EPOCH if kind == EPOCH else head.epoch, kind=kind,
                accepted=[], settled=[], sent=outbox.sent(tx, head.sequence + 1, owes=bool(taken)), decisions=taken,
            )
        )  # fmt: skip
        after = chain.follow(head, entry, head.next_offset)
        assert after is not None
        projection.enter(tx, entry)
        journal.add(tx, entry, after, "journal-id")
