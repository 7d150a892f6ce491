from collections.abc import Callable
from pathlib import Path
from threading import Event as Signal
from typing import Any

import pytest

from schemas.client.attached import Attached
from schemas.client.exemplars import Exemplars
from schemas.client.files import Files
from schemas.client.kafkasink import LARGEST, KafkaSink
from schemas.client.settings import ClientSettings
from schemas.client.sink import Batch, Event, Profile, Statement
from schemas.codec import Codec
from schemas.records import Profile as SentProfile
from schemas.records import QueryEvent, QueryLogBatch, QueryShape
from schemas.topics import Topic

SELECT = Statement("f1", "SELECT a FROM t WHERE b = $1", "select")
CREATE = Statement("f2", "CREATE TABLE u (a INTEGER)", "ddl")


class Published:
    """A Kafka that takes all records, or none."""

    def __init__(self) -> None:
        self.records: list[QueryLogBatch] = []
        self.payloads: list[bytes] = []
        self.away = False
        self.slow = False
        self.waiting: list[Callable[[str | None], None]] = []

    def send(self, topic: Topic, key: bytes, payload: bytes, done: Callable[[str | None], None]) -> None:
        assert (topic.name, key) == ("query-log", b"shop/orders")
        if self.slow:
            self.waiting.append(done)
            return
        if self.away:
            done("away")
            return
        self.payloads.append(payload)
        self.records.append(Codec().decode_as(QueryLogBatch, payload))
        done(None)

    def flush(self, timeout_s: float) -> bool:
        return not self.waiting


class Database:
    """Its structure changes whenever it is read anew."""

    def __init__(self) -> None:
        self.changes = 0
        self.heard: list[Batch] = []

    def hear(self, batch: Batch) -> None:
        self.heard.append(batch)

    def catalog_hash(self, anew: bool) -> str:
        self.changes += anew
        return f"hash {self.changes}"

    def join(self, timeout: float) -> None: ...


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def sink(published: Published, tmp_path: Path) -> KafkaSink:
    exemplars = Exemplars(tmp_path)
    attached = Attached(
        "shop", "i", ClientSettings(), tmp_path, b"", exemplars, Files(exemplars), list, Signal(),
        Codec(), published,  # type: ignore[arg-type]
    )  # fmt: skip
    database = Database()
    return KafkaSink(attached, lambda _: database)


def event(statement: Statement = SELECT, time_us: int = 1_000, **changed: Any) -> Event:
    values = {"latency_us": 7, "rows": 3, "error": None, "route": None, "profile": None}
    return Event(statement, time_us, **(values | changed))


def batch(*events: Event, dropped: int = 0) -> Batch:
    return Batch("shop", "orders", "i", dropped, list(events))


def test_a_batch_is_one_record_in_which_each_shape_stands_once(sink: KafkaSink, published: Published) -> None:
    profile = Profile(1, 2, 3, 4, 5, 6)
    sink.write(batch(event(time_us=1_005, rows=None, route="GET /"), event(time_us=1_000, error="E", profile=profile)))
    [record] = published.records
    assert (record.product, record.database, record.instance, record.event_id) == ("shop", "orders", "i", "i-1")
    assert record.time.timestamp() == 0.001
    assert record.catalog_hash == "hash 0"
    assert record.shapes == [QueryShape(fingerprint="f1", statement=SELECT.text, kind="select")]
    sent = SentProfile(
        rows_scanned=1, row_groups_scanned=2, row_groups_total=3, intermediate_bytes=4, peak_memory_bytes=5, cpu_us=6
    )
    assert record.events == [
        QueryEvent(shape=0, offset_us=5, latency_us=7, rows=-1, route="GET /"),
        QueryEvent(shape=0, offset_us=0, latency_us=7, rows=3, error="E", profile=sent),
    ]


def test_what_ran_up_to_a_change_of_structure_carries_the_old_hash(sink: KafkaSink, published: Published) -> None:
    sink.write(batch(event(), event(CREATE), event(CREATE), event(), event()))
    assert [(record.catalog_hash, len(record.events)) for record in published.records] == [("hash 0", 3), ("hash 1", 2)]
    sink.write(batch(event(CREATE)))
    sink.write(batch(event()))
    assert [record.catalog_hash for record in published.records[2:]] == ["hash 1", "hash 2"]


def test_runs_that_kafka_did_not_take_are_counted_in_the_next_record(sink: KafkaSink, published: Published) -> None:
    published.away = True
    sink.write(batch(event(), event(), dropped=5))
    sink.write(batch(event()))
    published.away = False
    sink.write(batch(event(), dropped=1))
    sink.write(batch(event()))
    assert [record.dropped for record in published.records] == [9, 0]


def test_records_are_unanswered_until_kafka_takes_or_refuses_them(sink: KafkaSink, published: Published) -> None:
    published.slow = True
    sink.write(batch(event()))
    sink.write(batch(event()))
    seen = [sink.unanswered]
    for done, error in zip(published.waiting, (None, "away"), strict=True):
        done(error)
        seen.append(sink.unanswered)
    assert seen == [2, 1, 0]


def test_a_batch_of_many_long_statements_is_split_to_fit(sink: KafkaSink, published: Published) -> None:
    long = [event(Statement(f"f{n}", f"SELECT {n} " + "x" * 200_000, "select")) for n in range(20)]
    sink.write(batch(*long, dropped=3))
    assert max(map(len, published.payloads)) <= LARGEST
    assert [shape.fingerprint for record in published.records for shape in record.shapes] == [
        f"f{n}" for n in range(20)
    ]
    assert [record.dropped for record in published.records] == [3, 0, 0, 0, 0, 0, 0, 0]
    assert len({record.event_id for record in published.records}) == len(published.records)


def test_a_statement_that_fits_in_no_record_is_counted(sink: KafkaSink, published: Published) -> None:
    sink.write(batch(event(Statement("f3", "x" * LARGEST, "select"))))
    sink.write(batch(event()))
    assert [record.dropped for record in published.records] == [1]


def test_half_a_character_does_not_cost_the_record(sink: KafkaSink, published: Published) -> None:
    sink.write(batch(event(Statement("f4", "SELECT '\ud800'", "select"), route="\udfff")))
    assert (published.records[0].shapes[0].statement, published.records[0].events[0].route) == ("SELECT '?'", "?")
