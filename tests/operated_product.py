"""A product that carries out signed orders over Kafka, and what is sent to it and comes back."""

import threading
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Signal
from typing import Any
from uuid import uuid4

import duckdb
from confluent_kafka import Producer

from schemas.actions import Body, pack
from schemas.client.attached import Attached
from schemas.client.catalog import place_of, structure
from schemas.client.databases import place_of as path_of
from schemas.client.exemplars import Exemplars
from schemas.client.files import Files
from schemas.client.kafka import Publisher
from schemas.client.operating import Operating
from schemas.client.settings import ClientSettings
from schemas.codec import Codec
from schemas.orders import Order, sign
from schemas.plan import steps
from schemas.records import DeadLetter, Limits, Operation, Outcome
from schemas.render import by_name
from schemas.tokens import keys_of
from schemas.topics import DEAD_LETTERS, OPERATIONS, OUTCOMES, key_of
from streams.access.ordering import OrderKey
from tests.operating import order_of
from tests.query_log import Outputs

WAIT_S = 30
KEY = key_of("sales", "shop")


def attached_to(folder: Path, bootstrap_servers: str, prefix: str) -> Attached:
    settings = ClientSettings(kafka={"bootstrap.servers": bootstrap_servers}, topic_prefix=prefix, operate_free_bytes=0)
    exemplars = Exemplars(folder)
    return Attached(
        "sales", "web-1", settings, folder / "folder", b"", exemplars, Files(exemplars), list, Signal(), Codec(),
        Publisher(settings),
    )  # fmt: skip


def operating_on(attached: Attached, file: Path, public: dict[str, Any]) -> Operating:
    """`public` is the key whose orders it takes."""
    return Operating(attached, "shop", path_of(file), keys_of({"keys": [public]}, bound=False), lambda: None)


def ready(operating: Operating) -> None:
    """A broker that has just made a topic may not lead it yet."""
    while not operating._assigned:
        operating.work(0.05)


@dataclass
class Product:
    """A database that this process has open through the client, and what carries out orders for it."""

    bootstrap_servers: str
    prefix: str
    folder: Path
    key: OrderKey
    public: dict[str, Any]
    connection: duckdb.DuckDBPyConnection
    number: int = 0
    attached: Attached = field(init=False)

    def __post_init__(self) -> None:
        self.attached = attached_to(self.folder, self.bootstrap_servers, self.prefix)

    @property
    def file(self) -> Path:
        return self.folder / "shop.duckdb"

    def operating(self) -> Operating:
        return operating_on(self.attached, self.file, self.public)

    def order(self, *bodies: Body, **more: Any) -> Order:
        place = place_of(self.connection.cursor())
        tables = by_name(structure(self.connection.cursor(), place.database))
        planned, _ = steps([pack(body) for body in bodies], tables, Limits(build_s=60, extra_bytes=0, peak_bytes=0))
        self.number += 1
        now = datetime.now(UTC)
        values = {
            "operation_id": str(uuid4()), "suggestion_id": str(uuid4()), "file_id": place.file_id(b""), "issued": now,
            "deadline": now + timedelta(minutes=10), "number": self.number, "instance": self.attached.instance,
        }  # fmt: skip
        return order_of(planned, **{**values, **more})

    def send(self, *orders: Order | bytes, signature: str | None = None, **envelope: Any) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap_servers})
        for one in orders:
            payload = one if isinstance(one, bytes) else self._encoded(one, signature, envelope)
            producer.produce(self.prefix + OPERATIONS.name, payload, key=KEY)
        assert producer.flush(WAIT_S) == 0

    def _encoded(self, order: Order, signature: str | None, envelope: dict[str, Any]) -> bytes:
        carried, signed = sign(order, self.key.private, self.key.kid)
        values = {
            "product": order.product, "database": order.database, "instance": order.instance, "event_id": "e",
            "time": order.issued, "order": carried, "signature": signed if signature is None else signature,
        }  # fmt: skip
        return self.attached.codec.encode(Operation(**{**values, **envelope}))

    def outcomes(self, count: int, *members: Operating) -> list[Outcome]:
        return self._read(OUTCOMES, count, members)

    def letters(self, count: int, *members: Operating) -> list[DeadLetter]:
        return self._read(DEAD_LETTERS, count, members)

    def _read(self, topic: Any, count: int, members: tuple[Operating, ...]) -> list[Any]:
        done = Signal()
        threads = [threading.Thread(target=work, args=[member, done]) for member in members]
        for thread in threads:
            thread.start()
        try:
            with closing(Outputs({"bootstrap.servers": self.bootstrap_servers}, self.prefix, topic)) as outputs:
                return outputs.until(count)
        finally:
            done.set()
            for thread in threads:
                thread.join()


def work(member: Operating, done: Signal) -> None:
    while not done.is_set():
        member.work(0.1)
