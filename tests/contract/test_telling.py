"""People are told once of what comes, over restarts too, in the same way on the mock broker and on a real one."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from duckdb import DuckDBPyConnection

from schemas.errors import BrokerError, DeliveryError, StoreError
from schemas.records import Outcome, Suggestion
from schemas.topics import OUTCOMES, RULINGS, SUGGESTIONS, VERDICTS
from store import suggestions
from streams import metrics
from streams.broker.mock import MockKafka
from streams.notify.inbox import LONGEST_METADATA, RENEWED_S, TOPICS, Inbox, Progress
from streams.notify.notices import Notice
from streams.notify.telling import Telling
from streams.notify.waiting import Pace
from streams.windows import Window
from tests.control_running import CODEC, WAIT_S, Topics
from tests.store_records import knowledge
from tests.unit.test_notices import ONE, outcome, ruling, verdict

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
AT_ONCE = Pace(timedelta(), [], 1000)
QUIET = Pace(timedelta(), [Window.model_validate({"begins": "00:00", "ends": "23:59"})], 1000)


@pytest.fixture
def on_mock(mock_kafka: MockKafka, topic_prefix: str) -> Topics:
    for topic in TOPICS:
        mock_kafka.create_topic(topic_prefix + topic.name, topic.partitions)
    return Topics(mock_kafka.bootstrap_servers, topic_prefix)


@pytest.fixture(params=["mock", "apache"])
def topics(request: pytest.FixtureRequest, topic_prefix: str) -> Topics:
    if request.param == "mock":
        found: Topics = request.getfixturevalue("on_mock")
        return found
    made = Topics(request.getfixturevalue("kafka").bootstrap_servers, topic_prefix)
    made.create()
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            furthest(made)
        except KafkaException:
            assert time.monotonic() < deadline
        else:
            return made


class Person:
    """A receiver that remembers; `problems` are raised first."""

    name = "slack"

    def __init__(self, *problems: Exception) -> None:
        self.messages: list[list[Notice]] = []
        self.problems = list(problems)

    async def send(self, notices: Sequence[Notice]) -> None:
        if self.problems:
            raise self.problems.pop(0)
        self.messages.append(list(notices))

    @property
    def told(self) -> list[str]:
        return [one.id for message in self.messages for one in message]


class Store:
    """A knowledge file, which can be closed to readers."""

    def __init__(self, folder: Path) -> None:
        self.file = knowledge(folder / "store.duckdb")
        self.failures = 0

    def reading(self) -> AbstractContextManager[DuckDBPyConnection]:
        if self.failures:
            self.failures -= 1
            raise StoreError("not yet")
        return self.file.reading()

    def add(self, one: Suggestion) -> None:
        with self.file.transaction() as tx:
            suggestions.apply(tx, one, 0, one.revision)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store(tmp_path)
    yield one
    one.file.close()


def metric(name: str, **more: str) -> float:
    return metrics.REGISTRY.get_sample_value(f"sidecar_notify_{name}", {"receiver": "slack", **more}) or 0


async def tell(
    topics: Topics,
    store: Store,
    person: Person,
    until: Callable[[], Any],
    pace: Pace = AT_ONCE,
    clock: Callable[[], datetime] = lambda: NOW,
) -> None:
    """Works until that is true, and stops in order."""
    inbox = partial(Inbox, topics.config, topics.prefix, topics.prefix, person.name, CODEC)
    telling = Telling(person, inbox, store.reading, pace, "", clock)
    stop = asyncio.Event()
    running = asyncio.create_task(telling.run(stop))
    async with asyncio.timeout(WAIT_S):
        while not until():
            await asyncio.sleep(0.02)
        stop.set()
        await running


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.notify.telling.TICK_S", 0.02)
    monkeypatch.setattr("streams.notify.telling.AGAIN_S", 0.02)


def events(count: int, state: str = "done") -> list[Outcome]:
    return [outcome(state=state, event_id=str(uuid4())) for _ in range(count)]


def ids(of: Sequence[Any]) -> list[str]:
    return [one.event_id for one in of]


async def begun(topics: Topics, store: Store) -> None:
    """The first start, which tells nothing of what is there."""
    person = Person()
    await tell(topics, store, person, lambda: committed(topics))
    assert person.told == []


def places(topics: Topics) -> list[TopicPartition]:
    return [TopicPartition(topics.prefix + one.name, number) for one in TOPICS for number in range(one.partitions)]


@contextmanager
def group(topics: Topics) -> Iterator[Consumer]:
    """That of the receiver, from outside."""
    consumer = Consumer({**topics.config, "group.id": f"{topics.prefix}notify.slack"})
    yield consumer
    consumer.close()


def committed(topics: Topics) -> bool:
    """Whether every partition has an offset."""
    with group(topics) as consumer, suppress(KafkaException):  # a new broker coordinates no groups yet
        return all(place.offset >= 0 for place in consumer.committed(places(topics), WAIT_S))
    return False


def furthest(topics: Topics) -> int:
    """The highest offset that is committed."""
    with group(topics) as consumer:
        return max(place.offset for place in consumer.committed(places(topics), WAIT_S))


def commit(topics: Topics, offset: int, metadata: str = "") -> None:
    with group(topics) as consumer:
        offsets = [TopicPartition(one.topic, one.partition, offset, metadata) for one in places(topics)]
        assert not any(one.error for one in consumer.commit(offsets=offsets, asynchronous=False))


async def test_the_first_start_tells_what_comes_from_then_on_and_a_later_one_what_came_meanwhile(
    topics: Topics, store: Store
) -> None:
    topics.send(OUTCOMES, *events(3))
    await begun(topics, store)
    meanwhile = [ONE, *events(1), verdict("worse", event_id=str(uuid4())), ruling("void", event_id=str(uuid4()))]
    for topic, one in zip((SUGGESTIONS, OUTCOMES, VERDICTS, RULINGS), meanwhile, strict=True):
        topics.send(topic, one)
    person = Person()
    await tell(topics, store, person, lambda: len(person.told) == 4)
    assert sorted(person.told) == sorted(ids(meanwhile))
    again, late = Person(), events(1)
    topics.send(OUTCOMES, *late)
    await tell(topics, store, again, lambda: again.told)
    assert again.told == ids(late)


async def test_what_waits_is_told_after_a_restart_and_what_was_told_beyond_it_is_not_told_twice(
    topics: Topics, store: Store
) -> None:
    await begun(topics, store)
    calm, urgent = events(2), events(2, "undone")
    topics.send(OUTCOMES, calm[0], urgent[0], calm[1], urgent[1])
    person = Person()
    await tell(topics, store, person, lambda: len(person.told) == 2, QUIET)
    assert person.told == ids(urgent)
    later = Person()
    await tell(topics, store, later, lambda: len(later.told) == 2)
    assert later.told == ids(calm)


async def test_an_event_that_is_sent_again_is_told_once_also_after_a_restart(topics: Topics, store: Store) -> None:
    await begun(topics, store)
    [one], [other], [third] = events(1), events(1), events(1)
    topics.send(OUTCOMES, one, one, other)
    person = Person()
    await tell(topics, store, person, lambda: len(person.told) >= 2)
    assert person.told == ids([one, other])
    topics.send(OUTCOMES, other, one, third)
    later = Person()
    await tell(topics, store, later, lambda: later.told)
    assert later.told == ids([third])


async def test_what_was_not_delivered_is_tried_again_and_told_after_a_restart(on_mock: Topics, store: Store) -> None:
    await begun(on_mock, store)
    sent = events(1)
    on_mock.send(OUTCOMES, *sent)
    failing = Person(*[DeliveryError("no")] * 100)
    ticks = (NOW + timedelta(minutes=minute) for minute in range(100_000))
    before = metric("messages_total", outcome="failed")
    await tell(on_mock, store, failing, lambda: len(failing.problems) <= 90, clock=lambda: next(ticks))
    assert metric("messages_total", outcome="failed") == before + 100 - len(failing.problems)
    assert (metric("unreachable"), metric("waiting")) == (1, 1)
    person = Person()
    await tell(on_mock, store, person, lambda: person.told)
    assert person.told == ids(sent)
    assert (metric("unreachable"), metric("waiting")) == (0, 0)


async def test_nothing_that_goes_wrong_ends_the_telling_or_keeps_others_from_being_told(
    on_mock: Topics, store: Store
) -> None:
    await begun(on_mock, store)
    [lost], [one] = events(1, "undone"), events(1)
    store.failures = 2
    person = Person(DeliveryError("invalid", is_final=True), ValueError("a bug"))
    on_mock.send(OUTCOMES, b"no record", outcome(operation_id="x; rm -rf ~"), lost)
    await tell(on_mock, store, person, lambda: len(person.problems) == 1)
    of_another_topic = verdict("worse", event_id=str(uuid4()))
    on_mock.send(OUTCOMES, of_another_topic, one)
    await tell(on_mock, store, person, lambda: person.told)
    assert person.told == ids([one])


async def test_what_cannot_be_kept_at_once_is_not_told_again(
    on_mock: Topics, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun(on_mock, store)
    original, refusals = Inbox.commit, [BrokerError("no coordinator")] * 2

    def refusing(inbox: Inbox) -> None:
        if person.told and refusals:
            raise refusals.pop()
        original(inbox)

    monkeypatch.setattr(Inbox, "commit", refusing)
    person, [first], later = Person(), events(1), events(1)
    on_mock.send(OUTCOMES, first)

    def both() -> bool:
        if not refusals and later:
            on_mock.send(OUTCOMES, later.pop())
        return len(person.told) > 1

    second = later[0]
    await tell(on_mock, store, person, both)
    assert person.told == ids([first, second])


async def test_a_change_that_is_found_again_is_told_once(on_mock: Topics, store: Store) -> None:
    await begun(on_mock, store)
    store.add(ONE)
    again = ONE.model_copy(update={"revision": ONE.revision + 1, "event_id": str(uuid4())})
    [done] = events(1)
    on_mock.send(SUGGESTIONS, again)
    on_mock.send(OUTCOMES, done)
    person = Person()
    await tell(on_mock, store, person, lambda: person.told)
    assert [one.title for one in person.messages[0]] == [f"sales/main: carried out: {ONE.title}"]


@pytest.mark.parametrize(("offset", "metadata"), [(5000, ""), (0, "of another program")])
async def test_an_offset_that_cannot_be_ours_is_the_end_of_what_is_there(
    topics: Topics, store: Store, offset: int, metadata: str
) -> None:
    topics.send(OUTCOMES, *events(2))
    commit(topics, offset, metadata)
    person, late = Person(), events(1)

    def told() -> list[str]:
        if late and furthest(topics) == 2:
            topics.send(OUTCOMES, late.pop())
        return person.told

    [one] = late
    await tell(topics, store, person, told)
    assert person.told == [one.event_id]


def test_offsets_are_committed_anew_before_kafka_forgets_them(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    topics.send(OUTCOMES, *events(2))
    inbox = Inbox(topics.config, topics.prefix, topics.prefix, "slack", CODEC)
    inbox.begin()
    inbox.commit()

    commit(topics, 0)
    inbox.commit()
    assert furthest(topics) == 0
    later = time.monotonic() + RENEWED_S
    monkeypatch.setattr("streams.notify.inbox.time.monotonic", lambda: later)
    inbox.commit()
    assert furthest(topics) == 2
    inbox.close()


def test_progress_is_what_is_behind_and_what_was_told_beyond_it() -> None:
    progress = Progress(next=9, waiting={4, 7}, told={3, 5, 8})
    assert progress.committed() == (4, "5 8")
    assert Progress.of(*progress.committed()) == Progress(4, told={5, 8})
    progress.waiting.clear()
    assert progress.committed() == (9, "")


def test_what_does_not_fit_beside_an_offset_is_left_out_whole() -> None:
    offset, text = Progress(next=10_000, waiting={0}, told=set(range(2, 10_000))).committed()
    kept = [int(one) for one in text.split()]
    assert (offset, kept) == (0, list(range(2, len(kept) + 2)))
    assert LONGEST_METADATA - 5 < len(text) <= LONGEST_METADATA
