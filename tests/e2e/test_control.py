"""The control process on a real Kafka."""

from pathlib import Path

import pytest

from schemas.topics import ANALYSIS_REQUESTS, CATALOGS, DEAD_LETTERS, JOURNAL, PATTERNS, REQUESTS, SUGGESTIONS
from store import analyses, suggestions
from tests.conftest import Kafka
from tests.control_running import Topics, running
from tests.store_records import catalog, pattern, pattern_batch, request, suggestion, tables


@pytest.fixture
def topics(kafka: Kafka, topic_prefix: str) -> Topics:
    made = Topics(kafka.bootstrap_servers, topic_prefix)
    made.create()
    return made


def test_a_request_ends_as_an_analysis_request_with_catalog_and_shapes(topics: Topics, tmp_path: Path) -> None:
    with running(topics.settings(tmp_path / "store.duckdb")) as control:
        topics.send(CATALOGS, catalog())
        topics.send(PATTERNS, *(pattern_batch(n, pattern(n % 3)) for n in range(30)))
        control.applied(PATTERNS, 30)
        topics.send(REQUESTS, request())
        control.until(lambda tx: analyses.listed(tx))
    print(topics.read(JOURNAL))
    (asked,) = topics.read(ANALYSIS_REQUESTS)
    assert [(shape.fingerprint[-1], shape.count) for shape in asked.workload] == [("0", 10), ("1", 10), ("2", 10)]
