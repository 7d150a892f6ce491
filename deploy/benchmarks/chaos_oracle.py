"""What Kafka's topics and the product's own notes say happened, without a look into the knowledge file."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from schemas.codec import Codec
from schemas.definition import definition_hash
from schemas.records import CatalogSnapshot, Outcome, Record, Ruling
from schemas.render import Tables, by_name
from schemas.topics import CATALOGS, OUTCOMES, RULINGS

TOPICS = (RULINGS, OUTCOMES, CATALOGS)


class Seen:
    """Reads along in a thread of its own."""

    def __init__(self, servers: str) -> None:
        self.rulings: dict[str, list[Ruling]] = defaultdict(list)
        """By the approval or request that they answer."""
        self.outcomes: list[Outcome] = []
        self.tables: Tables = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, args=[servers], daemon=True)
        self._thread.start()

    def until(self, found: Callable[[], bool], wait_s: float) -> bool:
        """Whether it came within that."""
        late = threading.Event()
        timer = threading.Timer(wait_s, late.set)
        timer.start()
        while not found() and not late.is_set():
            if not self._thread.is_alive():
                raise SystemExit("the oracle reads no more")
            late.wait(0.05)
        timer.cancel()
        return found()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _read(self, servers: str) -> None:
        codec = Codec()
        consumer = Consumer({"bootstrap.servers": servers, "group.id": "oracle", "log_level": 0})
        places = [TopicPartition(one.name, part, OFFSET_BEGINNING) for one in TOPICS for part in range(one.partitions)]
        consumer.assign(places)
        while not self._stop.is_set():
            message = consumer.poll(0.2)
            if message is not None and message.error() is None and message.value() is not None:
                self._note(codec.decode(message.value()))
        consumer.close()

    def _note(self, record: Record) -> None:
        match record:
            case Ruling():
                self.rulings[record.approval_id].append(record)
            case Outcome():
                self.outcomes.append(record)
            case CatalogSnapshot():
                self.tables = by_name(record.tables)


@dataclass(slots=True)
class Judgement:
    approvals: int = 0
    lost_approvals: int = 0
    operations: int = 0
    doubled: int = 0
    rows: int = 0
    lost_rows: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        return not (self.lost_approvals or self.doubled or self.lost_rows or self.wrong)


def judge(
    seen: Seen, approvals: Sequence[str], wrong: Sequence[str], file: Path, notes: Path, base: Tables
) -> Judgement:
    """`approvals` are the ids of those that Kafka has acknowledged, `base` the tables as they were at first."""
    found = Judgement(approvals=len(approvals), wrong=list(wrong))
    found.lost_approvals = sum(sum(ruling.verdict != "waits" for ruling in seen.rulings[one]) != 1 for one in approvals)
    _operations(seen.outcomes, found)
    _rows(file, notes, base, found)
    return found


def _operations(outcomes: Sequence[Outcome], found: Judgement) -> None:
    """Of each suggestion what was done and what was taken back have to take turns, as it was told."""
    by_id: dict[str, Outcome] = {}
    for one in outcomes:
        if by_id.setdefault(one.operation_id, one).state != one.state:
            found.wrong.append(f"operation {one.operation_id} is {by_id[one.operation_id].state}, and {one.state}")
    found.operations = len(by_id)
    done: dict[str, list[Outcome]] = defaultdict(list)
    for one in by_id.values():
        if one.state == "stuck":
            found.wrong.append(f"operation {one.operation_id} is stuck: {one.reason}")
        elif one.state == "done":
            done[one.suggestion_id].append(one)
    for suggestion, listed in done.items():
        kinds = Counter(one.kind for one in listed)
        if not 0 <= kinds["apply"] - kinds["revert"] <= 1:
            found.doubled += 1
            found.wrong.append(f"{suggestion} was done {kinds['apply']} times, and taken back {kinds['revert']} times")


def _rows(file: Path, notes: Path, base: Tables, found: Judgement) -> None:
    from schemas.client.catalog import place_of, structure

    acknowledged = dict(line.split("=") for line in notes.read_text().split() if "=" in line)
    with duckdb.connect(file, read_only=True) as connection:
        rows = connection.execute("SELECT id, page FROM visits").fetchall()
        there = {str(identity): page for identity, page in rows}
        tables = by_name(structure(connection, place_of(connection).database))
    if len(there) != len(rows):
        found.wrong.append(f"{len(rows) - len(there)} rows are there twice")
    found.rows = len(acknowledged)
    found.lost_rows = sum(
        identity not in there or (page.startswith("q") and there[identity] != page)
        for identity, page in acknowledged.items()
    )
    for name in base.keys() | tables.keys():
        if definition_hash(base.get(name)) != definition_hash(tables.get(name)):
            found.wrong.append(f"{'.'.join(name)} is not as it was before")
