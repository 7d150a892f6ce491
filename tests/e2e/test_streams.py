"""The streams role on a real broker: nothing is lost, whatever comes in and however it ends."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from inference.judgement.ranker import load
from inference.language.reading import REASONS
from schemas.topics import (
    ANALYSIS_REQUESTS,
    APPROVALS,
    DEAD_LETTERS,
    MEASUREMENT_REQUESTS,
    PATTERNS,
    QUERY_LOG,
    READINGS,
)
from streams import connections
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from tests import ranking_models
from tests.access import INDEX, MEASURED, Team, planned
from tests.advising import column, request, table, use
from tests.conftest import Kafka
from tests.query_log import CODEC, Outputs, batch, committed, produce
from tests.streams_process import StreamsProcess

Start = Callable[[], StreamsProcess]


@pytest.fixture
def settings(kafka: Kafka, topic_prefix: str) -> Settings:
    """Of an installation of its own on the shared broker, with its topics."""
    made = Settings(bootstrap_servers=kafka.bootstrap_servers, topic_prefix=topic_prefix, group_prefix=topic_prefix)  # type: ignore[call-arg]
    admin(made).create()
    return made


def admin(settings: Settings) -> TopicAdmin:
    return TopicAdmin(connections.confluent_config(settings), settings.topic_prefix, settings.group_prefix)


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Start]:
    started: list[StreamsProcess] = []

    def start() -> StreamsProcess:
        started.append(
            StreamsProcess(
                tmp_path / f"worker-{len(started)}",
                bootstrap_servers=settings.bootstrap_servers,
                topic_prefix=settings.topic_prefix,
                group_prefix=settings.group_prefix,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.__exit__(None, None, None)


def outputs(settings: Settings, topic: Any) -> Outputs:
    return Outputs(connections.confluent_config(settings), settings.topic_prefix, topic)


def produced(settings: Settings, records: list[bytes | None], partition: int | None = None) -> None:
    produce(connections.confluent_config(settings), settings.topic_prefix, records, partition)


def read_offsets(settings: Settings) -> int:
    """How many records of the query log are done for good."""
    group, topic = f"{settings.group_prefix}streams", settings.topic_prefix + QUERY_LOG.name
    return committed(connections.confluent_config(settings), group, topic, QUERY_LOG.partitions)


def test_after_a_kill_nothing_is_missing_and_what_comes_twice_has_the_same_bytes(
    settings: Settings, start: Start
) -> None:
    count = 2000
    produced(settings, [CODEC.encode(batch("main", [1, 2, 3]))] * count)
    out = outputs(settings, PATTERNS)
    process = start()
    out.until(300)
    process.end(signal.SIGKILL)
    start()
    made: dict[tuple[int, int], set[bytes]] = {}
    while len(made) < count:
        for record, value in zip(out.records, out.values, strict=True):
            made.setdefault((record.source.partition, record.source.offset), set()).add(value)
        out.until(len(out.records) + count - len(made))
    assert {len(values) for values in made.values()} == {1}


def test_sigterm_loses_nothing_and_doubles_nothing(settings: Settings, start: Start) -> None:
    count = 2000
    produced(settings, [CODEC.encode(batch("main", [1, 2, 3]))] * count)
    out = outputs(settings, PATTERNS)
    process = start()
    out.until(300)
    assert process.end() == 0
    assert len(out.rest()) < count
    start()
    out.until(count)
    found = out.rest()
    assert Counter((r.source.partition, r.source.offset) for r in found).most_common(1)[0][1] == 1
    assert len(found) == count


def test_two_workers_share_the_partitions_and_one_takes_over_what_the_other_leaves(
    settings: Settings, start: Start
) -> None:
    one, two = start().ready(), start().ready()
    done = 'sidecar_records_total{agent="observe",outcome="done"}'
    out = outputs(settings, PATTERNS)
    rounds = 0

    def one_more_round() -> None:
        nonlocal rounds
        produced(settings, [CODEC.encode(batch("main", [1]))] * QUERY_LOG.partitions)
        rounds += 1
        expected = {(p, o) for p in range(QUERY_LOG.partitions) for o in range(rounds)}
        while {(r.source.partition, r.source.offset) for r in out.records} != expected:
            out.until(len(out.records) + 1)

    while not (one.metric(done) and two.metric(done)):
        one_more_round()
    assert one.end() == 0
    one_more_round()
    assert two.end() == 0
    assert read_offsets(settings) == rounds * QUERY_LOG.partitions


def test_a_text_is_read_and_candidates_are_ranked_by_the_model_that_is_set(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    asked = request(
        [table("visits", [column("id"), column("shop", distinct=100_000)])],
        [use("SELECT id FROM visits WHERE shop = 7")],
        text="the list of a shop's visits is slow since Monday",
    )
    given = {
        "bootstrap_servers": settings.bootstrap_servers,
        "topic_prefix": settings.topic_prefix,
        "group_prefix": settings.group_prefix,
        "ranker": ranking_models.student(folder),
    }
    produce(
        connections.confluent_config(settings), settings.topic_prefix, [CODEC.encode(asked)], topic=ANALYSIS_REQUESTS
    )
    with StreamsProcess(tmp_path / "streams", **given) as process:
        (wanted,) = outputs(settings, MEASUREMENT_REQUESTS).until(1)
        assert (wanted.ranker, wanted.ranker_version) == ("student", load(folder).version)
        assert wanted.asked == asked.text
        assert wanted.read_as == "look into visits (shop) (read by rules words)"
        assert all(0 < one.likely < 1 for one in wanted.candidates)
        assert process.ready().metric('sidecar_model_requests_total{kind="rank",outcome="answered"}') == 1
        assert process.end() == 0


def test_the_reason_of_a_rejection_is_read_beside_the_gate(settings: Settings, start: Start, tmp_path: Path) -> None:
    team, on = Team(tmp_path), planned(INDEX)
    approvals = [
        team.approval("bob", on, MEASURED, decision=decision, reason=reason)
        for decision, reason in (
            ("approve", "the figures are good"),
            ("reject", "it already exists"),
            ("comment", "our loads would insert slower"),
        )
    ]
    config = connections.confluent_config(settings)
    values = [b"no approval", *map(CODEC.encode, approvals)]
    produce(config, settings.topic_prefix, values, topic=APPROVALS)
    process = start()
    found = outputs(settings, READINGS).until(2)
    assert [(one.approval.offset, one.model, one.suggestion_id) for one in found] == [
        (2, "language-student", on.suggestion_id),
        (3, "language-student", on.suggestion_id),
    ]
    assert {one.backend.partition("-")[0] for one in found} == {"mlx"}
    assert {one.reason for one in found} <= {*REASONS, ""}
    done = 'sidecar_records_total{agent="read",outcome="done"}'
    while process.ready().metric(done) < len(values):
        pass
    assert process.end() == 0
    group, topic = f"{settings.group_prefix}streams", settings.topic_prefix + APPROVALS.name
    assert committed(config, group, topic, APPROVALS.partitions) == len(values)
    assert outputs(settings, DEAD_LETTERS).rest() == [], "what is no approval is the control process's to tell"


def test_a_missing_topic_and_a_wrong_partition_count_are_named_at_the_start(
    kafka: Kafka, topic_prefix: str, tmp_path: Path
) -> None:
    with StreamsProcess(
        tmp_path, bootstrap_servers=kafka.bootstrap_servers, topic_prefix=topic_prefix, group_prefix=topic_prefix
    ) as process:
        assert process.ended() == 1
        assert f"topic {topic_prefix}query-log is missing: create it with 8 partitions" in process.output
        assert f"topic {topic_prefix}dead-letters is missing: create it with 1 partitions" in process.output


def test_a_start_that_hangs_ends_with_what_was_waited_for(settings: Settings, tmp_path: Path) -> None:
    with StreamsProcess(
        tmp_path,
        bootstrap_servers=settings.bootstrap_servers,
        topic_prefix=settings.topic_prefix,
        group_prefix=settings.group_prefix,
        start_timeout_s=0.001,
    ) as process:
        assert process.ended() == 1
        assert f"Faust did not join the group {settings.group_prefix}streams within 0.001 s" in process.output


def test_a_second_control_process_on_the_same_file_ends_with_the_reason(settings: Settings, tmp_path: Path) -> None:
    given = {
        "role": "control",
        "bootstrap_servers": settings.bootstrap_servers,
        "topic_prefix": settings.topic_prefix,
        "group_prefix": settings.group_prefix,
        "store_path": tmp_path / "store.duckdb",
    }
    with StreamsProcess(tmp_path / "one", **given) as one:
        one.waited("control is live")
        with StreamsProcess(tmp_path / "two", **given) as two:
            assert two.ended() == 1
            assert "control: " in two.output
            assert "store.duckdb" in two.output
        while one.get("/readyz").json() != {"ready": True, "parts": {"kafka": "ready", "control": "ready"}}:
            pass
        assert one.end() == 0
