"""A steady load from outside, and the oracle: what Kafka acknowledged of it against what the knowledge file holds."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from schemas.codec import Codec
from schemas.records import (
    CatalogSnapshot,
    Column,
    Coverage,
    QueryEvent,
    QueryLogBatch,
    QueryShape,
    Record,
    Request,
    Table,
)
from schemas.topics import ANALYSIS_REQUESTS, CATALOGS, QUERY_LOG, REQUESTS, Topic, key_of

CODEC = Codec()
PRODUCT = "bench"
CATALOG = "c1"
DATABASES = [f"db-{number}" for number in range(8)]
STATEMENTS = [f"SELECT a FROM t{number} WHERE b = $1" for number in range(40)]
SHAPES, RUNS = 8, 50
"""Of one record."""
RECORDS_S = 20
REQUEST_EVERY = 20
"""Records of the query log between two requests for an analysis."""
FLUSH_S = 120

Shape = tuple[str, str]
"""Database and statement."""


class Load:
    """A thread that writes. What Kafka has acknowledged, and what it may or may not have, are counted apart."""

    def __init__(self, servers: str, seed: int) -> None:
        self._chance = random.Random(seed)
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": 0,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.runs: Counter[Shape] = Counter()
        self.latency_us: Counter[Shape] = Counter()
        self.unsure: Counter[Shape] = Counter()
        """Runs of records that the producer gave up: Kafka may have them."""
        self.records = 0
        self.requests = 0
        self.unsure_requests = 0

    def start(self) -> None:
        for database in DATABASES:
            self._send(CATALOGS, _catalog(database), lambda _: None)
        self._thread.start()

    def stop(self) -> None:
        """Returns when nothing is under way any more."""
        self._stop.set()
        self._thread.join()
        if left := self._producer.flush(FLUSH_S):
            raise SystemExit(f"Kafka has not acknowledged {left} records within {FLUSH_S} s")

    def _run(self) -> None:
        number = 0
        following = time.monotonic()
        while not self._stop.is_set():
            database = self._chance.choice(DATABASES)
            if number % REQUEST_EVERY == 0:
                self._send(REQUESTS, _request(database), self._requested)
            record, runs, latency_us = self._record(database)
            self._send(QUERY_LOG, record, lambda sure, tally=(runs, latency_us): self._logged(sure, *tally))
            number += 1
            following += 1 / RECORDS_S
            self._producer.poll(max(0.0, following - time.monotonic()))
            self._stop.wait(max(0.0, following - time.monotonic()))

    def _record(self, database: str) -> tuple[Record, Counter[Shape], Counter[Shape]]:
        statements = self._chance.sample(STATEMENTS, SHAPES)
        runs: Counter[Shape] = Counter()
        latencies: Counter[Shape] = Counter()
        events = []
        for n in range(RUNS):
            shape = self._chance.randrange(SHAPES)
            latency_us = round(self._chance.lognormvariate(8, 1))
            runs[database, statements[shape]] += 1
            latencies[database, statements[shape]] += latency_us
            events.append(QueryEvent(shape=shape, offset_us=n, latency_us=latency_us, rows=1))
        shapes = [QueryShape(fingerprint="", statement=text, kind="select") for text in statements]
        batch = QueryLogBatch(
            **_envelope(database),
            catalog_hash=CATALOG,
            duckdb_version="2.0.0",
            dropped=0,
            shapes=shapes,
            events=events,
        )
        return batch, runs, latencies

    def _send(self, topic: Topic, record: Record, acknowledged: Callable[[bool], None]) -> None:
        self._producer.produce(
            topic.name,
            CODEC.encode(record),
            key_of(record.product, record.database),
            on_delivery=lambda error, _: acknowledged(error is None),
        )

    def _logged(self, sure: bool, runs: Counter[Shape], latency_us: Counter[Shape]) -> None:
        if sure:
            self.records += 1
            self.runs.update(runs)
            self.latency_us.update(latency_us)
        else:
            self.unsure.update(runs)

    def _requested(self, sure: bool) -> None:
        self.requests += sure
        self.unsure_requests += not sure


def _envelope(database: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"product": PRODUCT, "database": database, "instance": "web-1", "event_id": str(now), "time": now}


def _request(database: str) -> Request:
    return Request(**_envelope(database), kind="analyse", body=b"{}", requested_by="bench")


def _catalog(database: str) -> CatalogSnapshot:
    column = Column(name="b", type="INTEGER", nullable=True)
    tables = [
        Table(schema_name="main", name=f"t{n}", kind="table", rows=10, bytes=100, row_groups=1, columns=[column])
        for n in range(len(STATEMENTS))
    ]
    return CatalogSnapshot(
        **_envelope(database),
        catalog_hash=CATALOG,
        duckdb_version="2.0.0",
        settings={},
        access_mode="read_write",
        file_id=database,
        file_bytes=1 << 20,
        instances=1,
        coverage=Coverage(),
        tables=tables,
    )


@dataclass
class Verdict:
    """Runs that Kafka acknowledged are rows; `wrong` says in words what else is not as it must be."""

    rows: int
    lost: int = 0
    doubled: int = 0
    requests: int = 0
    messages: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)


RUNS_BY_SHAPE = """
    SELECT database, pattern_data->>'statement', sum(runs)::BIGINT, sum(latency_us)::BIGINT, max(occurrence_count)
    FROM pattern_hours JOIN observed_patterns USING (pattern_id) JOIN patterns USING (pattern_id)
    GROUP BY ALL
"""
ANSWERS = """
    SELECT context->>'request', count(*) FROM agent_decisions WHERE context->>'request' IS NOT NULL GROUP BY ALL
"""


def judge(load: Load, path: Path, servers: str) -> Verdict:
    """The file must be closed and caught up with the topics."""
    with duckdb.connect(str(path), read_only=True) as connection:
        found = {(row[0], row[1]): row[2:] for row in connection.execute(RUNS_BY_SHAPE).fetchall()}
        answers = connection.execute(ANSWERS).fetchall()
        asked = {str(row[0]) for row in connection.execute("SELECT analysis_id FROM analyses").fetchall()}
    verdict = Verdict(load.runs.total(), requests=load.requests)
    for shape in sorted(load.runs.keys() | found.keys()):
        runs, latency_us, occurrences = found.get(shape, (0, 0, 0))
        verdict.lost += max(0, load.runs[shape] - runs)
        verdict.doubled += max(0, runs - load.runs[shape] - load.unsure[shape])
        if runs == load.runs[shape] and latency_us != load.latency_us[shape]:
            verdict.wrong.append(f"{shape}: {latency_us} us in all, not {load.latency_us[shape]}")
        if occurrences != runs:
            verdict.wrong.append(f"{shape}: {occurrences} runs over all time, but {runs} by the hour")
    twice = [place for place, times in answers if times > 1]
    if twice or not 0 <= len(answers) - load.requests <= load.unsure_requests:
        verdict.wrong.append(f"{load.requests} requests have {len(answers)} answers; several: {twice}")
    sent = Counter(record.analysis_id for record in read(ANALYSIS_REQUESTS, servers))
    verdict.messages = sent.total()
    if sent != Counter(asked):
        verdict.wrong.append(f"{len(asked)} analyses were asked for, {sent.total()} times: {sent - Counter(asked)}")
    return verdict


def logged(servers: str) -> Counter[Shape]:
    """Runs as the query log itself holds them, to tell whose loss it was."""
    runs: Counter[Shape] = Counter()
    for batch in read(QUERY_LOG, servers):
        statements = [shape.statement for shape in batch.shapes]
        runs.update((batch.database, statements[event.shape]) for event in batch.events)
    return runs


def read(topic: Topic, servers: str) -> list[Any]:
    """All records of a topic, to where its partitions end now."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "oracle", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic.name, partition, 0) for partition in range(topic.partitions)])
    found, left = [], topic.partitions
    while left:
        message: Message | None = consumer.poll(30)
        if message is None:
            raise SystemExit(f"{topic.name} cannot be read to its end")
        error = message.error()
        if error is None:
            found.append(CODEC.decode(message.value()))
        left -= error is not None and error.code() == KafkaError._PARTITION_EOF
    consumer.close()
    return found


def differences(one: Path, other: Path) -> list[str]:
    """Tables whose rows differ between two knowledge files."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{one}' AS one (READ_ONLY); ATTACH '{other}' AS other (READ_ONLY)")
        names = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'one'").fetchall()
        count = "SELECT count(*) FROM (FROM {}.{name} EXCEPT ALL FROM {}.{name})"
        wrong: Mapping[str, list[int]] = {
            name: [
                connection.execute(count.format(*pair, name=name)).fetchall()[0][0]
                for pair in (("one", "other"), ("other", "one"))
            ]
            for (name,) in names
        }
    return [f"{name}: {here} rows here, {there} there" for name, (here, there) in wrong.items() if here or there]
