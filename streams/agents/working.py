"""An agent at work on Faust: takes records in batches, has them stepped through, sends what comes out, confirmed.

What Faust would do otherwise, each seen: an exception in an agent's body, or its cancellation, acknowledges the
whole batch, and with it records are lost. So nothing is acknowledged but what is confirmed, by `ConfirmedEvent`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import faust
import structlog
from faust.types import Message, StreamT

from streams import metrics
from streams.agents.offload import Offload
from streams.agents.steps import Input, Outcome, Output
from streams.agents.topic_ids import TopicIds

BATCH = 100
"""Records that are taken at once, at the most."""
AT_WORK = 2
"""Batches of an agent that are at work at the same time."""
WITHIN_S = 0.05
"""How long a batch waits to be full."""
RETRY_S = (0.5, 1, 2, 5, 10, 20, 30, 30, 30, 30, 30, 30, 30, 30)
"""The waits between attempts at one batch: five minutes in all, then the process gives up and ends."""

log = structlog.get_logger(__name__)


class ConfirmedEvent(faust.Event):
    confirmed = False

    def ack(self) -> bool:
        return super().ack() if self.confirmed else False


class Work:
    """The work of one agent. `give_up` is told why nothing more can be done, and ends the process."""

    def __init__(
        self,
        step: str,
        offload: Offload,
        prefix: str,
        look_up_topic_ids: Callable[[], Mapping[str, str]],
        give_up: Callable[[str], None],
    ) -> None:
        self._step = step
        self._offload = offload
        self._prefix = prefix
        self._topic_ids = TopicIds(look_up_topic_ids)
        self._give_up = give_up

    async def run(self, stream: StreamT[bytes]) -> None:
        """The agent's body. While one batch is being confirmed, the next is already at work."""
        at_work: set[asyncio.Task[None]] = set()
        try:
            async for taken in cast(faust.Stream[bytes], stream).take_events(BATCH, within=WITHIN_S):
                events = cast(list[ConfirmedEvent], taken)
                at_work.add(asyncio.create_task(self._until_done(stream.app.producer, events)))
                await _until_left(at_work, AT_WORK - 1)
        finally:
            await _until_left(at_work, 0)

    async def _until_done(self, producer: Any, events: Sequence[ConfirmedEvent]) -> None:
        """Raises nothing. Where it cannot go on it never returns, so that nothing is acknowledged."""
        batch = _Batch([event.message for event in events])
        for wait_s in RETRY_S:
            if (reason := await self._attempt(producer, batch)) is None:
                for event in events:
                    event.confirmed = True
                    event.ack()
                self._count(batch)
                return
            metrics.RETRIES.labels(self._step).inc()
            log.warning("a batch is tried again", agent=self._step, reason=reason, wait_s=wait_s)
            await asyncio.sleep(wait_s)
        self._give_up(f"{self._step} cannot go on with its records: {reason}")
        await asyncio.Event().wait()

    async def _attempt(self, producer: Any, batch: "_Batch") -> str | None:
        """Says why the batch is not done. What a former attempt did is not done again."""
        reason = None
        sent: list[tuple[Output, asyncio.Future[Any]]] = []
        try:
            batch.records = batch.records or await self._inputs(batch.messages)
            await self._send(producer, batch.unsent, sent)
            async for outcomes in self._offload.run(self._step, batch.records[len(batch.outcomes) :]):
                batch.outcomes += outcomes
                batch.unsent += [output for outcome in outcomes for output in outcome.outputs]
                await self._send(producer, batch.unsent, sent)
        except Exception as error:  # noqa: BLE001 - what leaves an agent's body is lost
            reason = f"{type(error).__name__}: {error}"
        for (output, _), result in zip(
            sent, await asyncio.gather(*(future for _, future in sent), return_exceptions=True), strict=True
        ):
            if isinstance(result, BaseException):
                reason = f"{output.topic}: {result!r}"
                batch.unsent.append(output)
        return reason

    async def _send(self, producer: Any, unsent: list[Output], sent: list[tuple[Output, asyncio.Future[Any]]]) -> None:
        """Moves outputs from the one list to the other; the futures are done when Kafka has confirmed."""
        while unsent:
            topic = self._prefix + unsent[0].topic
            future = await producer.send(topic, unsent[0].key, unsent[0].value, None, None, None)
            sent.append((unsent.pop(0), future))

    async def _inputs(self, messages: Sequence[Message]) -> list[Input]:
        ids = await self._topic_ids.at((m.topic, m.partition, m.offset) for m in messages)
        return [
            Input(
                m.topic,
                ids[m.topic],
                m.partition,
                m.offset,
                round(m.timestamp * 1000),
                m.key,
                m.value,
                tuple(cast(Sequence[tuple[str, bytes | None]], m.headers or ())),
            )
            for m in messages
        ]

    def _count(self, batch: "_Batch") -> None:
        now_ms = time.time() * 1000
        metrics.BATCH_SECONDS.labels(self._step).observe(time.perf_counter() - batch.begun)
        counts: Counter[str] = Counter()
        outputs: Counter[str] = Counter()
        delays = metrics.DELAY_SECONDS.labels(self._step)
        for record, outcome in zip(batch.records, batch.outcomes, strict=True):
            delays.observe(max(0.0, (now_ms - record.timestamp_ms) / 1000))
            counts.update(outcome.counts)
            outputs.update(output.topic for output in outcome.outputs)
            if outcome.refused:
                log.warning(
                    "a record became a dead letter",
                    agent=self._step,
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    reason=outcome.refused,
                )
        refused = sum(outcome.refused is not None for outcome in batch.outcomes)
        metrics.RECORDS.labels(self._step, "refused").inc(refused)
        metrics.RECORDS.labels(self._step, "done").inc(len(batch.outcomes) - refused)
        metrics.RECORD_BYTES.labels(self._step).inc(sum(len(record.value or b"") for record in batch.records))
        for topic, sent in outputs.items():
            metrics.OUTPUTS.labels(topic).inc(sent)
        for what, times in counts.items():
            metrics.count(what, times)


@dataclass(slots=True)
class _Batch:
    messages: Sequence[Message]
    records: list[Input] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    unsent: list[Output] = field(default_factory=list)
    begun: float = field(default_factory=time.perf_counter)


async def _until_left(tasks: set[asyncio.Task[None]], left: int) -> None:
    """Waits until only so many are not done, even when cancelled meanwhile; that is raised at the end."""
    cancelled: asyncio.CancelledError | None = None
    while len(tasks) > left:
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError as error:
            cancelled = error
        else:
            tasks -= done
    if cancelled:
        raise cancelled
