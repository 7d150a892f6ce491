"""An agent at work on Faust: takes records in batches, has them stepped through, sends what comes out, confirmed.

What Faust would do otherwise, each seen: an exception in an agent's body, or its cancellation, acknowledges the
whole batch, and with it records are lost. So nothing is acknowledged but what is confirmed, by `ConfirmedEvent`.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import faust
import structlog
from faust.types import Message, StreamT

from schemas.records import Position
from streams import metrics
from streams.agents.offload import Offload
from streams.agents.steps import Input, Outcome, Output
from streams.agents.topic_ids import TopicIds

BATCH = 50
"""Records that are taken at once, at the most."""
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
        """The agent's body."""
        async for taken in cast(faust.Stream[bytes], stream).take_events(BATCH, within=WITHIN_S):
            events = cast(list[ConfirmedEvent], taken)
            batch = asyncio.create_task(self._until_done(stream.app.producer, events))
            cancelled = await _outlasting(batch)
            for event in events:
                event.confirmed = True
                event.ack()
            if cancelled:
                return

    async def _until_done(self, producer: Any, events: Sequence[ConfirmedEvent]) -> None:
        """Raises nothing. Where it cannot go on it never returns, so that nothing is acknowledged."""
        batch = _Batch([event.message for event in events])
        for wait_s in RETRY_S:
            if (reason := await self._attempt(producer, batch)) is None:
                self._count(batch)
                return
            metrics.RETRIES.labels(self._step).inc()
            log.warning("a batch is tried again", agent=self._step, reason=reason, wait_s=wait_s)
            await asyncio.sleep(wait_s)
        self._give_up(f"{self._step} cannot go on with its records: {reason}")
        await asyncio.Event().wait()

    async def _attempt(self, producer: Any, batch: "_Batch") -> str | None:
        """Says why the batch is not done. What was confirmed is not sent again."""
        try:
            if batch.outcomes is None:
                batch.records = await self._inputs(batch.messages)
                batch.outcomes = await self._offload.run(self._step, batch.records)
                batch.unsent = [output for outcome in batch.outcomes for output in outcome.outputs]
            sent = [
                await producer.send(self._prefix + output.topic.name, output.key, output.value, None, None, None)
                for output in batch.unsent
            ]
            results = await asyncio.gather(*sent, return_exceptions=True)
        except Exception as error:  # noqa: BLE001 - what leaves an agent's body is lost
            return f"{type(error).__name__}: {error}"
        failed = [pair for pair in zip(batch.unsent, results, strict=True) if isinstance(pair[1], BaseException)]
        batch.unsent = [output for output, _ in failed]
        return f"{failed[0][0].topic.name}: {failed[0][1]!r}" if failed else None

    async def _inputs(self, messages: Sequence[Message]) -> list[Input]:
        ids = await self._topic_ids.at((m.topic, m.partition, m.offset) for m in messages)
        return [
            Input(
                Position(topic=m.topic, topic_id=ids[m.topic], partition=m.partition, offset=m.offset),
                round(m.timestamp * 1000),
                m.key,
                m.value,
                tuple(cast(Sequence[tuple[str, bytes | None]], m.headers or ())),
            )
            for m in messages
        ]

    def _count(self, batch: "_Batch") -> None:
        now = time.time()
        metrics.BATCH_SECONDS.labels(self._step).observe(time.perf_counter() - batch.begun)
        for record, outcome in zip(batch.records, batch.outcomes or [], strict=True):
            metrics.RECORDS.labels(self._step, "refused" if outcome.refused else "done").inc()
            metrics.RECORD_BYTES.labels(self._step).inc(len(record.value or b""))
            metrics.DELAY_SECONDS.labels(self._step).observe(max(0.0, now - record.timestamp_ms / 1000))
            for output in outcome.outputs:
                metrics.OUTPUTS.labels(output.topic.name).inc()
            for what, count in outcome.counts.items():
                metrics.count(what, count)
            if outcome.refused:
                log.warning(
                    "a record became a dead letter",
                    agent=self._step,
                    topic=record.source.topic,
                    partition=record.source.partition,
                    offset=record.source.offset,
                    reason=outcome.refused,
                )


@dataclass(slots=True)
class _Batch:
    messages: Sequence[Message]
    records: list[Input] = field(default_factory=list)
    outcomes: list[Outcome] | None = None
    unsent: list[Output] = field(default_factory=list)
    begun: float = field(default_factory=time.perf_counter)


async def _outlasting(task: asyncio.Task[None]) -> bool:
    """Waits for the task even when cancelled meanwhile, and says whether it was."""
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    return cancelled
