"""The control process does the same on the mock broker as on the real one."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.topics import (
    ANALYSIS_REQUESTS,
    APPROVALS,
    CATALOGS,
    DEAD_LETTERS,
    PATTERNS,
    REQUESTS,
    RULINGS,
    SUGGESTIONS,
    TOPICS,
)
from store import analyses, approvals, outbox, suggestions
from store.knowledge import KnowledgeFile
from streams.catching_up import rebuild
from tests.access import CLUSTER, INDEX, ORDERS, OTHER, Team, planned
from tests.control_running import CODEC, Topics, running
from tests.store_records import catalog, pattern, pattern_batch, request, suggestion, tables


@pytest.fixture(params=["mock", "apache"])
def topics(request: pytest.FixtureRequest, topic_prefix: str) -> Topics:
    if request.param == "apache":
        made = Topics(request.getfixturevalue("kafka").bootstrap_servers, topic_prefix)
        made.create()
        return made
    mock = request.getfixturevalue("mock_kafka")
    for topic in TOPICS:
        mock.create_topic(topic_prefix + topic.name, topic.partitions)
    return Topics(mock.bootstrap_servers, topic_prefix)


def test_evidence_and_a_request_in_an_analysis_request_out_and_its_suggestions_kept(
    topics: Topics, tmp_path: Path
) -> None:
    with running(topics.settings(tmp_path / "store.duckdb")) as control:
        topics.send(CATALOGS, catalog())
        topics.send(PATTERNS, *(pattern_batch(n, pattern(n % 3)) for n in range(30)), b"unreadable", partition=5)
        control.applied(PATTERNS, 31, partition=5)
        topics.send(REQUESTS, request())
        control.until(lambda tx: analyses.listed(tx) and not outbox.pending(tx))
        (asked,) = topics.read(ANALYSIS_REQUESTS)
        topics.send(SUGGESTIONS, suggestion(1, analysis_id=asked.analysis_id), partition=2)
        control.until(lambda tx: analyses.listed(tx)[0].through)
        with control.control.reading() as tx:
            (kept,) = suggestions.listed(tx, analysis_id=asked.analysis_id)
    assert [shape.count for shape in asked.workload] == [10, 10, 10]
    assert kept == suggestion(1, analysis_id=asked.analysis_id)
    (letter,) = topics.read(DEAD_LETTERS)
    assert (letter.payload, letter.source.partition, letter.source.offset) == (b"unreadable", 5, 30)


def test_a_restart_goes_on_where_it_was(topics: Topics, tmp_path: Path) -> None:
    for start in range(2):
        with running(topics.settings(tmp_path / "store.duckdb")) as control:
            topics.send(PATTERNS, *(pattern_batch(n, pattern()) for n in range(10 * start, 10 * start + 10)))
            control.applied(PATTERNS, 10 * start + 10)
            control.until(lambda tx: tx.execute("SELECT runs FROM databases").fetchone())
            with control.control.reading() as tx:
                assert tx.execute("SELECT runs FROM databases").fetchone() == (10 * start + 10,)


def test_approvals_are_judged_once_and_answered_and_a_rebuild_tells_the_same(topics: Topics, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    team = Team(tmp_path)
    index = planned(INDEX, time=now)
    rebuilding = planned(CLUSTER, time=now, suggestion_id="8a2c3b5e-0000-5000-8000-000000000000")
    settings = topics.settings(tmp_path / "store.duckdb", policy=team.file)
    with running(settings) as control:
        topics.send(CATALOGS, catalog(tables=[ORDERS, OTHER]))
        topics.send(APPROVALS, team.approval("bob", index, now, "early"), b"unreadable")
        control.applied(APPROVALS, 2)
        topics.send(SUGGESTIONS, index, rebuilding)
        control.until(lambda tx: len(approvals.listed(tx)) == 1)
    with running(settings) as control:
        topics.send(APPROVALS, team.approval("bob", rebuilding, now, "one"), team.approval("carol", index, now, "no"))
        control.until(lambda tx: len(approvals.listed(tx)) == 3 and not outbox.pending(tx))
    answers = {ruling.approval_id: (ruling.verdict, ruling.approver) for ruling in topics.read(RULINGS)}
    assert answers == {"early": ("complete", "bob"), "one": ("counted", "bob"), "no": ("refused", "")}
    (letter,) = topics.read(DEAD_LETTERS)
    assert (letter.payload, letter.source.offset) == (b"unreadable", 1)

    def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
        file = KnowledgeFile(path)
        with file.reading() as tx:
            found = tables(tx)
        file.close()
        return found

    rebuild(tmp_path / "again.duckdb", topics.config, topics.prefix, topics.prefix, CODEC, threading.Event())
    live, again = contents(tmp_path / "store.duckdb"), contents(tmp_path / "again.duckdb")
    assert len(live["rulings"]) == 3
    assert again == live
