"""Requests to measure and their answers, on the mock broker and on a real one."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Signal
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from schemas.client.attached import Attached
from schemas.client.exemplars import Exemplars
from schemas.client.files import Files
from schemas.client.kafka import Publisher
from schemas.client.measuring import Measuring, failed
from schemas.client.settings import ClientSettings
from schemas.codec import Codec
from schemas.errors import CloneError
from schemas.measure.job import Outcome
from schemas.records import DeadLetter, Measurement, MeasurementRequest
from schemas.topics import DEAD_LETTERS, ENVELOPE, MEASUREMENT_REQUESTS, MEASUREMENTS, key_of
from tests import created_topics
from tests.query_log import Outputs, committed

WAIT_S = 30
KEY = key_of("shop", "orders")
NOW = datetime.now(UTC)


@dataclass
class Installation:
    bootstrap_servers: str
    prefix: str
    folder: Path
    codec: Codec = field(default_factory=Codec)

    def attached(self, **changed: Any) -> Attached:
        settings = ClientSettings(
            kafka={
                "bootstrap.servers": self.bootstrap_servers,
                "session.timeout.ms": "2000",
                "heartbeat.interval.ms": "200",
            },
            topic_prefix=self.prefix,
            group_prefix=self.prefix,
            **({"measure_interval_s": 0} | changed),
        )
        exemplars = Exemplars(self.folder)
        return Attached(
            "shop", "i", settings, self.folder, b"", exemplars, Files(exemplars), list, Signal(),
            self.codec, Publisher(settings),
        )  # fmt: skip

    def ask(self, *values: MeasurementRequest | bytes, key: bytes = KEY) -> None:
        largest = {"message.max.bytes": MEASUREMENT_REQUESTS.largest_record, "compression.type": "gzip"}
        producer = Producer({"bootstrap.servers": self.bootstrap_servers, **largest})
        for value in values:
            payload = value if isinstance(value, bytes) else self.codec.encode(value)
            producer.produce(self.prefix + MEASUREMENT_REQUESTS.name, payload, key=key)
        assert producer.flush(WAIT_S) == 0

    def outputs(self, topic: Any) -> Outputs:
        return Outputs({"bootstrap.servers": self.bootstrap_servers}, self.prefix, topic)

    def answers(self, count: int) -> list[Measurement]:
        with closing(self.outputs(MEASUREMENTS)) as outputs:
            found: list[Measurement] = outputs.until(count)
            return found

    def letter(self) -> DeadLetter:
        with closing(self.outputs(DEAD_LETTERS)) as outputs:
            found: DeadLetter = outputs.until(1)[0]
            return found

    def committed(self) -> int:
        config = {"bootstrap.servers": self.bootstrap_servers}
        group = f"{self.prefix}measure.shop.orders"
        return committed(config, group, self.prefix + MEASUREMENT_REQUESTS.name, MEASUREMENT_REQUESTS.partitions)


@pytest.fixture(params=["mock", "apache"])
def installation(request: pytest.FixtureRequest, topic_prefix: str, tmp_path: Path) -> Installation:
    topics = (MEASUREMENT_REQUESTS, MEASUREMENTS, DEAD_LETTERS)
    if request.param == "mock":
        mock = request.getfixturevalue("mock_kafka")
        for topic in topics:
            mock.create_topic(topic_prefix + topic.name, topic.partitions)
        return Installation(mock.bootstrap_servers, topic_prefix, tmp_path)
    kafka = request.getfixturevalue("kafka")
    new = [NewTopic(topic_prefix + topic.name, topic.partitions, 1) for topic in topics]
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    created_topics.create_topics(admin, *new)
    return Installation(kafka.bootstrap_servers, topic_prefix, tmp_path)


def a_request(event_id: str, **changed: Any) -> MeasurementRequest:
    values = {
        "product": "shop", "database": "orders", "instance": "", "event_id": event_id, "time": NOW,
        "analysis_id": "a", "revision": 1, "epoch": 5, "catalog_hash": "h", "window_start": NOW, "window_end": NOW,
        "deadline": NOW + timedelta(hours=1), "budget_s": 10.0, "tables": [], "workload": [], "candidates": [],
        "refused": [],
    }  # fmt: skip
    return MeasurementRequest.model_validate(values | changed)


class Bench:
    """Measures nothing and keeps what it was asked."""

    def __init__(self, outcome: Callable[[], Outcome] = lambda: failed("as told")) -> None:
        self.asked: list[str] = []
        self.outcome = outcome

    def measure(self, request: MeasurementRequest) -> Outcome:
        self.asked.append(request.event_id)
        return self.outcome()


@pytest.fixture
def open_measuring(installation: Installation) -> Iterator[Callable[..., Measuring]]:
    opened: list[Measuring] = []

    def open_measuring(bench: Bench, **settings: Any) -> Measuring:
        opened.append(Measuring(installation.attached(**settings), "orders", bench.measure))
        return opened[-1]

    yield open_measuring
    for measuring in opened:
        with suppress(RuntimeError):  # closed by its test
            measuring.close()


def work_until(done: Callable[[], bool], *members: Measuring) -> None:
    for _ in range(600):
        if done():
            return
        for member in members:
            member.work(0.1)
    pytest.fail("it did not come to an end")


def test_a_request_is_answered_and_then_done_with(
    installation: Installation, open_measuring: Callable[..., Measuring]
) -> None:
    request, bench = a_request("first"), Bench()
    installation.ask(request)
    work_until(lambda: installation.committed() == 1, open_measuring(bench))
    [answer] = installation.answers(1)
    assert bench.asked == ["first"]
    assert (answer.product, answer.database, answer.instance, answer.error) == ("shop", "orders", "i", "as told")
    assert answer.request == request
    assert answer.machine.duckdb_version == duckdb.__version__


def test_a_request_that_comes_again_gets_an_answer_with_the_same_id(
    installation: Installation, open_measuring: Callable[..., Measuring]
) -> None:
    installation.ask(a_request("same"), a_request("same"), a_request("other"))
    work_until(lambda: installation.committed() == 3, open_measuring(Bench()))
    first, second, third = (answer.event_id for answer in installation.answers(3))
    assert first == second != third


def test_others_requests_late_ones_and_those_of_an_older_control_process_are_passed_over(
    installation: Installation, open_measuring: Callable[..., Measuring]
) -> None:
    bench = Bench()
    installation.ask(a_request("another's", database="other"), key=key_of("shop", "other"))
    installation.ask(
        a_request("late", deadline=NOW - timedelta(seconds=1)),
        a_request("first", epoch=6),
        a_request("older", epoch=5),
        a_request("last", epoch=6),
    )
    work_until(lambda: installation.committed() == 5, open_measuring(bench))
    assert bench.asked == ["first", "last"]
    assert [answer.request.event_id for answer in installation.answers(2)] == ["first", "last"]


def test_what_is_asked_too_soon_is_told_when_to_ask_again(
    installation: Installation, open_measuring: Callable[..., Measuring], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((1000.0, 1007.0))
    monkeypatch.setattr("schemas.client.measuring.time", SimpleNamespace(monotonic=lambda: next(clock)))
    bench = Bench()
    installation.ask(a_request("first"), a_request("second"))
    work_until(lambda: installation.committed() == 2, open_measuring(bench, measure_interval_s=3600))
    assert bench.asked == ["first"]
    assert installation.answers(2)[1].error == (
        "the product was measured 7 s ago and measure_interval_s is 3600: ask again later, or lower it"
    )


def test_whatever_fails_is_an_answer_without_data(
    installation: Installation, open_measuring: Callable[..., Measuring]
) -> None:
    errors = {
        "no clone: do this": CloneError("no clone: do this"),
        "the product's side could not measure: No space left on device: look at its disk and its rights": OSError(
            28, "No space left on device", "/secret/place"
        ),
        "measuring failed (ConversionException): the product's log tells more": duckdb.ConversionException("canary"),
    }
    raised = iter(errors.values())

    def outcome() -> Outcome:
        raise next(raised)

    installation.ask(*(a_request(str(n)) for n in range(3)))
    work_until(lambda: installation.committed() == 3, open_measuring(Bench(outcome)))
    assert [answer.error for answer in installation.answers(3)] == list(errors)


def test_what_cannot_be_read_becomes_a_dead_letter(
    installation: Installation, open_measuring: Callable[..., Measuring]
) -> None:
    bench = Bench()
    installation.ask(b"\x00\x00\x00\x00\x63canary", a_request("next"))
    work_until(lambda: installation.committed() == 2, open_measuring(bench))
    letter = installation.letter()
    assert (letter.agent, letter.error, letter.payload) == ("measure", "UnknownSchema", b"\x00\x00\x00\x00\x63canary")
    assert (letter.source.topic, letter.source.offset) == (installation.prefix + MEASUREMENT_REQUESTS.name, 0)
    assert bench.asked == ["next"]


def test_an_answer_that_no_record_holds_is_given_without_what_came_out_and_says_so(
    installation: Installation, open_measuring: Callable[..., Measuring]
) -> None:
    reasons = {"1-abc": "x" * MEASUREMENTS.largest_record}
    whole = failed("as told").model_copy(update={"error": None, "measured_s": 7.0, "not_measurable": reasons})
    request = a_request("first")
    installation.ask(request, a_request("next"))
    outcomes = iter((whole, failed("as told")))
    work_until(lambda: installation.committed() == 2, open_measuring(Bench(lambda: next(outcomes))))
    answer, after = installation.answers(2)
    size = len(installation.codec.encode(answer.model_copy(update={"error": None, "not_measurable": reasons})))
    assert answer.error == (
        f"what came out takes {size} bytes, too many for a record: ask about less (`sidecar analyze --text`), or lower "
        "SIDECAR_ANALYSIS_BUDGET_S so that less is tried at once"
    )
    assert (answer.results, answer.not_measurable, answer.measured_s) == ([], {}, 7.0)
    assert (answer.request, answer.machine) == (request, whole.machine)
    assert (after.request.event_id, after.error) == ("next", "as told")


def test_a_request_that_leaves_no_room_for_an_answer_becomes_a_dead_letter(
    installation: Installation, open_measuring: Callable[..., Measuring]
) -> None:
    room = MEASUREMENT_REQUESTS.largest_record - ENVELOPE - len(KEY)
    beside = len(installation.codec.encode(a_request("first", asked="x" * room))) - room
    payload = installation.codec.encode(a_request("first", asked="x" * (room - beside)))
    assert MEASUREMENT_REQUESTS.takes(KEY, payload)
    installation.ask(payload, a_request("next"))
    work_until(lambda: installation.committed() == 2, open_measuring(Bench()))
    letter = installation.letter()
    assert (letter.agent, letter.error, letter.payload) == ("measure", "RecordError", payload)
    assert letter.message == (
        "no record holds this request and an answer to it: ask about less (`sidecar analyze --text`), or lower "
        "SIDECAR_ANALYSIS_BUDGET_S so that less is tried at once"
    )
    assert [answer.request.event_id for answer in installation.answers(1)] == ["next"]


def test_one_of_several_processes_answers(installation: Installation, open_measuring: Callable[..., Measuring]) -> None:
    benches = [Bench(), Bench()]
    members = [open_measuring(bench) for bench in benches]

    def shared() -> bool:
        return all(member._consumer.assignment() for member in members)

    work_until(shared, *members)
    installation.ask(*(a_request(str(n)) for n in range(3)))
    work_until(lambda: installation.committed() == 3, *members)
    assert sorted([benches[0].asked, benches[1].asked]) == [[], ["0", "1", "2"]]


def test_a_request_that_was_given_up_is_left_to_the_next_process(
    installation: Installation, open_measuring: Callable[..., Measuring]
) -> None:
    first = open_measuring(Bench())

    def end() -> Outcome:
        first._attached.stop.set()
        return failed("the process ends")

    ending = Bench(end)
    first._measure = ending.measure
    installation.ask(a_request("first"))
    work_until(lambda: ending.asked == ["first"], first)
    assert installation.committed() == 0
    first.close()
    bench = Bench()
    work_until(lambda: installation.committed() == 1, open_measuring(bench))
    assert bench.asked == ["first"]
    assert [answer.error for answer in installation.answers(1)] == ["as told"]
