"""Tells one receiver what comes, as long as the sidecar runs. Whatever fails is tried again, and stops nothing else."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol

import duckdb
import structlog
from confluent_kafka import KafkaException
from duckdb import DuckDBPyConnection

from schemas.errors import BrokerError, DeliveryError, RecordError, SidecarError
from schemas.records import Record, Suggestion
from store import suggestions
from streams import metrics

from .inbox import Inbox
from .notices import Notice, notice, subject
from .waiting import Held, Pace, Place, Waiting

TICK_S = 1.0
AGAIN_S = 30.0
"""After Kafka or the knowledge file could not be read."""
LATE = timedelta(minutes=10)
"""Of trying, after which a receiver counts as unreachable."""

Reading = Callable[[], AbstractContextManager[DuckDBPyConnection]]
"""Gives the tables of the knowledge file. May raise StoreError."""

logger = structlog.get_logger(__name__)


class Sender(Protocol):
    """`name` is one of few: it is in metrics and in the name of a consumer group."""

    @property
    def name(self) -> str: ...

    async def send(self, notices: Sequence[Notice]) -> None:
        """Returns once the receiver has confirmed the one message that they make. Raises DeliveryError."""


class Telling:
    """`inbox` makes a new one, which is closed here."""

    def __init__(
        self,
        sender: Sender,
        inbox: Callable[[], Inbox],
        reading: Reading,
        pace: Pace,
        page_url: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sender = sender
        self._inbox = inbox
        self._reading = reading
        self._pace = pace
        self._page_url = page_url
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Until stopped; never raises."""
        while not stop.is_set():
            try:
                await self._begin(stop)
            except (SidecarError, KafkaException, duckdb.Error) as error:
                logger.warning("what to tell cannot be read", receiver=self._sender.name, reason=str(error))
                await _slept(stop, AGAIN_S)
            except Exception:
                # whatever it is that telling stumbles on: the sidecar has more to do
                logger.exception("telling is begun again", receiver=self._sender.name)
                await _slept(stop, AGAIN_S)

    async def _begin(self, stop: asyncio.Event) -> None:
        inbox = await asyncio.to_thread(self._inbox)
        try:
            await asyncio.to_thread(inbox.begin)
            await self._tell(inbox, stop)
        finally:
            await asyncio.to_thread(inbox.close)

    async def _tell(self, inbox: Inbox, stop: asyncio.Event) -> None:
        waiting = Waiting(self._pace)
        while not stop.is_set():
            arrived = [] if waiting.is_full else await asyncio.to_thread(self._arrived, inbox)
            for place, one in arrived:
                inbox.hold(place)
                waiting.add(one, place, self._clock())
            if message := waiting.due(self._clock()):
                await self._send(message, waiting, inbox)
            metrics.NOTIFY_WAITING.labels(self._sender.name).set(len(waiting))
            await _slept(stop, TICK_S if await self._kept(inbox) else AGAIN_S)

    async def _kept(self, inbox: Inbox) -> bool:
        """Whether Kafka knows what was told. To begin again where it does not would be to tell it again."""
        try:
            await asyncio.to_thread(inbox.commit)
        except (BrokerError, KafkaException) as error:
            logger.warning("what was told is not kept yet", receiver=self._sender.name, reason=str(error))
            return False
        return True

    async def _send(self, message: Sequence[Held], waiting: Waiting, inbox: Inbox) -> None:
        name, outcome = self._sender.name, "sent"
        try:
            await self._sender.send([one.notice for one in message])
        except DeliveryError as error:
            if not error.is_final:
                failing = waiting.failed(self._clock(), error.again_s)
                metrics.NOTIFY_MESSAGES.labels(name, "failed").inc()
                metrics.NOTIFY_UNREACHABLE.labels(name).set(failing >= LATE)
                log = logger.error if failing >= LATE else logger.warning
                log(
                    "a receiver takes nothing, and is tried again", receiver=name, reason=str(error), since=str(failing)
                )
                return
            outcome, titles = "refused", [one.notice.title for one in message]
            logger.error("a message is refused, and not sent again", receiver=name, reason=str(error), lost=titles)
        metrics.NOTIFY_MESSAGES.labels(name, outcome).inc()
        metrics.NOTIFY_UNREACHABLE.labels(name).set(0)
        waiting.settled(message, self._clock())
        inbox.told(one.place for one in message)

    def _arrived(self, inbox: Inbox) -> list[tuple[Place, Notice]]:
        found = []
        for place, record in inbox.take():
            try:
                one = self._notice(record)
            except RecordError as error:
                logger.warning("a record cannot be told of", place=place, reason=str(error))
            else:
                found += [(place, one)] if one else []
        return found

    def _notice(self, record: Record) -> Notice | None:
        of = subject(record)
        if of is None:
            return None
        with self._reading() as tx:
            find = suggestions.before if isinstance(record, Suggestion) else suggestions.revision
            return notice(record, find(tx, *of), self._page_url)


async def _slept(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
