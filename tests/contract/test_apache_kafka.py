"""What only the real broker promises."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from schemas.errors import BrokerError
from streams.broker import Broker, apache, jvm

ROOT = Path(__file__).parents[2]
WAIT_S = 30
pytestmark = pytest.mark.usefixtures("kafka")  # it skips, or fails under CI, where the parts cannot be had


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kafka") / "a folder, ünusual: 100%"


@pytest.fixture(scope="module")
def own(data: Path) -> Iterator[apache.ApacheKafka]:
    with apache.start(data, progress=pytest.fail) as broker:  # all of it is there, so there is nothing to tell
        yield broker


def publish(bootstrap_servers: str, topic: str, *values: bytes) -> list[KafkaError | None]:
    """The delivery error of each value, None where the broker acknowledged it."""
    errors: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": bootstrap_servers, "acks": "all"})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(WAIT_S) == 0
    return errors


def read(bootstrap_servers: str, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "unused"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    messages = consumer.consume(count, WAIT_S)
    consumer.close()
    return [message.value() for message in messages]


def keep_checking(broker: Broker) -> NoReturn:
    while True:
        broker.check()


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_it_listens_on_loopback_alone(own: apache.ApacheKafka) -> None:
    connections = psutil.Process(own.pid).net_connections("inet")
    listening = [connection.laddr for connection in connections if connection.status == psutil.CONN_LISTEN]
    assert [address.ip for address in listening] == ["127.0.0.1", "127.0.0.1"]  # clients, controller
    assert int(own.bootstrap_servers.removeprefix("127.0.0.1:")) in [address.port for address in listening]


def test_a_second_start_on_the_folder_is_refused(own: apache.ApacheKafka, data: Path) -> None:
    with pytest.raises(BrokerError, match=rf"is in use by process {os.getpid()}: stop that one"):
        apache.start(data, progress=print)
    own.check()


def test_a_port_in_use_is_named(own: apache.ApacheKafka, tmp_path: Path) -> None:
    port = int(own.bootstrap_servers.removeprefix("127.0.0.1:"))
    with pytest.raises(BrokerError, match=f"port {port} of 127.0.0.1: Address already in use"):
        apache.start(tmp_path, port, progress=print)


def test_a_topic_is_not_made_by_using_it(own: apache.ApacheKafka) -> None:
    client = Producer({"bootstrap.servers": own.bootstrap_servers})
    assert client.list_topics("unknown", WAIT_S).topics["unknown"].error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert "unknown" not in client.list_topics(timeout=WAIT_S).topics


def test_a_session_timeout_of_a_second_is_accepted(own: apache.ApacheKafka) -> None:
    admin = AdminClient({"bootstrap.servers": own.bootstrap_servers})
    admin.create_topics([NewTopic("quick", 1, 1)])["quick"].result(WAIT_S)
    settings = {"bootstrap.servers": own.bootstrap_servers, "group.id": "quick", "session.timeout.ms": 1000}
    consumer = Consumer({**settings, "heartbeat.interval.ms": 300})
    consumer.subscribe(["quick"])
    while not consumer.assignment():
        assert consumer.poll(0.1) is None
    consumer.close()


def test_stop_and_kill_keep_topics_records_offsets_and_the_id(tmp_path: Path) -> None:
    with apache.start(tmp_path, progress=print) as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(WAIT_S)
        topic = admin.describe_topics(TopicCollection(["kept"]))["kept"].result(WAIT_S)
        cluster = admin.list_topics(timeout=WAIT_S).cluster_id
        assert publish(broker.bootstrap_servers, "kept", b"one", b"two") == [None, None]
        consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "group"})
        consumer.commit(offsets=[TopicPartition("kept", 0, 1)], asynchronous=False)
        consumer.close()

    with apache.start(tmp_path, progress=print) as broker:
        assert publish(broker.bootstrap_servers, "kept", b"three") == [None]
        os.kill(broker.pid, signal.SIGKILL)
        with pytest.raises(BrokerError, match=r"Apache Kafka ended \(exit code -9\)"):
            keep_checking(broker)

        with apache.start(tmp_path, progress=print) as broker:
            admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
            again = admin.describe_topics(TopicCollection(["kept"]))["kept"].result(WAIT_S)
            assert str(again.topic_id) == str(topic.topic_id)
            assert admin.list_topics(timeout=WAIT_S).cluster_id == cluster
            assert read(broker.bootstrap_servers, "kept", 3) == [b"one", b"two", b"three"]
            consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "group"})
            assert consumer.committed([TopicPartition("kept", 0)], WAIT_S)[0].offset == 1
            consumer.close()


def test_a_broker_that_does_not_stop_when_asked_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jvm, "_STOP_S", 0.1)
    with apache.start(tmp_path, progress=print) as broker:
        os.kill(broker.pid, signal.SIGSTOP)
    assert not runs(broker.pid)


START_IN_A_THREAD = """
import sys, threading
from pathlib import Path
from streams.broker import apache

def start():
    print(apache.start(Path(sys.argv[1]), progress=lambda _: None).pid, flush=True)

thread = threading.Thread(target=start)
thread.start()
thread.join()
print("the thread is gone", flush=True)
threading.Event().wait()
"""


def test_it_outlives_the_thread_that_started_it_but_not_the_process(tmp_path: Path) -> None:
    starter = [sys.executable, "-c", START_IN_A_THREAD, str(tmp_path)]
    with subprocess.Popen(starter, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        java = int(parent.stdout.readline())
        assert parent.stdout.readline() == "the thread is gone\n"
        assert runs(java)
        parent.kill()
    with (tmp_path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # waits for the last process that uses the folder
    late = time.monotonic() + WAIT_S
    while runs(java) and time.monotonic() < late:  # its files are closed a moment before it has ended
        time.sleep(0.01)
    assert not runs(java)


SERVE = """
import sys
from pathlib import Path
from streams.broker import embedded

embedded.serve(Path(sys.argv[1]), progress=lambda line: print(line, flush=True))
"""


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_terminal_stops_it_in_order(tmp_path: Path, asked: signal.Signals) -> None:
    serve = [sys.executable, "-c", SERVE, str(tmp_path)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True) as terminal:
        assert terminal.stdout is not None
        ready = next(line for line in terminal.stdout if line.startswith("bootstrap servers: "))
        host, port = ready.split()[-1].split(":")
        socket.create_connection((host, int(port))).close()
        (java,) = psutil.Process(terminal.pid).children()
        assert os.getsid(java.pid) != terminal.pid  # or it would be asked twice, and not in order
        os.killpg(terminal.pid, asked)
        assert terminal.stdout.read().endswith("stopped\n")
    assert terminal.returncode == 0
    assert (tmp_path / "logs" / ".kafka_cleanshutdown").exists()


def test_a_jar_that_is_not_the_listed_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = re.sub(r"^\w{64}(?=.*/kafka-clients)", "0" * 64, apache.JARS.read_text(), flags=re.MULTILINE)
    (tmp_path / "jars.sha256").write_text(listing)
    monkeypatch.setattr(apache, "JARS", tmp_path / "jars.sha256")
    with pytest.raises(BrokerError, match=r"kafka-clients-4.3.1.jar has sha256 \w{64} but jars.sha256 says 0{64}"):
        apache.start(tmp_path / "data", progress=print)
    assert not (tmp_path / "data").exists()


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\n")
    with pytest.raises(BrokerError) as failure:
        apache.start(tmp_path, progress=print)
    assert f"Apache Kafka ended (exit code 1). The end of {tmp_path}/kafka.log:\n" in str(failure.value)
    assert "Stored node id 7 doesn't match previous node id 1" in str(failure.value)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BrokerError, match=rf"{tmp_path}/file/kafka cannot be used: .*Not a directory"):
        apache.start(tmp_path / "file" / "kafka", progress=print)


def test_what_makes_starts_quick_is_made_once_and_a_start_without_it_is_slower_but_works(
    own: apache.ApacheKafka, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.check()
    assert "aot" not in (data / "kafka.log").read_text()

    def full(classes: Path, java: list[str]) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(apache, "_OPTIONS", [*apache._OPTIONS, "-Dof.another=release"])
    monkeypatch.setattr(apache, "_write_classes", full)
    told: list[str] = []
    with apache.start(tmp_path, progress=told.append) as broker:
        assert told == [
            "preparing Kafka for quick starts, once (15 s)",
            "Kafka starts slowly, since that failed: the disk is full",
        ]
        broker.check()
