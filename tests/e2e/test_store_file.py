"""`sidecar store rebuild` and `verify` on a real Kafka."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import duckdb
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.errors import StoreError
from schemas.topics import CATALOGS, JOURNAL, PATTERNS, REQUESTS
from store import analyses, journal, outbox
from store.chain import Head
from store.knowledge import KnowledgeFile, reading
from streams.store_file import rebuild, verify
from tests.conftest import Kafka
from tests.control_running import CODEC, Process, Topics, running
from tests.store_records import catalog, pattern, pattern_batch, request, tables

WAIT_S = 60


@pytest.fixture
def topics(kafka: Kafka, topic_prefix: str) -> Topics:
    made = Topics(kafka.bootstrap_servers, topic_prefix)
    made.create()
    return made


@pytest.fixture
def file(topics: Topics, tmp_path: Path) -> Path:
    return made(topics, tmp_path / "data" / "store.duckdb")


@pytest.fixture(scope="module")
def settled(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> tuple[Topics, Path]:
    """For the tests that write nothing to the topics."""
    topics = Topics(kafka.bootstrap_servers, f"settled-{uuid.uuid4().hex[:8]}.")
    topics.create()
    return topics, made(topics, tmp_path_factory.mktemp("settled") / "store.duckdb")


@pytest.fixture
def settled_topics(settled: tuple[Topics, Path]) -> Topics:
    return settled[0]


@pytest.fixture
def copy(settled: tuple[Topics, Path], tmp_path: Path) -> Path:
    """Of the file that belongs to them."""
    path = tmp_path / "data" / "store.duckdb"
    path.parent.mkdir()
    return Path(shutil.copy(settled[1], path))


def made(topics: Topics, path: Path) -> Path:
    """The file of a control process that has decided something and has ended in order."""
    with running(topics.settings(path)) as control:
        topics.send(CATALOGS, catalog())
        topics.send(PATTERNS, *(pattern_batch(n, pattern(n % 3, latencies=[n + 1])) for n in range(30)))
        control.applied(PATTERNS, 30)
        topics.send(REQUESTS, request())
        control.until(lambda tx: analyses.listed(tx) and not outbox.pending(tx))
    return path


def verified(topics: Topics, path: Path, *, by_rebuild: bool = False) -> list[str]:
    told: list[str] = []
    verify(topics.settings(path), CODEC, told.append, by_rebuild=by_rebuild)
    return told


def head_of(path: Path) -> Head:
    with reading(path) as tx:
        return journal.head(tx)


def command(topics: Topics, path: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "store", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
            **os.environ,
            "SIDECAR_BOOTSTRAP_SERVERS": topics.config["bootstrap.servers"],
            "SIDECAR_TOPIC_PREFIX": topics.prefix,
            "SIDECAR_GROUP_PREFIX": topics.prefix,
            "SIDECAR_STORE_PATH": str(path),
        },
    )


def test_a_rebuilt_file_has_the_same_tables_and_nothing_lies_beside_it(settled_topics: Topics, copy: Path) -> None:
    with reading(copy) as tx:
        live = tables(tx)
    head = head_of(copy)
    anew = copy.with_name("anew.duckdb")
    process = command(settled_topics, anew, "rebuild")
    output, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, output
    assert output.splitlines()[-1] == f"{anew} is made: it stands at sequence {head.sequence} of the journal"
    with reading(anew) as tx:
        assert tables(tx) == live
    assert sorted(one.name for one in copy.parent.iterdir()) == ["anew.duckdb", "store.duckdb"]


def test_a_rebuild_where_a_file_is_says_what_to_do(settled_topics: Topics, copy: Path) -> None:
    before = copy.read_bytes()
    with pytest.raises(StoreError, match=f"set the knowledge file aside first \\(mv {copy} {copy}.old\\)"):
        rebuild(settled_topics.settings(copy), CODEC, print)
    assert copy.read_bytes() == before


def test_a_rebuild_that_is_ended_leaves_nothing(settled_topics: Topics, copy: Path) -> None:
    folder = copy.parent / "other"
    process = command(settled_topics, folder / "anew.duckdb", "rebuild")
    deadline = time.monotonic() + WAIT_S
    while not list(folder.glob(".anew.duckdb-*/*")) and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130, output
    assert list(folder.iterdir()) == []


def test_a_file_agrees_with_its_journal_and_with_a_rebuild(settled_topics: Topics, copy: Path) -> None:
    head = head_of(copy)
    assert head.sequence >= 3
    assert verified(settled_topics, copy, by_rebuild=True) == [
        "reading the journal from its first entry",
        f"the journal holds: sequence 1 to {head.sequence}, {head.hash[:12]}",
        "its last entry is not signed: with SIDECAR_OPERATION_KEY the control process signs each",
        f"the knowledge file agrees: it stands at sequence {head.sequence}, {head.hash[:12]}",
        "reading the topics",
        "a rebuild gives the same tables",
    ]
    assert [one.name for one in copy.parent.iterdir()] == ["store.duckdb"]


def test_an_older_file_agrees_but_cannot_be_compared_with_a_rebuild(topics: Topics, file: Path) -> None:
    older = file.with_name("older.duckdb")
    older.write_bytes(file.read_bytes())
    with running(topics.settings(file)) as control:
        control.until(lambda tx: journal.head(tx).sequence > head_of(older).sequence)
    assert f"it stands at sequence {head_of(older).sequence}," in verified(topics, older)[-1]
    with pytest.raises(StoreError, match="do not stand at the same place, so that a rebuild is no comparison"):
        verified(topics, older, by_rebuild=True)


def test_a_file_that_was_changed_is_found_by_a_rebuild(settled_topics: Topics, copy: Path) -> None:
    opened = KnowledgeFile(copy)
    with opened.transaction() as tx:
        tx.execute("UPDATE databases SET runs = runs + 1")
    opened.close()
    assert "the knowledge file agrees" in verified(settled_topics, copy)[-1]
    message = "a rebuild gives other tables: databases \\(1 in the file alone, 1 in the rebuild\\)"
    with pytest.raises(StoreError, match=message):
        verified(settled_topics, copy, by_rebuild=True)


@pytest.mark.parametrize("table", ["databases", "inputs"])
def test_a_table_that_the_file_lacks_is_found_by_a_rebuild(settled_topics: Topics, copy: Path, table: str) -> None:
    with duckdb.connect(copy) as connection:
        rows = len(connection.table(table).fetchall())
        connection.execute(f"DROP TABLE {table}")
    message = f"a rebuild gives other tables: {table} \\(no such table in the file alone, {rows} in the rebuild\\)"
    with pytest.raises(StoreError, match=message):
        verified(settled_topics, copy, by_rebuild=True)


def test_a_chain_that_was_changed_is_exit_code_1_with_the_first_sequence_that_does_not_hold(
    topics: Topics, file: Path
) -> None:
    (*_, last) = entries = topics.read(JOURNAL)
    topics.send(JOURNAL, last.model_copy(update={"sent": 7}))
    process = command(topics, file, "verify")
    output, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert output.splitlines()[-1].startswith(
        f"error sequence {last.sequence + 1} of the journal does not hold: the journal is damaged: "
        f"the entry at offset {len(entries)}"
    )


def test_a_chain_without_its_first_record_does_not_hold_from_there(topics: Topics, file: Path) -> None:
    place = TopicPartition(topics.prefix + JOURNAL.name, 0, 1)
    admin = AdminClient(topics.config)
    admin.delete_records([place])[place].result(WAIT_S)
    with pytest.raises(StoreError, match="sequence 1 of the journal does not hold: the journal holds the offsets 1 to"):
        verified(topics, file)


def test_what_is_no_entry_is_found(topics: Topics, file: Path) -> None:
    topics.send(JOURNAL, b"what")
    message = f"sequence {head_of(file).sequence + 1} of the journal does not hold: the journal is damaged: what is at"
    with pytest.raises(StoreError, match=message):
        verified(topics, file)


def test_while_a_control_process_runs_the_chain_alone_is_verified_and_that_is_said(topics: Topics, file: Path) -> None:
    entries = topics.count(JOURNAL)
    process = Process(topics.settings(file))
    try:
        while topics.count(JOURNAL) == entries:
            time.sleep(0.05)
        _, chain, _, last = verified(topics, file)
        with pytest.raises(StoreError, match="cannot be compared with a rebuild: another process has"):
            verified(topics, file, by_rebuild=True)
    finally:
        process.stop()
    assert chain.startswith("the journal holds: sequence 1 to ")
    assert last == (
        f"the knowledge file was not compared: another process has {file} open, most likely a control process: "
        "stop that and verify again"
    )


def test_without_a_file_the_chain_alone_is_verified_and_none_is_made(settled_topics: Topics, copy: Path) -> None:
    nowhere = copy.with_name("nowhere.duckdb")
    assert verified(settled_topics, nowhere)[-1] == f"the knowledge file was not compared: there is no {nowhere}"
    assert not nowhere.exists()


def test_a_file_that_is_no_knowledge_file_is_named(topics: Topics, tmp_path: Path) -> None:
    (tmp_path / "text.duckdb").write_text("what")
    with pytest.raises(StoreError, match="text.duckdb cannot be opened"):
        verified(topics, tmp_path / "text.duckdb")
    duckdb.connect(tmp_path / "other.duckdb").close()
    with pytest.raises(StoreError, match="other.duckdb is a DuckDB file, but no knowledge file: look at store_path"):
        verified(topics, tmp_path / "other.duckdb")


def test_an_empty_journal_holds(topics: Topics, tmp_path: Path) -> None:
    assert verified(topics, tmp_path / "store.duckdb")[1] == "the journal is empty"
