"""Kafka goes away from a client and comes back: little waits meanwhile, and what was given up is counted."""

import socket
from pathlib import Path
from threading import Event as Signal
from typing import Any

import pytest

from schemas.client.attached import Attached
from schemas.client.exemplars import Exemplars
from schemas.client.files import Files
from schemas.client.kafka import WAITING_BYTES, Publisher
from schemas.client.kafkasink import KafkaSink
from schemas.client.settings import ClientSettings
from schemas.client.sink import Batch, Event, Statement
from schemas.codec import Codec
from schemas.topics import QUERY_LOG
from streams.broker import apache
from streams.own_kafka import create_topics
from tests.query_log import Outputs

LONG = "SELECT " + "x" * 200_000
AWAY = 150
"""Batches while Kafka is away, 30 MB in all."""


class Beside:
    def hear(self, batch: Batch) -> None: ...

    def catalog_hash(self, anew: bool) -> str:
        return "h"

    def join(self, timeout: float) -> None: ...


@pytest.mark.usefixtures("kafka")  # where a real one cannot be had, this is skipped as the rest is
def test_while_kafka_is_away_memory_is_bounded_and_every_run_is_sent_or_counted_as_lost(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    settings = ClientSettings(kafka={"bootstrap.servers": f"127.0.0.1:{port}", "reconnect.backoff.max.ms": "1000"})
    exemplars = Exemplars(tmp_path)
    publisher = Publisher(settings)
    sink = KafkaSink(
        Attached("shop", "i", settings, tmp_path, b"", exemplars, Files(exemplars), list, Signal(), Codec(), publisher),
        lambda _: Beside(),
    )

    def run(text: str) -> None:
        event = Event(Statement("f", text, "select"), 1_000, 7, 1, None, None, None)
        sink.write(Batch("shop", "main", "i", 0, [event, event]))

    with apache.start(tmp_path / "kafka", port, progress=print) as broker:
        create_topics(broker, "")
        run("SELECT 1")
        publisher.flush(30)
    for _ in range(AWAY):
        run(LONG)
    waiting = sum(len(held.payload) for held in publisher._held) + len(publisher._producer) * len(LONG)
    assert WAITING_BYTES < waiting <= 2 * WAITING_BYTES + len(LONG)
    with apache.start(tmp_path / "kafka", port, progress=print):
        while publisher._held or len(publisher._producer):
            publisher.poll(0.1)
        run("SELECT 2")
        publisher.flush(30)
        outputs = Outputs({"bootstrap.servers": f"127.0.0.1:{port}"}, "", QUERY_LOG)
        while told(outputs.records) < 2 * (AWAY + 2):
            outputs.until(len(outputs.records) + 1)
        assert told(outputs.rest()) == 2 * (AWAY + 2)
        outputs.close()
    arrived = sum(len(record.events) for record in outputs.records)
    assert 60 <= arrived // 2 <= 90, "what waited was sent"


def told(records: list[Any]) -> int:
    """The runs that arrived, and those that are said to be lost."""
    return sum(len(record.events) + record.dropped for record in records)
