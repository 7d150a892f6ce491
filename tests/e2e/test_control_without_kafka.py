"""Kafka goes away and comes back: the control process waits, and nothing is lost or doubled."""

import os
import signal
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from schemas.topics import ANALYSIS_REQUESTS, CATALOGS, DEAD_LETTERS, PATTERNS, REQUESTS
from store import analyses, databases, outbox
from streams import journal, topic_admin
from streams.broker import apache
from streams.control import Control
from tests.control_running import CODEC, Running, Topics, clock
from tests.store_records import catalog, pattern, pattern_batch, request

NEVER = threading.Event()


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.usefixtures("kafka")  # where a real one cannot be had, this is skipped as the rest is
def test_a_kafka_that_is_away_frozen_and_killed_stops_nothing_but_time(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = Topics(f"127.0.0.1:{port}", "")
    with ExitStack() as stack:
        broker = stack.enter_context(apache.start(tmp_path / "kafka", port, progress=print))
        topics.create()
        topics.send(CATALOGS, catalog())
        topics.send(PATTERNS, *(pattern_batch(n, pattern()) for n in range(10)))
        stack.pop_all().close()

        with monkeypatch.context() as quick:
            quick.setattr(topic_admin, "TIMEOUT_S", 1)
            control = Running(Control(topics.settings(tmp_path / "store.duckdb"), CODEC, clock))
            while "Kafka" not in control.control.health.problem:
                NEVER.wait(0.05)
        broker = stack.enter_context(apache.start(tmp_path / "kafka", port, progress=print))
        control.applied(PATTERNS, 10)

        # frozen while a decision is on its way into the journal, or the message of it into its topic
        topics.send(REQUESTS, request())
        os.kill(broker.pid, signal.SIGSTOP)
        NEVER.wait(2)
        os.kill(broker.pid, signal.SIGCONT)
        control.until(lambda tx: analyses.listed(tx) and not outbox.pending(tx))

        topics.send(PATTERNS, *(pattern_batch(n, pattern()) for n in range(10, 15)), b"unreadable")
        os.kill(broker.pid, signal.SIGKILL)
        broker.stop()
        broker = stack.enter_context(apache.start(tmp_path / "kafka", port, progress=print))
        topics.send(PATTERNS, *(pattern_batch(n, pattern()) for n in range(15, 20)))
        control.applied(PATTERNS, 21)
        control.until(lambda tx: not outbox.pending(tx))
        with control.control.reading() as tx:
            assert databases.listed(tx)[0].runs == 20
        assert len(topics.read(ANALYSIS_REQUESTS)) == 1
        assert len(topics.read(DEAD_LETTERS)) == 1
    monkeypatch.setattr(journal, "LAST_WORD_S", 1)
    control.stop()  # also while it is away
    assert control.result is None
