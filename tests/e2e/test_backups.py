"""Backups of a control process at work on a real Kafka, and what a file that was put back becomes."""

import base64
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result

from schemas.topics import CATALOGS, JOURNAL, PATTERNS, REQUESTS, RULINGS
from store import analyses, decisions, journal, outbox
from store.comparing import differences
from store.knowledge import KnowledgeFile, reading
from streams.backup_key import KeySource
from streams.backups import BackupRules, listed, restore
from streams.catching_up import Follower
from streams.topic_admin import TopicAdmin
from tests.commands import commands
from tests.conftest import Kafka
from tests.control_running import CODEC, Topics, running
from tests.store_records import catalog, pattern, pattern_batch, request, tables
from tests.streams_process import StreamsProcess

KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def topics(kafka: Kafka, topic_prefix: str) -> Topics:
    made = Topics(kafka.bootstrap_servers, topic_prefix)
    made.create()
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store.duckdb"


@pytest.fixture
def sidecar(topics: Topics, path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    return commands(monkeypatch, topics, store_path=path, backup_folder=folder, backup_key=KEY)


def rules(folder: Path) -> BackupRules:
    return BackupRules(folder, KeySource(KEY), interval=timedelta(days=365))


def test_a_file_that_was_put_back_and_caught_up_is_the_live_one_and_goes_on(
    topics: Topics, path: Path, folder: Path, tmp_path: Path
) -> None:
    with running(topics.settings(path, backups=rules(folder))) as control:
        topics.send(CATALOGS, catalog())
        topics.send(PATTERNS, *(pattern_batch(n, pattern(n % 3, latencies=[n + 1])) for n in range(30)))
        control.applied(PATTERNS, 30)
        control.applied(CATALOGS, 1)
        control.until(lambda tx: decisions.last(tx, "backup"))  # the first is made without being asked for
        topics.send(REQUESTS, request(kind="backup", product="", database=""))
        control.until(lambda tx: len(decisions.listed(tx)) == 2 and not outbox.pending(tx))
        # what comes after the backups: an analysis, a refusal, more patterns, what cannot be read
        topics.send(REQUESTS, request(), request(product="nobody"))
        topics.send(PATTERNS, *(pattern_batch(n, pattern(n % 5)) for n in range(20, 50)), b"unreadable")
        control.applied(PATTERNS, 61)
        control.until(lambda tx: analyses.listed(tx) and len(decisions.listed(tx)) == 4)
        control.until(lambda tx: not outbox.pending(tx) and not tx.execute("FROM requests").fetchall())
    (answer,) = topics.read(RULINGS)
    newest, first = listed(folder)[0]
    assert (answer.approval_id, answer.verdict) == ("request-1", "made")
    assert answer.reason == f"{newest.path}, as of sequence {newest.header.standing.sequence} of the journal"
    told = [one for entry in topics.read(JOURNAL) for one in entry.decisions if one.kind == "backup"]
    assert [one.product for one in told] == ["", ""]

    cluster = TopicAdmin(topics.config, topics.prefix, topics.prefix).cluster_id()
    again = tmp_path / "again" / "store.duckdb"
    restore(first.path, bytes(range(32)), again, cluster, print)
    with reading(again) as tx, reading(path) as live:
        assert journal.head(tx).sequence == first.header.standing.sequence < journal.head(live).sequence
    follower = Follower(KnowledgeFile(again), topics.config, topics.prefix, topics.prefix, CODEC)
    with closing(follower.file), closing(follower):
        follower.catch_up(threading.Event())
    assert differences(path, again) == {}

    entries = topics.count(RULINGS)
    with running(topics.settings(again)) as control:
        topics.send(PATTERNS, pattern_batch(99, pattern(1)))
        control.applied(PATTERNS, 62)
    assert topics.count(RULINGS) == entries, "nothing is sent twice"


def test_the_commands_make_one_with_and_without_a_control_process_and_put_it_back(
    topics: Topics,
    path: Path,
    folder: Path,
    tmp_path: Path,
    sidecar: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = {"topic_prefix": topics.prefix, "group_prefix": topics.prefix, "store_path": path}
    servers = topics.config["bootstrap.servers"]
    with StreamsProcess(
        tmp_path, "control", bootstrap_servers=servers, backup_folder=folder, backup_key=KEY, **ours
    ) as process:  # fmt: skip
        monkeypatch.setenv("SIDECAR_API_URL", process.ready().waited("listening")["http"])
        monkeypatch.setenv("SIDECAR_DATA_FOLDER", str(tmp_path / "data"))
        while not listed(folder)[0]:
            threading.Event().wait(0.05)
        made = sidecar("backup", "create")
        assert process.end() == 0
    monkeypatch.delenv("SIDECAR_API_URL")
    newest = listed(folder)[0][0]
    said = f"as of sequence {newest.header.standing.sequence} of the journal"
    assert made.exit_code == 0, made.output
    assert made.output.splitlines()[-1] == f"made: {newest.path}, {said}"
    made = sidecar("backup", "create")
    assert (made.exit_code, len(listed(folder)[0])) == (0, 3), made.output
    newest = listed(folder)[0][0]
    assert newest.path.name in sidecar("backup", "list").output
    checked = sidecar("backup", "verify")
    said = f"as of sequence {newest.header.standing.sequence} of the journal"
    assert checked.output.splitlines() == [f"whole: {newest.path}, {said}"]
    refused = sidecar("backup", "restore")
    assert "since nothing is overwritten" in str(refused.exception)
    with reading(path) as tx:
        live = tables(tx)
    path.unlink()
    back = sidecar("backup", "restore", newest.path.name)
    assert back.exit_code == 0, back.output
    with reading(path) as tx:
        assert tables(tx) == live
