"""The client on a Kafka that lacks its topics, and on one that is gone for longer than records wait for it."""

import ctypes
import time
from contextlib import closing
from pathlib import Path
from threading import Event as Signal

import duckdb
import pytest
from confluent_kafka.admin import AdminClient

import schemas
from schemas.client import kafka
from schemas.client.attached import Attached
from schemas.client.exemplars import Exemplars
from schemas.client.files import Files
from schemas.client.kafka import Publisher
from schemas.client.kafkasink import KafkaSink
from schemas.client.settings import ClientSettings
from schemas.client.sink import Batch, Event, Statement
from schemas.codec import Codec
from schemas.topics import CATALOGS, QUERY_LOG, Topic, topics_of
from streams.broker.mock import MockKafka
from tests.query_log import Outputs

WAIT_S = 30
MISSING = "there is no topic {}: create it with `sidecar topics`"


def outputs(mock: MockKafka, topic: Topic) -> Outputs:
    return Outputs({"bootstrap.servers": mock.bootstrap_servers}, "", topic)


def test_where_its_topics_are_missing_a_product_makes_none_says_so_once_and_sends_once_they_are_there(
    mock_kafka: MockKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(kafka, "LIST_AGAIN_S", 0.0)
    admin = AdminClient({"bootstrap.servers": mock_kafka.bootstrap_servers})
    schemas.instrument("shop", settings={"kafka": {"bootstrap.servers": mock_kafka.bootstrap_servers}})
    try:
        with duckdb.connect(tmp_path / "orders.duckdb") as connection:
            deadline = time.monotonic() + WAIT_S
            while len(caplog.messages) < 2 and time.monotonic() < deadline:
                connection.execute("SELECT 1").fetchall()
                assert not schemas.flush(0.1)
            for _ in range(3):
                assert not schemas.flush(0.1)
            assert sorted(caplog.messages) == [MISSING.format("catalogs"), MISSING.format("query-log")]
            assert admin.list_topics(timeout=WAIT_S).topics == {}

            for topic in topics_of("product"):
                mock_kafka.create_topic(topic.name, topic.partitions)
            connection.execute("SELECT 1, 2").fetchall()
            assert schemas.flush(WAIT_S)
            recorded = schemas.coverage("shop").runs
            with closing(outputs(mock_kafka, QUERY_LOG)) as log, closing(outputs(mock_kafka, CATALOGS)) as catalogs:
                assert catalogs.until(1)[0].database == "orders"
                batches = log.rest()
    finally:
        schemas.uninstrument()
    assert sum(len(batch.events) for batch in batches) == recorded
    assert [batch.dropped for batch in batches] == [0] * len(batches)
    assert batches[-1].shapes[-1].statement == "SELECT $1, $2"


class Beside:
    def hear(self, batch: Batch) -> None: ...

    def catalog_hash(self, anew: bool) -> str:
        return "h"

    def join(self, timeout: float) -> None: ...


def test_what_waits_for_too_long_is_given_up_and_its_runs_are_told_as_dropped(
    mock_kafka: MockKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kafka, "WAITING_MS", 1_000)
    mock_kafka.create_topic(QUERY_LOG.name, QUERY_LOG.partitions)
    settings = ClientSettings(kafka={"bootstrap.servers": mock_kafka.bootstrap_servers})
    exemplars, publisher = Exemplars(tmp_path), Publisher(settings)
    sink = KafkaSink(
        Attached("shop", "i", settings, tmp_path, b"", exemplars, Files(exemplars), list, Signal(), Codec(), publisher),
        lambda _: Beside(),
    )
    runs = 0

    def run() -> None:
        nonlocal runs
        runs += 2
        event = Event(Statement("f", "SELECT 1", "select"), 1_000, 7, 1, None, None, None)
        sink.write(Batch("shop", "orders", "i", 0, [event, event]))

    def answered() -> None:
        deadline = time.monotonic() + WAIT_S
        while sink.unanswered and time.monotonic() < deadline:
            publisher.poll(0.1)
        assert sink.unanswered == 0

    run()
    answered()
    switch(mock_kafka, "down")
    for _ in range(3):
        run()
    assert sink.unanswered == 3
    answered()
    switch(mock_kafka, "up")
    with closing(outputs(mock_kafka, QUERY_LOG)) as log:
        while len(log.records) < 2:  # it may take longer than that to find the broker again
            run()
            answered()
            log.rest()
    assert [len(batch.events) for batch in log.records] == [2, 2]
    assert [batch.dropped for batch in log.records] == [0, runs - 4]
    assert runs >= 10
    assert [one for one in caplog.records if one.exc_info] == []


def switch(mock: MockKafka, way: str) -> None:
    """Its only broker, whose connections end where it goes down."""
    function = getattr(mock._library, f"rd_kafka_mock_broker_set_{way}")
    assert function(ctypes.c_void_p(mock._cluster), ctypes.c_int32(1)) == 0
