"""An agent at work, without Faust: what is acknowledged, and when."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas.errors import BrokerError
from schemas.topics import PATTERNS
from streams.agents import working
from streams.agents.offload import Offload
from streams.agents.steps import Input, Outcome, Output
from streams.agents.topic_ids import TopicIds
from streams.agents.working import AT_WORK, Work


@dataclass(eq=False)
class Event:
    offset: int
    acknowledged: bool = False
    confirmed: bool = False

    @property
    def message(self) -> Any:
        return SimpleNamespace(
            topic="log",
            partition=0,
            offset=self.offset,
            timestamp=1.7e9,
            key=b"k",
            value=b"%d" % self.offset,
            headers=(),
        )

    def ack(self) -> None:
        assert self.confirmed
        self.acknowledged = True


@dataclass
class Steps:
    """In the place of the process: one output for each record, its value."""

    failures: list[Exception] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)

    async def run(self, _: str, records: Sequence[Input]) -> AsyncIterator[list[Outcome]]:
        for record in records:
            if self.failures:
                raise self.failures.pop(0)
            self.seen.append(record.offset)
            yield [Outcome([Output(PATTERNS.name, b"", record.value or b"")])]


@dataclass
class Producer:
    """Confirms what it is sent when `hold` is not set, and refuses so many sends as `refusals` holds."""

    hold: bool = False
    refusals: list[Exception] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    held: list[asyncio.Future[None]] = field(default_factory=list)

    async def send(self, topic: str, _: bytes, value: bytes, *__: None) -> asyncio.Future[None]:
        assert topic == "p.patterns"
        self.sent.append(value)
        future = asyncio.get_running_loop().create_future()
        if self.refusals:
            future.set_exception(self.refusals.pop(0))
        elif self.hold:
            self.held.append(future)
        else:
            future.set_result(None)
        return future


class Stream:
    """Batches, as Faust gives them; `taken` counts those that were asked for."""

    def __init__(self, producer: Producer, *batches: list[Event]) -> None:
        self.app = SimpleNamespace(producer=producer)
        self.batches = batches
        self.taken = 0

    async def take_events(self, _: int, within: float) -> AsyncIterator[list[Event]]:
        assert within > 0
        for batch in self.batches:
            self.taken += 1
            yield batch


def work(steps: Steps, given_up: list[str] | None = None) -> Work:
    told = [] if given_up is None else given_up
    return Work("observe", cast(Offload, steps), "p.", lambda: {"log": "an-id"}, told.append)


def events(*offsets: int) -> list[Event]:
    return [Event(offset) for offset in offsets]


async def settled() -> None:
    """Lets everything that can go on go on."""
    for _ in range(50):
        await asyncio.sleep(0)
    await asyncio.to_thread(lambda: None)  # topic ids are looked up in a thread
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "RETRY_S", (0, 0, 0))


async def test_a_batch_is_acknowledged_when_its_outputs_are_confirmed_and_not_before() -> None:
    producer, batch = Producer(hold=True), events(0, 1)
    running = asyncio.create_task(work(Steps()).run(cast(Any, Stream(producer, batch))))
    while len(producer.held) < 2:
        await settled()
    producer.held[0].set_result(None)
    await settled()
    assert [event.acknowledged for event in batch] == [False, False]
    producer.held[1].set_result(None)
    await running
    assert [event.acknowledged for event in batch] == [True, True]


async def test_only_what_was_not_confirmed_is_sent_again() -> None:
    producer, batch = Producer(refusals=[OSError("gone")]), events(0, 1, 2)
    steps = Steps()
    await work(steps).run(cast(Any, Stream(producer, batch)))
    assert producer.sent == [b"0", b"1", b"2", b"0"]
    assert steps.seen == [0, 1, 2]
    assert all(event.acknowledged for event in batch)


async def test_steps_that_could_not_be_taken_are_taken_later_and_the_others_not_again() -> None:
    producer, batch = Producer(), events(0, 1)
    steps = Steps()

    async def interrupted(step: str, records: Sequence[Input]) -> AsyncIterator[list[Outcome]]:
        async for outcomes in Steps.run(steps, step, records):
            yield outcomes
            if steps.seen == [0]:
                raise BrokerError("the registry is away")

    cast(Any, steps).run = interrupted
    await work(steps).run(cast(Any, Stream(producer, batch)))
    assert steps.seen == [0, 1]
    assert producer.sent == [b"0", b"1"]
    assert all(event.acknowledged for event in batch)


async def test_what_cannot_be_done_at_all_is_given_up_and_never_acknowledged() -> None:
    given_up: list[str] = []
    batch = events(0)
    producer = Producer(refusals=[OSError("gone")] * 3)
    running = asyncio.create_task(work(Steps(), given_up).run(cast(Any, Stream(producer, batch))))
    while not given_up:
        await settled()
    running.cancel()
    await settled()
    assert given_up == ["observe cannot go on with its records: patterns: OSError('gone')"]
    assert not running.done()
    assert not batch[0].acknowledged


async def test_a_cancelled_agent_finishes_its_batch_first() -> None:
    producer, batch = Producer(hold=True), events(0)
    running = asyncio.create_task(work(Steps()).run(cast(Any, Stream(producer, batch))))
    while not producer.held:
        await settled()
    running.cancel()
    await settled()
    assert not batch[0].acknowledged
    producer.held[0].set_result(None)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert batch[0].acknowledged


async def test_so_many_batches_are_at_work_and_no_more_are_taken() -> None:
    producer = Producer(hold=True)
    stream = Stream(producer, *([event] for event in events(*range(AT_WORK + 2))))
    running = asyncio.create_task(work(Steps()).run(cast(Any, stream)))
    while len(producer.held) < AT_WORK:
        await settled()
    await settled()
    assert stream.taken == AT_WORK
    for done in range(AT_WORK + 2):
        while len(producer.held) <= done:
            await settled()
        producer.held[done].set_result(None)
    await running


async def test_topic_ids_are_looked_up_once_and_again_when_offsets_go_back() -> None:
    looked_up: list[int] = []

    def look_up() -> dict[str, str]:
        looked_up.append(len(looked_up))
        return {"log": f"id-{len(looked_up)}"}

    ids = TopicIds(look_up)
    assert await ids.at([("log", 0, 5), ("log", 1, 0)]) == {"log": "id-1"}
    assert await ids.at([("log", 0, 6), ("log", 1, 1)]) == {"log": "id-1"}
    assert await ids.at([("log", 0, 0)]) == {"log": "id-2"}
    assert await ids.at([("log", 0, 1)]) == {"log": "id-2"}


async def test_topic_ids_that_could_not_be_looked_up_are_looked_up_again() -> None:
    failures: list[Exception] = [BrokerError("away")]

    def look_up() -> dict[str, str]:
        if failures:
            raise failures.pop()
        return {"log": "id"}

    ids = TopicIds(look_up)
    with pytest.raises(BrokerError):
        await ids.at([("log", 0, 5)])
    assert await ids.at([("log", 0, 5)]) == {"log": "id"}
