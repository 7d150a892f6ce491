"""The streams role while Kafka is away: it says so, stays alive, and goes on by itself."""

import socket
from pathlib import Path

import pytest

from schemas.topics import PATTERNS
from streams.broker import apache
from streams.own_kafka import create_topics
from tests.query_log import CODEC, Outputs, batch, produce
from tests.streams_process import StreamsProcess


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def waits_for_kafka(process: StreamsProcess) -> str:
    """The reason on /readyz, once Kafka is seen to be away."""
    while True:
        answer = process.get("/readyz")
        reason: str = answer.json()["parts"]["kafka"]
        if answer.status_code == 503 and "let us in" in reason:
            return reason


def is_ready(process: StreamsProcess) -> None:
    while process.get("/readyz").status_code != 200:
        pass


@pytest.mark.usefixtures("kafka")  # where a real one cannot be had, this is skipped as the rest is
def test_it_starts_before_kafka_and_outlives_its_absence(port: int, tmp_path: Path, topic_prefix: str) -> None:
    config = {"bootstrap.servers": f"127.0.0.1:{port}"}
    record = CODEC.encode(batch("main", [1, 2, 3]))
    with apache.start(tmp_path / "kafka", port, progress=print) as broker:
        create_topics(broker, topic_prefix)
    with StreamsProcess(
        tmp_path, bootstrap_servers=f"127.0.0.1:{port}", topic_prefix=topic_prefix, group_prefix=topic_prefix
    ) as process:
        assert f"127.0.0.1:{port}" in waits_for_kafka(process)
        assert process.get("/livez").status_code == 200
        for round_ in (1, 2):
            with apache.start(tmp_path / "kafka", port, progress=print):
                produce(config, topic_prefix, [record] * 100)
                out = Outputs(config, topic_prefix, PATTERNS)
                out.until(100 * round_)
                assert {(r.source.partition, r.source.offset) for r in out.rest()} == {
                    (n % 8, n // 8) for n in range(100)
                } | {(n % 8, 13 - (n % 8 > 3) + n // 8) for n in range(100 * (round_ - 1))}
                is_ready(process)
                out.close()
            assert f"127.0.0.1:{port}" in waits_for_kafka(process)
            assert process.get("/livez").status_code == 200
