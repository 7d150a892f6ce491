"""The control process on a real Kafka: what it decides goes out once, whatever ends it, and can be told again."""

import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.errors import Fenced, StoreError, TopicError
from schemas.records import PatternBatch
from schemas.topics import ANALYSIS_REQUESTS, CATALOGS, DEAD_LETTERS, JOURNAL, PATTERNS, REQUESTS, SUGGESTIONS, Topic
from store import analyses, databases, decisions, inputs, journal, outbox
from store.knowledge import KnowledgeFile
from streams import audit
from streams.catching_up import rebuild
from streams.control import Control
from streams.topic_admin import TopicAdmin
from tests.conftest import Kafka
from tests.control_running import CODEC, Process, Running, Topics, clock, running
from tests.store_records import catalog, pattern, pattern_batch, request, suggestion, tables

NEVER = threading.Event()


@pytest.fixture
def topics(kafka: Kafka, topic_prefix: str) -> Topics:
    made = Topics(kafka.bootstrap_servers, topic_prefix)
    made.create()
    return made


def batches(first: int, last: int) -> list[PatternBatch]:
    return [pattern_batch(n, pattern(n % 3, latencies=[n + 1])) for n in range(first, last)]


def rebuilt(topics: Topics, path: Path) -> dict[str, list[tuple[Any, ...]]]:
    rebuild(path, topics.config, topics.prefix, topics.prefix, CODEC, NEVER)
    return contents(path)


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    file = KnowledgeFile(path)
    with file.reading() as tx:
        found = tables(tx)
    file.close()
    return found


def test_a_request_ends_as_one_analysis_request_and_the_journal_tells_it(topics: Topics, tmp_path: Path) -> None:
    with running(topics.settings(tmp_path / "store.duckdb")) as control:
        topics.send(CATALOGS, catalog())
        topics.send(PATTERNS, *batches(0, 30))
        control.applied(PATTERNS, 30)
        topics.send(REQUESTS, request(body=b'{"text": "t1 is slow"}'), request(product="nobody"))
        control.until(lambda tx: len(decisions.listed(tx)) == 2)
        control.until(lambda tx: not outbox.pending(tx))
        control.until(lambda _: control.control.health.lag == 0 and not control.control.health.problem)
    (asked,) = topics.read(ANALYSIS_REQUESTS)
    assert [(shape.fingerprint[-1], shape.count) for shape in asked.workload] == [("2", 10), ("1", 10), ("0", 10)]
    assert (asked.catalog, asked.text) == (catalog(), "t1 is slow")
    entries = topics.read(JOURNAL)
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    told = [(decision.kind, decision.product) for entry in entries for decision in entry.decisions]
    assert sorted(told) == [("analyse", "sales"), ("refuse", "nobody")]
    # two requests may come in one turn or in two; the last entry has settled all, whichever it is
    kinds = ["decision" if entry.decisions else "checkpoint" for entry in entries[1:]]
    assert [entry.kind for entry in entries] == ["epoch", *kinds]
    assert entries[-1].sent == len(entries)
    taken = sum(place.last - place.first + 1 for entry in entries for place in entry.accepted)
    assert taken == 1 + 30 + 2
    assert topics.read(DEAD_LETTERS) == []


def test_a_rebuild_gives_the_same_tables_and_sends_nothing(topics: Topics, tmp_path: Path) -> None:
    for part in range(3):
        with running(topics.settings(tmp_path / "store.duckdb", checkpoint_s=0.1)) as control:
            topics.send(CATALOGS, catalog(catalog_hash=f"c{part}"))
            topics.send(PATTERNS, *batches(part * 20, part * 20 + 30), b"unreadable")  # ten come again each time
            topics.send(SUGGESTIONS, suggestion(part + 1), suggestion(part + 1, title="again"), partition=part)
            topics.send(REQUESTS, request(product="nobody"))
            control.applied(PATTERNS, (part + 1) * 31)
            control.until(lambda tx, n=part + 1: len(decisions.listed(tx)) == 2 * n)
            control.until(lambda tx: not outbox.pending(tx))
    sent = (len(topics.read(DEAD_LETTERS)), len(topics.read(ANALYSIS_REQUESTS)), len(topics.read(JOURNAL)))
    live = contents(tmp_path / "store.duckdb")
    assert rebuilt(topics, tmp_path / "rebuilt.duckdb") == live
    assert (len(topics.read(DEAD_LETTERS)), len(topics.read(ANALYSIS_REQUESTS)), len(topics.read(JOURNAL))) == sent
    assert sent[:2] == (3, 0)
    assert len(live["applied_sources"]) == 1
    assert live["databases"][0][4] == 70, "what came again was not counted again"


def test_a_rebuilt_file_goes_on_live(topics: Topics, tmp_path: Path) -> None:
    with running(topics.settings(tmp_path / "store.duckdb")) as control:
        topics.send(PATTERNS, *batches(0, 10))
        control.applied(PATTERNS, 10)
    rebuilt(topics, tmp_path / "rebuilt.duckdb")
    with running(topics.settings(tmp_path / "rebuilt.duckdb")) as control:
        topics.send(CATALOGS, catalog())
        topics.send(PATTERNS, *batches(10, 20))
        control.applied(CATALOGS, 1)
        control.applied(PATTERNS, 20)
        topics.send(REQUESTS, request())
        control.until(analyses.listed)
        control.until(lambda tx: not outbox.pending(tx))
    (asked,) = topics.read(ANALYSIS_REQUESTS)
    assert sum(shape.count for shape in asked.workload) == 20
    assert asked.epoch == 2


def test_a_rebuild_on_top_of_a_file_is_refused(topics: Topics, tmp_path: Path) -> None:
    (tmp_path / "store.duckdb").write_text("")
    with pytest.raises(StoreError, match="set the knowledge file aside first"):
        rebuild(tmp_path / "store.duckdb", topics.config, topics.prefix, topics.prefix, CODEC, NEVER)


def test_after_kills_nothing_is_lost_or_doubled_and_a_rebuild_agrees(topics: Topics, tmp_path: Path) -> None:
    settings = topics.settings(tmp_path / "store.duckdb", checkpoint_s=0.2)
    topics.send(CATALOGS, catalog())
    topics.send(PATTERNS, *batches(0, 20))
    with running(settings) as control:  # a request that comes before a catalog or any query is refused
        control.applied(CATALOGS, 1)
        control.applied(PATTERNS, 20)
    count = 20
    for _ in range(3):
        entries = topics.count(JOURNAL)
        process = Process(settings)
        while topics.count(JOURNAL) == entries:  # until it is live
            NEVER.wait(0.05)
        for _ in range(15):
            topics.send(PATTERNS, *batches(count, count + 20))
            topics.send(REQUESTS, request())
            count += 20
        process.kill()
    with running(settings) as control:
        control.applied(PATTERNS, count)
        control.until(lambda tx: inputs.positions(tx)["requests", 0] == 45)
        control.until(lambda tx: not tx.execute("FROM requests").fetchall() and not outbox.pending(tx))
    live = contents(tmp_path / "store.duckdb")
    assert live["databases"][0][4] == count
    assert sum(row[4] for row in live["pattern_hours"]) == count
    answered = [row for row in live["agent_decisions"] if row[2] == "analyse"]
    assert len(answered) == 45, "every request has one answer"
    asked = topics.read(ANALYSIS_REQUESTS)
    assert len(asked) == len({one.event_id for one in asked}) == len(live["analyses"]) == 1
    assert rebuilt(topics, tmp_path / "rebuilt.duckdb") == live


def test_what_was_decided_but_not_sent_is_sent_by_whoever_goes_on(topics: Topics, tmp_path: Path) -> None:
    with running(topics.settings(tmp_path / "store.duckdb")) as control:
        topics.send(CATALOGS, catalog())
        topics.send(PATTERNS, *batches(0, 5))
        control.applied(CATALOGS, 1)
        control.applied(PATTERNS, 5)
        topics.send(REQUESTS, request())
        control.until(analyses.listed)
        control.until(lambda tx: not outbox.pending(tx))
    (first,) = topics.read(ANALYSIS_REQUESTS)
    (message,) = [m for entry in topics.read(JOURNAL) for d in entry.decisions for m in d.messages]
    assert message.message_id == first.event_id

    # as if killed after the journal had it and before the topic did, and after the topic had it
    for lost, expected in ((True, 2), (False, 2)):
        file = KnowledgeFile(tmp_path / "store.duckdb")
        with file.transaction() as tx:
            again = message if not lost else message.model_copy(update={"message_id": "lost"})
            outbox.add(tx, journal.head(tx).sequence, [again], {(ANALYSIS_REQUESTS.name, n): 0 for n in range(8)})
        file.close()
        with running(topics.settings(tmp_path / "store.duckdb")) as control:
            control.until(lambda tx: not outbox.pending(tx))
        assert len(topics.read(ANALYSIS_REQUESTS)) == expected


def test_a_newer_control_process_fences_the_older_one(topics: Topics, tmp_path: Path) -> None:
    older = Running(Control(topics.settings(tmp_path / "older.duckdb"), CODEC, clock))
    topics.send(PATTERNS, *batches(0, 10))
    older.applied(PATTERNS, 10)
    with running(topics.settings(tmp_path / "newer.duckdb")) as newer:
        error = older.ended()
        assert isinstance(error, Fenced)
        assert "has taken over from this one, whose epoch was 0: stop one of them" in str(error)
        topics.send(PATTERNS, *batches(10, 20))
        newer.applied(PATTERNS, 20)
    # and back again: what the older one knew is still a part of the truth
    with running(topics.settings(tmp_path / "older.duckdb")) as older_again:
        older_again.applied(PATTERNS, 20)
    live = contents(tmp_path / "older.duckdb")
    assert live["databases"][0][4] == 20
    assert rebuilt(topics, tmp_path / "rebuilt.duckdb") == live
    assert audit.verify(topics.settings(tmp_path / "none"), CODEC, print, {})


def test_a_second_control_process_on_the_same_file_is_refused(topics: Topics, tmp_path: Path) -> None:
    settings = topics.settings(tmp_path / "store.duckdb")
    first = Process(settings)
    try:
        while not settings.store_path.exists():
            NEVER.wait(0.05)
        second = Running(Control(settings, CODEC, clock))
        error = second.ended()
    finally:
        first.stop()
    assert isinstance(error, StoreError)
    assert "another process has the knowledge file" in str(error)


def test_what_cannot_be_read_becomes_a_dead_letter_and_the_rest_goes_on(topics: Topics, tmp_path: Path) -> None:
    poisons: list[bytes] = [b"", b"\x00\x00\x00\x00\x07", b"\xff" * 900_000, CODEC.encode(catalog())]
    large = pattern_batch(1, pattern(statement="x" * 3_900_000))
    with running(topics.settings(tmp_path / "store.duckdb")) as control:
        topics.send(PATTERNS, pattern_batch(0, pattern()), *poisons, large)
        topics.send(REQUESTS, b"what")
        control.applied(PATTERNS, 6)
        control.applied(REQUESTS, 1)
        control.until(lambda tx: not outbox.pending(tx))
        with control.control.reading() as tx:
            assert databases.listed(tx)[0].runs == 2
    letters = topics.read(DEAD_LETTERS)
    by_place = {(one.source.topic.removeprefix(topics.prefix), one.source.offset): one for one in letters}
    assert {place: one.payload for place, one in by_place.items()} == {
        **{(PATTERNS.name, n): payload for n, payload in enumerate(poisons, start=1)},
        (REQUESTS.name, 0): b"what",
    }
    assert by_place[PATTERNS.name, 2].error == "UnknownSchema"
    assert {one.agent for one in letters} == {"control"}


def test_an_entry_that_was_slipped_in_is_found(topics: Topics, tmp_path: Path) -> None:
    with running(topics.settings(tmp_path / "store.duckdb")) as control:
        topics.send(PATTERNS, *batches(0, 3))
        control.applied(PATTERNS, 3)
    (*_, last) = topics.read(JOURNAL)
    topics.send(JOURNAL, last.model_copy(update={"sent": 7}))
    with pytest.raises(StoreError, match="the journal is damaged: the entry at offset 2"):
        audit.verify(topics.settings(tmp_path / "none"), CODEC, print, {})
    refused = Running(Control(topics.settings(tmp_path / "store.duckdb"), CODEC, clock))
    assert "the journal is damaged" in str(refused.ended())


def delete(topics: Topics, topic: Topic) -> str:
    """The id that it had; returns when it is seen to be gone."""
    admin, name = TopicAdmin(topics.config, topics.prefix, topics.prefix), topics.prefix + topic.name
    before = admin.topic_ids([name])[name]
    client = AdminClient(topics.config)
    client.delete_topics([name])[name].result(30)
    while not any(found.missing for found in admin.show()):
        pass
    return before


def test_a_topic_that_was_made_anew_is_refused_with_what_to_do(topics: Topics, tmp_path: Path) -> None:
    path, name = tmp_path / "store.duckdb", topics.prefix + PATTERNS.name
    with running(topics.settings(path)) as control:
        topics.send(PATTERNS, *batches(0, 3))
        control.applied(PATTERNS, 3)
    before = delete(topics, PATTERNS)
    assert isinstance(Running(Control(topics.settings(path), CODEC, clock)).ended(), TopicError)
    topics.create()
    topics.send(PATTERNS, *batches(0, 9))
    now = TopicAdmin(topics.config, topics.prefix, topics.prefix).topic_ids([name])[name]
    assert str(Running(Control(topics.settings(path), CODEC, clock)).ended()) == (
        f"patterns was made anew (its id was {before}, now it is {now}): what the file knows of it is not in it. "
        "Restore the topic, or set the file aside and let it be rebuilt"
    )
    assert contents(path)["databases"][0][4] == 3, "nothing of the new topic is mixed in"


def test_a_topic_that_is_made_anew_while_it_is_read_is_noticed(topics: Topics, tmp_path: Path) -> None:
    control = Running(Control(topics.settings(tmp_path / "store.duckdb"), CODEC, clock))
    topics.send(PATTERNS, *batches(0, 3))
    control.applied(PATTERNS, 3)
    admin = AdminClient(topics.config)
    name = topics.prefix + PATTERNS.name
    admin.delete_topics([name])[name].result(30)
    admin.create_topics([NewTopic(name, PATTERNS.partitions, 1)])[name].result(30)
    topics.send(PATTERNS, *batches(0, 9))  # its offset 3 is there too, and could be read on from
    assert "patterns was made anew" in str(control.ended())


def test_records_that_were_deleted_before_they_were_read_are_missed_loudly(topics: Topics, tmp_path: Path) -> None:
    with running(topics.settings(tmp_path / "store.duckdb")) as control:
        topics.send(PATTERNS, *batches(0, 3))
        control.applied(PATTERNS, 3)
    topics.send(PATTERNS, *batches(3, 9))
    place = TopicPartition(topics.prefix + PATTERNS.name, 0, 6)
    admin = AdminClient(topics.config)
    admin.delete_records([place])[place].result(30)
    refused = Running(Control(topics.settings(tmp_path / "store.duckdb"), CODEC, clock))
    assert "partition 0 of patterns begins at offset 6, but the file has read only up to 3" in str(refused.ended())
    with pytest.raises(StoreError, match="a rebuild would lack them"):
        rebuilt(topics, tmp_path / "rebuilt.duckdb")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from streams import control as at_work
from streams.control import Control, ControlSettings
from tests.control_running import CODEC, Running, clock
at_work.RETRY_S = (0.1,) * 100
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, servers, prefix = sys.argv[1:]
settings = ControlSettings(Path(path), {"bootstrap.servers": servers}, prefix, prefix)
control = Running(Control(settings, CODEC, clock))
runs = "SELECT coalesce(sum(runs), 0)::BIGINT FROM databases"
for line in sys.stdin:
    match line.split():
        case ["limit", size]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), resource.RLIM_INFINITY))
        case ["runs", count]:
            control.until(lambda tx: tx.execute(runs).fetchone() == (int(count),))
        case ["problem"]:
            control.until(lambda tx: "knowledge file" in control.control.health.problem)
    print("done", line, end="", flush=True)
control.stop()
sys.exit(control.result)
"""


def test_a_full_disk_stops_nothing_but_time(topics: Topics, tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    process = subprocess.Popen(
        [sys.executable, "-c", FULL_DISK, str(path), topics.config["bootstrap.servers"], topics.prefix],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout

    def tell(command: str) -> None:
        process.stdin.write(f"{command}\n")
        process.stdin.flush()
        while (line := process.stdout.readline()) != f"done {command}\n":
            assert line, process.stderr.read()

    topics.send(PATTERNS, *batches(0, 10))
    tell("runs 10")
    tell("limit 4096")
    topics.send(PATTERNS, *batches(10, 30))
    tell("problem")
    tell("runs 10")  # it can still be read
    tell(f"limit {resource.RLIM_INFINITY}")
    tell("runs 30")
    process.stdin.close()
    assert process.wait(30) == 0
    assert rebuilt(topics, tmp_path / "rebuilt.duckdb") == contents(path)
