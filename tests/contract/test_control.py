"""The control process does the same on the mock broker as on the real one."""

from pathlib import Path

import pytest

from schemas.topics import ANALYSIS_REQUESTS, CATALOGS, DEAD_LETTERS, PATTERNS, REQUESTS, SUGGESTIONS, TOPICS
from store import analyses, outbox, suggestions
from tests.control_running import Topics, running
from tests.store_records import catalog, pattern, pattern_batch, request, suggestion


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
