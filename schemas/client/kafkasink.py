"""The query log as records on Kafka."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from threading import Lock
from typing import Any, Protocol

import duckdb

from ..records import NAMESPACE
from ..topics import QUERY_LOG, key_of
from .attached import Attached
from .sink import Batch, Event

LARGEST = 900 * 1024
"""Bytes of a record, so that a broker with Kafka's default of 1 MiB takes it."""
RECORD = f"{NAMESPACE}.QueryLogBatch"

CLOSE_S = 0.3


class Beside(Protocol):
    """What works beside a database of the product."""

    def hear(self, batch: Batch) -> None: ...

    def catalog_hash(self, anew: bool) -> str:
        """`anew` where the structure may have changed."""

    def join(self, timeout: float) -> None:
        """Returns when its work has ended, or after `timeout` seconds."""


class KafkaSink:
    """`dropped` of a record counts all runs that are lost since the last record that arrived, Kafka's absences
    included.
    """

    def __init__(self, attached: Attached, open_beside: Callable[[str], Beside]) -> None:
        """`open_beside` is called once for each database, by its name."""
        self._attached = attached
        self._open_beside = open_beside
        self._beside: dict[str, Beside] = {}
        self._written = 0
        self._lost: Counter[str] = Counter()
        self._unanswered = 0
        self._lock = Lock()

    @property
    def unanswered(self) -> int:
        """Records that Kafka has neither taken nor refused yet."""
        return self._unanswered

    def write(self, batch: Batch) -> None:
        if (beside := self._beside.get(batch.database)) is None:
            beside = self._beside[batch.database] = self._open_beside(batch.database)
        beside.hear(batch)
        self._lose(batch.database, batch.dropped)
        # what ran up to a change of the structure ran on the old one
        border = max((at for at, event in enumerate(batch.events, 1) if event.statement.kind == "ddl"), default=0)
        if before := batch.events[:border]:
            self._send(batch, before, beside.catalog_hash(anew=False))
        catalog_hash = beside.catalog_hash(anew=border > 0)
        if after := batch.events[border:]:
            self._send(batch, after, catalog_hash)

    def flush(self, timeout: float) -> bool:
        return self._attached.publisher.flush(timeout)

    def close(self) -> None:
        self._attached.stop.set()
        for beside in self._beside.values():
            beside.join(CLOSE_S)

    def _send(self, batch: Batch, events: Sequence[Event], catalog_hash: str) -> None:
        dropped = self._take_lost(batch.database)
        payload = self._attached.codec.encode_values(RECORD, self._values(batch, events, catalog_hash, dropped))
        if len(payload) > LARGEST:
            self._lose(batch.database, dropped)
            if len(events) == 1:
                self._lose(batch.database, 1)
                return
            half = len(events) // 2
            self._send(batch, events[:half], catalog_hash)
            self._send(batch, events[half:], catalog_hash)
            return

        def done(error: str | None) -> None:
            self._expect(-1)
            if error is not None:
                self._lose(batch.database, dropped + len(events))

        self._expect(1)
        self._attached.publisher.send(QUERY_LOG, key_of(batch.product, batch.database), payload, done)

    def _values(self, batch: Batch, events: Sequence[Event], catalog_hash: str, dropped: int) -> dict[str, Any]:
        self._written += 1
        begun = min(event.time_us for event in events)
        shapes: dict[str, int] = {}
        for event in events:
            shapes.setdefault(event.statement.fingerprint, len(shapes))
        statements = {event.statement.fingerprint: event.statement for event in events}
        return {
            "product": batch.product,
            "database": batch.database,
            "instance": batch.instance,
            "event_id": f"{batch.instance}-{self._written}",
            "time": begun,
            "schema_version": 1,
            "catalog_hash": catalog_hash,
            "duckdb_version": duckdb.__version__,
            "dropped": dropped,
            "shapes": [
                {"fingerprint": one, "statement": _utf8(statements[one].text), "kind": statements[one].kind}
                for one in shapes
            ],
            "events": [
                {
                    "shape": shapes[event.statement.fingerprint],
                    "offset_us": event.time_us - begun,
                    "latency_us": event.latency_us,
                    "rows": -1 if event.rows is None else event.rows,
                    "error": event.error,
                    "route": None if event.route is None else _utf8(event.route),
                    "profile": None if event.profile is None else asdict(event.profile),
                }
                for event in events
            ],
        }

    def _lose(self, database: str, runs: int) -> None:
        with self._lock:
            self._lost[database] += runs

    def _expect(self, records: int) -> None:
        with self._lock:
            self._unanswered += records

    def _take_lost(self, database: str) -> int:
        with self._lock:
            return self._lost.pop(database, 0)


def _utf8(text: str) -> str:
    """A text from Python may hold half a character, which no record can."""
    return text.encode("utf-8", "replace").decode()
