"""A product without our client: a log that any program can write and a copy of its database, beside a real Kafka."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import duckdb
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from schemas.actions import Rewrite
from schemas.codec import Codec
from schemas.records import CatalogSnapshot, Measurement, MeasurementRequest, QueryLogBatch, WorkloadShape
from schemas.topics import CATALOGS, DEAD_LETTERS, MEASUREMENT_REQUESTS, MEASUREMENTS, QUERY_LOG, key_of
from tests import created_topics
from tests.conftest import Kafka
from tests.jobs import candidate
from tests.query_log import Outputs

WAIT_S = 60
NOW = datetime.now(UTC)
FIND = "SELECT count(*) FROM visit WHERE strftime(day, '%Y-%m-%d') = '2021-03-{:02}' AND page <> 'canary'"
FIND_TEXT = "SELECT count(*) FROM visit WHERE strftime(day, '%Y-%m-%d') = $1 AND page <> $2"
FIND_BETTER = "SELECT count(*) FROM visit WHERE day = CAST($1 AS DATE) AND page <> $2"
VISIT = """
    CREATE TABLE visit AS SELECT DATE '2021-01-01' + (range % 365)::INTEGER AS day, 'page ' || range AS page
    FROM range(300_000)
"""


@pytest.fixture
def outside(kafka: Kafka, topic_prefix: str) -> dict[str, str]:
    """How others reach the topics."""
    config = {"bootstrap.servers": kafka.bootstrap_servers}
    topics = (QUERY_LOG, CATALOGS, MEASUREMENT_REQUESTS, MEASUREMENTS, DEAD_LETTERS)
    new = [NewTopic(topic_prefix + topic.name, topic.partitions, 1) for topic in topics]
    admin = AdminClient(config)
    created_topics.create_topics(admin, *new)
    return config


@contextmanager
def beside(folder: Path, bootstrap_servers: str, prefix: str) -> Iterator[subprocess.Popen[bytes]]:
    """The process beside the product."""
    environment = os.environ | {
        "XDG_STATE_HOME": str(folder / "state"),
        "DUCKDB_SIDECAR_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "DUCKDB_SIDECAR_TOPIC_PREFIX": prefix,
        "DUCKDB_SIDECAR_GROUP_PREFIX": prefix,
        "DUCKDB_SIDECAR_CLONE_FREE_BYTES": "0",
    }
    names = ["--product", "shop", "--database", "orders"]
    files = ["--snapshot", folder / "orders.duckdb", "--log", folder / "queries.jsonl"]
    process = subprocess.Popen(
        [sys.executable, "-m", "schemas.client", *names, *files],
        cwd=Path(__file__).parents[3],
        env=environment,
        stderr=(folder / "log").open("ab"),
    )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0, (folder / "log").read_text()
    finally:
        process.kill()


def write(folder: Path, *days: int, route: str) -> None:
    """As any program would."""
    with (folder / "queries.jsonl").open("a") as log:
        for day in days:
            run = {"time": datetime.now(UTC).isoformat(), "statement": FIND.format(day), "latency_ms": 4.5, "rows": 1}
            log.write(json.dumps(run | {"route": route}) + "\n")


def forward(listening: socket.socket, target: str) -> None:
    """From a port that nobody answered at before to a broker."""

    def copy(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)

    host, port = target.split(":")
    with suppress(OSError):  # closed at the end
        while True:
            client, _ = listening.accept()
            broker = socket.create_connection((host, int(port)))
            for ends in ((client, broker), (broker, client)):
                Thread(target=copy, args=ends, daemon=True).start()


def events(batches: list[QueryLogBatch]) -> list[tuple[str, str | None, int, int]]:
    return [
        (batch.shapes[event.shape].statement, event.route, event.latency_us, event.rows)
        for batch in batches
        for event in batch.events
    ]


def a_request(fingerprint: str) -> MeasurementRequest:
    better = candidate("c", Rewrite(fingerprint=fingerprint, statement=FIND_BETTER))
    workload = WorkloadShape(
        fingerprint=fingerprint, statement=FIND_TEXT, kind="select", count=1000, errors=0, rows=1000,
        total_us=10**8, p50_us=4_500, p95_us=4_500,
    )  # fmt: skip
    return MeasurementRequest(
        product="shop", database="orders", instance="", event_id="e", time=NOW, analysis_id="a", revision=1, epoch=1,
        catalog_hash="", window_start=NOW, window_end=NOW, deadline=NOW + timedelta(hours=1), budget_s=30.0,
        tables=["main.visit"], workload=[workload], refused=[],
        candidates=[better.model_copy(update={"affected": [fingerprint]})],
    )  # fmt: skip


def test_a_log_and_a_snapshot_are_a_product(
    tmp_path: Path, kafka: Kafka, outside: dict[str, str], topic_prefix: str
) -> None:
    with duckdb.connect(tmp_path / "orders.duckdb") as connection:
        connection.execute(VISIT)
    write(tmp_path, 1, route="before anybody looked")
    log = Outputs(outside, topic_prefix, QUERY_LOG)
    with socket.socket() as port, closing(log):
        port.bind(("127.0.0.1", 0))
        away = f"127.0.0.1:{port.getsockname()[1]}"
        with beside(tmp_path, away, topic_prefix) as process:
            while b"is followed from its end, line 1" not in (tmp_path / "log").read_bytes():
                assert process.poll() is None, (tmp_path / "log").read_text()
            write(tmp_path, 2, 3, route="while Kafka is away")
            port.listen()
            Thread(target=forward, args=(port, kafka.bootstrap_servers), daemon=True).start()
            [first, *_] = log.until(1)
            with closing(Outputs(outside, topic_prefix, CATALOGS)) as catalogs:
                [catalog] = catalogs.until(1)
        write(tmp_path, 4, route="while nobody followed")
        with beside(tmp_path, kafka.bootstrap_servers, topic_prefix):
            log.until(2)
            request = a_request(first.shapes[0].fingerprint)
            producer = Producer(outside)
            producer.produce(
                topic_prefix + MEASUREMENT_REQUESTS.name, Codec().encode(request), key=key_of("shop", "orders")
            )
            assert producer.flush(WAIT_S) == 0
            with closing(Outputs(outside, topic_prefix, MEASUREMENTS)) as measurements:
                [answer] = measurements.until(1)
        batches = log.rest()

    assert events(batches) == [
        (FIND_TEXT, "while Kafka is away", 4_500, 1),
        (FIND_TEXT, "while Kafka is away", 4_500, 1),
        (FIND_TEXT, "while nobody followed", 4_500, 1),
    ]
    assert not [value for value in log.values if b"canary" in value or b"2021" in value]
    assert isinstance(catalog, CatalogSnapshot)
    assert [table.name for table in catalog.tables] == ["visit"]
    assert {batch.catalog_hash for batch in batches} == {catalog.catalog_hash}
    assert isinstance(answer, Measurement)
    assert (answer.error, answer.not_measurable) == (None, {})
    [result] = answer.results
    assert result.verdict in {"gain", "no gain", "harm", "inconclusive"}  # as the machine is at rest or not
    assert answer.machine.clone == "full"


def test_without_a_kafka_it_says_which_setting_is_missing(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "schemas.client", "--product", "shop", "--database", "orders", "--snapshot", "none"],
        cwd=Path(__file__).parents[3],
        env={"XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
    )
    assert (process.returncode, process.stderr) == (
        1, "say where Kafka is: DUCKDB_SIDECAR_KAFKA_BOOTSTRAP_SERVERS=host:port\n"
    )  # fmt: skip


def test_a_name_that_would_be_a_path_is_refused(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "schemas.client", "--product", "../x", "--database", "orders", "--snapshot", "none"],
        cwd=Path(__file__).parents[3],
        env={"XDG_STATE_HOME": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
    )
    assert (process.returncode, process.stderr) == (1, "product '../x': letters, digits and ._:- alone, 100 at most\n")
    assert list(tmp_path.iterdir()) == []
