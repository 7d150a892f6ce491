"""The Faust app: the agents on their topics, with the settings that make Faust keep its word."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import faust

from schemas.topics import LARGEST_RECORD, Topic
from streams.agents.offload import Offload
from streams.agents.working import BATCH, ConfirmedEvent, Work


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
        consumer_max_fetch_size=LARGEST_RECORD // 2,
        broker_max_poll_records=4 * BATCH,
        stream_buffer_maxsize=8 * BATCH,  # the default would hold 4,096 records of up to 4 MB
        broker_session_timeout=6,
        broker_heartbeat_interval=1.5,
        broker_rebalance_timeout=30,
        broker_request_timeout=40,
        broker_commit_interval=1,
        producer_linger=0.005,
        producer_max_request_size=LARGEST_RECORD,
        producer_request_timeout=1200,  # less, and a broker that is away for longer costs records
    )
    for step, reads, offload in agents:
        topic = app.topic(prefix + reads.name, key_type=bytes, value_type=bytes)
        app.agent(topic, name=step, concurrency=1)(Work(step, offload, prefix, look_up_topic_ids, give_up).run)
    return app
