"""The query log as records on Kafka."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from threading import Lock
from typing import Any

import duckdb

from ..codec import Codec
from ..records import NAMESPACE
from ..topics import QUERY_LOG, key_of
from .kafka import Publisher
from .sink import Batch, Event

LARGEST = 900 * 1024
"""Bytes of a record, so that a broker with Kafka's default of 1 MiB takes it."""
RECORD = f"{NAMESPACE}.QueryLogBatch"

HashOf = Callable[[str, bool], str]
"""The catalog hash of a database by its name; with True it is read anew, since the structure may have changed."""


class KafkaSink:
    """`dropped` of a record counts the runs that the product's side lost, Kafka's absence included, since the last one
    that arrived."""

    def __init__(self, publisher: Publisher, codec: Codec, hash_of: HashOf, heard: Callable[[Batch], None]) -> None:
        """`heard` gets every batch first."""
        self._publisher = publisher
        self._codec = codec
        self._hash_of = hash_of
        self._heard = heard
        self._written = 0
        self._lost: dict[str, int] = {}
        self._lock = Lock()

    def write(self, batch: Batch) -> None:
        self._heard(batch)
        self._add_lost(batch.database, batch.dropped)
        # what ran up to a change of the structure ran on the old one
        changes = [index + 1 for index, event in enumerate(batch.events) if event.statement.kind == "ddl"]
        border = changes[-1] if changes else 0
        if border:
            self._send(batch, batch.events[:border], self._hash_of(batch.database, False))
        if batch.events[border:]:
            self._send(batch, batch.events[border:], self._hash_of(batch.database, bool(border)))
        elif border:
            self._hash_of(batch.database, True)

    def flush(self, timeout: float) -> None:
        self._publisher.flush(timeout)

    def close(self) -> None:
        """The publisher goes on for others."""

    def _send(self, batch: Batch, events: Sequence[Event], catalog_hash: str) -> None:
        dropped = self._take_lost(batch.database)
        payload = self._codec.encode_values(RECORD, self._values(batch, events, catalog_hash, dropped))
        if len(payload) > LARGEST:
            self._add_lost(batch.database, dropped)
            if len(events) == 1:
                self._add_lost(batch.database, 1)
                return
            half = len(events) // 2
            self._send(batch, events[:half], catalog_hash)
            self._send(batch, events[half:], catalog_hash)
            return

        def done(error: str | None) -> None:
            if error is not None:
                self._add_lost(batch.database, dropped + len(events))

        self._publisher.send(QUERY_LOG, key_of(batch.product, batch.database), payload, done)

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

    def _add_lost(self, database: str, runs: int) -> None:
        with self._lock:
            self._lost[database] = self._lost.get(database, 0) + runs

    def _take_lost(self, database: str) -> int:
        with self._lock:
            return self._lost.pop(database, 0)


def _utf8(text: str) -> str:
    """A text from Python may hold half a character, which no record can."""
    return text.encode("utf-8", "replace").decode()
