"""The control process at work on a broker: in a thread of the test, or as a process that can be killed."""

import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from duckdb import DuckDBPyConnection

from schemas.codec import Codec
from schemas.errors import StoreError
from schemas.records import Record
from schemas.topics import LARGEST_RECORD, Topic, key_of
from store import inputs
from streams.control import Control, ControlSettings
from streams.topic_admin import TopicAdmin
from tests.store_records import NOON

CODEC = Codec()
WAIT_S = 60


def clock() -> datetime:
    """Shortly after the records of the tests."""
    return NOON + timedelta(minutes=1)


class Topics:
    """The installation's topics on a broker, and what is written to them and read from them."""

    def __init__(self, bootstrap_servers: str, prefix: str, **login: str) -> None:
        self.config: dict[str, Any] = {"bootstrap.servers": bootstrap_servers, **login}
        self.prefix = prefix
        self._producer = Producer({**self.config, "message.max.bytes": LARGEST_RECORD, "linger.ms": 1})

    def create(self) -> None:
        TopicAdmin(self.config, self.prefix, self.prefix).create()

    def send(self, topic: Topic, *records: Record | bytes, partition: int = 0) -> None:
        """Returns when Kafka has them."""
        failed: list[object] = []
        for record in records:
            key = key_of(record.product, record.database) if isinstance(record, Record) else None
            self._producer.produce(
                self.prefix + topic.name,
                CODEC.encode(record) if isinstance(record, Record) else record,
                key,
                partition=partition,
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )
        assert self._producer.flush(WAIT_S) == 0
        assert failed == []

    def count(self, topic: Topic) -> int:
        """Records that are there now."""
        name = self.prefix + topic.name
        consumer = Consumer({**self.config, "group.id": "outside"})
        places = [TopicPartition(name, partition) for partition in range(topic.partitions)]
        ends = [consumer.get_watermark_offsets(place, WAIT_S)[1] for place in places]
        consumer.close()
        return sum(ends)

    def read(self, topic: Topic) -> list[Any]:
        """All records that are there now."""
        name = self.prefix + topic.name
        consumer = Consumer({**self.config, "group.id": "outside", "fetch.message.max.bytes": LARGEST_RECORD})
        ends = [
            (TopicPartition(name, partition, 0), consumer.get_watermark_offsets(TopicPartition(name, partition))[1])
            for partition in range(topic.partitions)
        ]
        found: list[Any] = []
        consumer.assign([place for place, _ in ends])
        while len(found) < sum(end for _, end in ends):
            (message,) = consumer.consume(1, WAIT_S)
            assert message.error() is None
            found.append(CODEC.decode(message.value()))
        consumer.close()
        return found

    def settings(self, path: Path, **values: Any) -> ControlSettings:
        settings = ControlSettings(
            store_path=path, kafka=self.config, topic_prefix=self.prefix, group_prefix=self.prefix
        )
        return replace(settings, **values)


class Running:
    """A control process in a thread. `result` is what ended it."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.result: BaseException | None = None
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def until(self, reached: Callable[[DuckDBPyConnection], Any]) -> Any:
        """What the function says of the tables, once that is true."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if self._ended.is_set():
                raise AssertionError(f"control ended: {self.result!r}") from self.result
            try:
                with self.control.reading() as tx:
                    if found := reached(tx):
                        return found
            except StoreError:
                pass  # it has not opened the file yet
            self._ended.wait(0.02)
        raise AssertionError(f"not reached within {WAIT_S} s: {self.control.health}")

    def applied(self, topic: Topic, count: int, partition: int = 0) -> None:
        """Returns when so many records of a partition are in the tables."""
        self.until(lambda tx: inputs.positions(tx).get((topic.name, partition), 0) >= count)

    def stop(self) -> None:
        """In order."""
        self._stop.set()
        self.ended()

    def ended(self) -> BaseException | None:
        assert self._ended.wait(WAIT_S)
        self._thread.join(WAIT_S)
        return self.result

    def _run(self) -> None:
        try:
            self.control.run(self._stop)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.result = error
        finally:
            self._ended.set()


@contextmanager
def running(settings: ControlSettings, **values: Any) -> Iterator[Running]:
    one = Running(Control(settings, CODEC, **{"clock": clock, **values}))
    try:
        yield one
    finally:
        one.stop()
    if one.result is not None:
        raise one.result


class Process:
    """A control process that can be killed."""

    def __init__(self, settings: ControlSettings) -> None:
        self._process = multiprocessing.get_context("spawn").Process(target=_serve, args=[settings])
        self._process.start()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def stop(self) -> int | None:
        self._process.terminate()
        self._process.join(WAIT_S)
        return self._process.exitcode


def _serve(settings: ControlSettings) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    Control(settings, CODEC, clock).run(stop)
