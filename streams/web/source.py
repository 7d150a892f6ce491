"""What the API stands on: the control process's tables to read, and Kafka to write to."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from duckdb import DuckDBPyConnection

from schemas.errors import StoreError
from schemas.records import Record
from schemas.topics import Topic
from store.chain import UNKNOWN_EPOCH
from streams.control import Health

READERS = 4
"""At once: the file has two threads, and the control process needs them too."""
PATIENCE_S = 5


class Knowledge(Protocol):
    """The control process, as `streams.control.Control` is one."""

    health: Health

    def reading(self) -> AbstractContextManager[DuckDBPyConnection]: ...


class Sender(Protocol):
    """As `streams.sending.Sending` is one."""

    def send(self, topic: Topic, record: Record) -> tuple[int, int]: ...


class Source:
    """For any thread but that of the event loop, since all of it waits. Empty until `begin`."""

    def __init__(self) -> None:
        self._begun: tuple[Knowledge, Sender] | None = None
        self._readers = threading.BoundedSemaphore(READERS)

    def begin(self, knowledge: Knowledge, sender: Sender) -> None:
        self._begun = knowledge, sender

    @contextmanager
    def reading(self) -> Iterator[DuckDBPyConnection]:
        """Raises StoreError until the control process was live once: before, the tables may be of long ago."""
        knowledge, _ = self._live()
        if not self._readers.acquire(timeout=PATIENCE_S):
            raise StoreError(f"{READERS} others are reading, and took longer than {PATIENCE_S} s: ask again")
        try:
            with knowledge.reading() as tx:
                yield tx
        finally:
            self._readers.release()

    def send(self, topic: Topic, record: Record) -> tuple[int, int]:
        """Partition and offset, once Kafka has it. Raises BrokerError; StoreError as `reading` does."""
        _, sender = self._live()
        return sender.send(topic, record)

    def _live(self) -> tuple[Knowledge, Sender]:
        if self._begun is None:
            raise StoreError("the control process is not live yet: it has not started")
        health = self._begun[0].health
        if health.epoch == UNKNOWN_EPOCH:
            raise StoreError(f"the control process is not live yet: {health.problem}")
        return self._begun
