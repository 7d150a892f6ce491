"""The embedded broker as a part of the sidecar: started, watched, started again when it ends by itself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import structlog

from schemas.errors import BrokerError
from schemas.topics import TOPICS
from streams.broker import Broker, embedded
from streams.broker.mock import MockKafka
from streams.topic_admin import TopicAdmin

LOOK_S = 1.0
AGAIN_S = 5.0

logger = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def own_kafka(folder: Path, port: int, topic_prefix: str) -> AsyncIterator[str]:
    """Its bootstrap servers, the same for as long as the block runs. Raises BrokerError where it cannot start."""
    own = _Own(await asyncio.to_thread(embedded.start, folder, port, progress=_tell), folder)
    keeper = asyncio.create_task(own.keep())
    try:
        logger.info(own.broker.description)
        await asyncio.to_thread(create_topics, own.broker, topic_prefix)
        yield own.broker.bootstrap_servers
    finally:
        keeper.cancel()
        await asyncio.wait({keeper})
        await asyncio.to_thread(own.broker.stop)


def create_topics(broker: Broker, topic_prefix: str) -> None:
    """Those that are missing on a broker of ours; on nobody else's is anything created unasked."""
    if isinstance(broker, MockKafka):
        for topic in TOPICS:  # it has no admin requests, and is new
            broker.create_topic(topic_prefix + topic.name, topic.partitions)
    else:
        TopicAdmin({"bootstrap.servers": broker.bootstrap_servers}, topic_prefix, "").create()


class _Own:
    def __init__(self, broker: Broker, folder: Path) -> None:
        self.broker = broker
        self._folder = folder

    async def keep(self) -> None:
        port = int(self.broker.bootstrap_servers.rpartition(":")[2])
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                self.broker.check()
            except BrokerError as ended:
                logger.error("the embedded broker is started again", reason=str(ended))
                try:
                    self.broker = await asyncio.to_thread(embedded.start, self._folder, port, progress=_tell)
                except BrokerError as error:
                    logger.error("the embedded broker does not start", reason=str(error), again_s=AGAIN_S)
                    await asyncio.sleep(AGAIN_S)


def _tell(line: str) -> None:
    logger.info(line)
