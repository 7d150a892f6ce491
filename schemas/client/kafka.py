"""To Kafka, without ever making the product wait: what Kafka does not take in time is given up and told."""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from threading import RLock
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from ..codec import Codec
from ..errors import BrokerError
from ..topics import LARGEST_RECORD, Topic
from .settings import ClientSettings

WAITING_BYTES = 8 * 1024 * 1024
WAITING_MS = 300_000
LONGEST_WORK_MS = 3_600_000
LIST_TIMEOUT_S = 1.0
LIST_AGAIN_S = 5.0
POLL_S = 0.1
COMPLAIN_AGAIN_S = 60.0

logger = logging.getLogger("duckdb_sidecar")

Done = Callable[[str | None], None]
"""Called once, in a thread of ours: with None where Kafka has the record, else with why not."""


def connection_of(settings: ClientSettings) -> dict[str, Any]:
    """What a producer or a consumer needs to connect."""
    complained: dict[int, float] = {}

    def complain(error: KafkaError) -> None:
        code, now = error.code(), time.monotonic()
        if now - complained.get(code, -COMPLAIN_AGAIN_S) >= COMPLAIN_AGAIN_S:
            complained[code] = now
            logger.warning("Kafka: %s", error.str())

    quiet = {"log_level": 0, "reconnect.backoff.ms": 500, "client.id": "duckdb-sidecar-client"}
    return {**quiet, **settings.kafka, "error_cb": complain}


def codec_of(settings: ClientSettings) -> Codec:
    """Raises BrokerError where the Schema Registry lacks a record."""
    if not settings.schema_registry_url:
        return Codec()
    # it needs packages that come with the extra `registry` alone
    registry = import_module("..registry", __package__)
    options = {"basic.auth.user.info": settings.schema_registry_userinfo} if settings.schema_registry_userinfo else {}
    return Codec(registry.RegistryIds(settings.schema_registry_url, register=False, options=options))


def consumer_of(settings: ClientSettings, group: str) -> Consumer:
    """It may work on one record for `LONGEST_WORK_MS`, and commits what it is told to."""
    ours = {
        "group.id": settings.group_prefix + group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "max.poll.interval.ms": LONGEST_WORK_MS,
        "fetch.message.max.bytes": LARGEST_RECORD,
    }
    return Consumer({**connection_of(settings), **ours})


class Publisher:
    """Used by several threads. Nothing is sent to a topic that does not exist: a broker might create it as it likes.

    While Kafka is away, at most twice `WAITING_BYTES` wait, those in librdkafka for `WAITING_MS`.
    """

    def __init__(self, settings: ClientSettings) -> None:
        ours = {
            "enable.idempotence": True,
            "linger.ms": 50,
            "compression.type": "gzip",
            "message.max.bytes": LARGEST_RECORD,
            "message.timeout.ms": WAITING_MS,
            "queue.buffering.max.kbytes": WAITING_BYTES // 1024,
        }
        self._producer = Producer({**connection_of(settings), **ours})
        self._prefix = settings.topic_prefix
        self._lock = RLock()
        self._topics: set[str] = set()
        self._missed: set[str] = set()
        self._listed_s = -LIST_AGAIN_S
        self._held: deque[Held] = deque()
        self._held_bytes = 0

    def send(self, topic: Topic, key: bytes, payload: bytes, done: Done) -> None:
        with self._lock:
            self._held.append(Held(self._prefix + topic.name, key, payload, done))
            self._held_bytes += len(payload)
            while self._held_bytes > WAITING_BYTES:
                self._release().done("Kafka takes too little")
            self.poll()

    def deliver(self, topic: Topic, key: bytes, payload: bytes, timeout_s: float) -> None:
        """Returns when Kafka has the record. Raises BrokerError where it has not after `timeout_s`."""
        outcome: list[str | None] = []
        deadline = time.monotonic() + timeout_s
        self.send(topic, key, payload, outcome.append)
        while not outcome and time.monotonic() < deadline:
            self.poll(POLL_S)
        if not outcome or outcome[0] is not None:
            raise BrokerError(
                f"{self._prefix}{topic.name} does not take a record: {outcome[0] if outcome else 'no answer'}"
            )

    def poll(self, timeout_s: float = 0.0) -> None:
        with self._lock:
            for _ in range(len(self._held)):
                held = self._release()
                if not self._exists(held.topic) or not self._produce(held):
                    self._held.append(held)
                    self._held_bytes += len(held.payload)
        self._producer.poll(timeout_s)

    def flush(self, timeout_s: float) -> bool:
        """Whether Kafka has answered for all of it."""
        self.poll()
        return self._producer.flush(timeout_s) == 0 and not self._held

    def _release(self) -> "Held":
        held = self._held.popleft()
        self._held_bytes -= len(held.payload)
        return held

    def _produce(self, held: "Held") -> bool:
        def delivered(error: KafkaError | None, _message: Message) -> None:
            held.done(None if error is None else error.str())

        try:
            self._producer.produce(held.topic, held.payload, key=held.key, on_delivery=delivered)
        except BufferError:
            return False
        except KafkaException as error:
            held.done(error.args[0].str())
        return True

    def _exists(self, topic: str) -> bool:
        if topic not in self._topics and time.monotonic() - self._listed_s >= LIST_AGAIN_S:
            try:
                self._topics = set(self._producer.list_topics(timeout=LIST_TIMEOUT_S).topics)
            except KafkaException:
                pass  # it is away: asked again later
            else:
                wanted = {topic, *(held.topic for held in self._held)}
                for missing in sorted(wanted - self._topics - self._missed):
                    logger.warning("there is no topic %s: create it with `sidecar topics`", missing)
                    self._missed.add(missing)
            self._listed_s = time.monotonic()
        return topic in self._topics


@dataclass(frozen=True, slots=True)
class Held:
    topic: str
    key: bytes
    payload: bytes
    done: Done
