"""What the streams role makes of the query log, the same on the mock broker and on a real one."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.codec import HEADER
from schemas.fingerprint import shape
from schemas.ids import derived_id
from schemas.topics import DEAD_LETTERS, PATTERNS, QUERY_LOG, Topic
from streams.own_kafka import create_topics
from streams.topic_admin import TopicAdmin
from tests.query_log import CODEC, Outputs, batch, committed, produce
from tests.streams_process import StreamsProcess


class Installation:
    """One of its own on the broker, with its topics."""

    def __init__(self, servers: str, prefix: str) -> None:
        self.config = {"bootstrap.servers": servers}
        self.prefix = prefix
        self.settings = {"bootstrap_servers": servers, "topic_prefix": prefix, "group_prefix": prefix}

    def outputs(self, topic: Topic) -> Outputs:
        return Outputs(self.config, self.prefix, topic)

    def produce(self, records: list[bytes | None], partition: int | None = None) -> None:
        produce(self.config, self.prefix, records, partition)

    def committed(self) -> int:
        """How many records of the query log are done for good."""
        return committed(self.config, f"{self.prefix}streams", self.prefix + QUERY_LOG.name, QUERY_LOG.partitions)


@pytest.fixture(params=["mock", "apache"])
def installation(request: pytest.FixtureRequest, topic_prefix: str) -> Installation:
    if request.param == "mock":
        broker = request.getfixturevalue("mock_kafka")
        create_topics(broker, topic_prefix)
    else:
        broker = request.getfixturevalue("kafka")
        TopicAdmin({"bootstrap.servers": broker.bootstrap_servers}, topic_prefix, topic_prefix).create()
    return Installation(broker.bootstrap_servers, topic_prefix)


@pytest.fixture
def process(installation: Installation, tmp_path: Path) -> Iterator[StreamsProcess]:
    with StreamsProcess(tmp_path, **installation.settings) as started:
        yield started


def test_the_query_log_becomes_patterns_with_exact_sums(installation: Installation, process: StreamsProcess) -> None:
    texts = [f"SELECT {n} FROM t{n}" for n in range(5)]
    installation.produce([CODEC.encode(batch("main", [r, r + 1, r + 2, r + 3, r + 4], texts)) for r in range(200)])
    found = installation.outputs(PATTERNS).until(200)
    assert process.end() == 0
    counts: Counter[str] = Counter()
    latencies: Counter[str] = Counter()
    for record in found:
        for pattern in record.patterns:
            counts[pattern.fingerprint] += pattern.count
            latencies[pattern.fingerprint] += pattern.latency_us
    assert counts == {shape(text).id: 200 for text in texts}
    assert latencies == {shape(text).id: sum(range(200)) + 200 * n for n, text in enumerate(texts)}
    assert {r.event_id for r in found} == {derived_id(r.source, "observe/1") for r in found}
    topic = installation.prefix + QUERY_LOG.name
    topic_ids = TopicAdmin(installation.config, "", "").topic_ids([topic])
    assert {(r.source.topic, r.source.topic_id) for r in found} == {(topic, topic_ids[topic])}
    assert installation.committed() == 200


def test_records_that_nobody_can_read_are_kept_and_the_rest_goes_on(
    installation: Installation, process: StreamsProcess
) -> None:
    good = CODEC.encode(batch("main", [1]))
    wrong_shape = batch("main", [1]).model_dump() | {"shapes": []}
    large = CODEC.encode(batch("main", [1], [f"SELECT {'x' * 900_000}"]))
    poison = {
        b"\x00junk": "schema id 1786080875 is not in the committed map",
        b"": "the record is shorter than the 5 bytes",
        b"plain text, no Avro": "the first byte is 112",
        HEADER.pack(0, 4711) + b"x": "schema id 4711 is not in the committed map",
        good[:-3]: "the bytes are no",
        good + b"more": "4 bytes are left over",
        CODEC.encode_values("duckdb_sidecar.QueryLogBatch", wrong_shape): "an event is of shape 0",
    }
    records: list[bytes | None] = [good, *poison, None, large, good]
    installation.produce(records, partition=0)
    patterns = installation.outputs(PATTERNS).until(len(records))
    letters = installation.outputs(DEAD_LETTERS).until(len(poison) + 1)
    assert [letter.payload for letter in letters] == [*poison, b""]
    assert [letter.source.offset for letter in letters] == list(range(1, len(poison) + 2))
    assert {letter.agent for letter in letters} == {"observe"}
    for letter, reason in zip(letters, poison.values(), strict=False):
        assert reason in letter.message
    readable = {record.source.offset: record.readable for record in patterns}
    assert readable == {n: n == 0 or n > len(poison) + 1 for n in range(len(records))}
    while process.metric('sidecar_records_total{agent="observe",outcome="refused"}') < len(poison) + 1:
        pass
    assert process.end() == 0
    assert installation.committed() == len(records)
    assert len(installation.outputs(DEAD_LETTERS).rest()) == len(letters)
