"""The Faust app: the agents on their topics, with the settings that make Faust keep its word."""

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from schemas.topics import LARGEST_RECORD, Topic
from streams.agents.offload import Offload
from streams.agents.working import BATCH, ConfirmedEvent, Work

FETCH_WAIT_MS = 100
METADATA_MS = 30_000
"""A topic made anew is found after so long at the most."""
PRODUCER_BATCH = 256 * 1024
"""Bytes for one partition; with the default of 16 KB nearly every record is a request."""
LOGGER = logging.getLogger("faust.transport.sidecar")  # as quiet as the classes that are extended here


class _ConsumerThread(AIOKafkaConsumerThread):
    logger = LOGGER

    def _create_worker_consumer(self, transport: aiokafka.Transport) -> AIOKafkaConsumer:
        """Kafka may hold back an answer for this long when it has nothing new. Faust says 1,500 ms, and until the
        answer is there no other partition of that broker is asked for, though its records lie ready.
        """
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer


class _Consumer(aiokafka.Consumer):
    logger = LOGGER

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: the fetcher waits until there is room. Faust's own way is to leave the partition out, and to find
        out that there is room again once the others have had records, or after a second or more.
        """


class _Transport(aiokafka.Transport):
    Consumer = _Consumer


def build(
    connection: Mapping[str, Any],
    group: str,
    prefix: str,
    folder: Path,
    agents: Iterable[tuple[str, Topic, Offload]],
    look_up_topic_ids: Callable[[], Mapping[str, str]],
    give_up: Callable[[str], None],
) -> faust.App:
    """An app that opens nothing until it is started, in the running event loop."""
    app = faust.App(
        group,
        **connection,
        datadir=folder,
        Event=ConfirmedEvent,
        key_serializer="raw",
        value_serializer="raw",
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,  # this picks aiokafka's round robin instead of Faust's own assignor
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_MS,
        producer_metadata_max_age_ms=METADATA_MS,
        consumer_max_fetch_size=LARGEST_RECORD // 2,
        broker_max_poll_records=2 * BATCH,
        stream_buffer_maxsize=2 * BATCH,  # the default would hold 4,096 records of up to 4 MB
        broker_session_timeout=6,
        broker_heartbeat_interval=1.5,
        broker_rebalance_timeout=30,
        broker_request_timeout=40,
        broker_commit_interval=1,
        producer_linger=0.005,
        producer_max_batch_size=PRODUCER_BATCH,
        producer_max_request_size=LARGEST_RECORD,
        producer_request_timeout=1200,  # less, and a broker that is away for longer costs records
    )
    app.transport = _Transport(app.conf.broker_consumer, app, loop=app.loop)
    for step, reads, offload in agents:
        topic = app.topic(prefix + reads.name, key_type=bytes, value_type=bytes)
        work = Work(step, offload, prefix, look_up_topic_ids, give_up)
        # not by the decorator: for a discovery that we do not use it reads source files, which takes 150 ms
        app.agents[step] = faust.Agent(work.run, app=app, name=step, channel=topic, concurrency=1)
    return app
