"""A knowledge file and a Kafka that do not belong together are told apart at the start."""

from dataclasses import replace
from pathlib import Path

import pytest

from schemas.errors import StoreError
from schemas.records import Accepted, Position
from store import inputs
from store.inputs import Log
from store.knowledge import KnowledgeFile

LOGS = {("patterns", 0): Log("id", 0, 10), ("patterns", 1): Log("id", 3, 3), ("catalogs", 0): Log("other", 0, 5)}


@pytest.fixture
def file() -> KnowledgeFile:
    file = KnowledgeFile(Path(":memory:"))
    with file.transaction() as tx:
        inputs.check(tx, "cluster", LOGS, None)
        inputs.advance(tx, {("patterns", 0): 7, ("catalogs", 0): 5})
    return file


def test_a_new_file_reads_all_that_is_there(file: KnowledgeFile) -> None:
    with file.reading() as tx:
        assert inputs.positions(tx) == {("catalogs", 0): 5, ("patterns", 0): 7, ("patterns", 1): 3}


def test_a_new_partition_is_read_from_its_start(file: KnowledgeFile) -> None:
    with file.transaction() as tx:
        inputs.check(tx, "cluster", {**LOGS, ("patterns", 2): Log("id", 0, 0)}, {})
        assert inputs.positions(tx)["patterns", 2] == 0


@pytest.mark.parametrize(
    ("cluster", "log", "message"),
    [
        ("elsewhere", Log("id", 0, 10), "belongs to the Kafka cluster cluster, this one is elsewhere: set bootstrap_"),
        ("cluster", Log("anew", 0, 10), r"patterns was made anew \(its id was id, now it is anew\).*let it be rebuilt"),
        ("cluster", Log("id", 8, 10), "begins at offset 8, but the file has read only up to 7.*Keep records longer"),
        ("cluster", Log("id", 0, 6), "ends at offset 6, but the file has read up to 7: Kafka has lost records"),
    ],
)
def test_another_kafka_is_refused_with_what_to_do(file: KnowledgeFile, cluster: str, log: Log, message: str) -> None:
    with pytest.raises(StoreError, match=message), file.transaction() as tx:
        inputs.check(tx, cluster, {**LOGS, ("patterns", 0): log}, None)


def test_a_partition_that_is_gone_is_refused(file: KnowledgeFile) -> None:
    rest = {place: log for place, log in LOGS.items() if place != ("patterns", 0)}
    with pytest.raises(StoreError, match="are gone"), file.transaction() as tx:
        inputs.check(tx, "cluster", rest, None)


def test_a_rebuild_begins_where_the_journal_began() -> None:
    file = KnowledgeFile(Path(":memory:"))
    with file.transaction() as tx:
        inputs.check(tx, "cluster", LOGS, {("patterns", 0): 2, ("patterns", 1): 3})
        assert inputs.positions(tx) == {("catalogs", 0): 0, ("patterns", 0): 2, ("patterns", 1): 3}


def test_a_rebuild_without_the_records_that_the_journal_began_with_is_refused() -> None:
    file = KnowledgeFile(Path(":memory:"))
    short = {("patterns", 0): replace(LOGS["patterns", 0], low=5)}
    with pytest.raises(StoreError, match="the records before, from 1 on, are gone"), file.transaction() as tx:
        inputs.check(tx, "cluster", short, {("patterns", 0): 1})


def test_what_was_accepted_lies_between_two_settlements(file: KnowledgeFile) -> None:
    with file.transaction() as tx:
        assert inputs.accepted(tx) == [
            Accepted(topic="catalogs", topic_id="other", partition=0, first=0, last=4),
            Accepted(topic="patterns", topic_id="id", partition=0, first=0, last=6),
        ]
        settled = inputs.settled(tx)
        inputs.settle(tx, settled)
        assert inputs.accepted(tx) == []
        inputs.advance(tx, {("patterns", 0): 9})
        assert inputs.accepted(tx) == [Accepted(topic="patterns", topic_id="id", partition=0, first=7, last=8)]


def test_to_settle_never_goes_back(file: KnowledgeFile) -> None:
    with file.transaction() as tx:
        inputs.settle(tx, [Position(topic="patterns", topic_id="id", partition=0, offset=5)])
        assert inputs.positions(tx)["patterns", 0] == 7
        assert inputs.ahead_of(tx, [Position(topic="patterns", topic_id="id", partition=0, offset=5)])
        assert not inputs.ahead_of(tx, [Position(topic="patterns", topic_id="id", partition=0, offset=7)])
