import os
import re
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from hypothesis import settings

from schemas.errors import PartsMissing
from streams.broker import apache
from streams.broker.mock import MockKafka
from streams.broker.security import Security
from tests import apicurio
from tests.sharing import Stop, shared

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
# Threads of OpenMP wait by spinning: those of three workers of pytest would take the cores from one another.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
# Started in a shell's background or under nohup these are ignored, which every process of the tests would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@dataclass(frozen=True)
class Kafka:
    bootstrap_servers: str


@dataclass(frozen=True)
class SecuredKafka:
    bootstrap_servers: str
    security: Security


@dataclass(frozen=True)
class SchemaRegistry:
    url: str


Share = Callable[[str, Callable[[Path], tuple[str, Stop]]], str]

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
ROOM = 2**30
WAIT_S = 60


def run_kafka(folder: Path, security: Security | None = None) -> tuple[str, Stop]:
    """Its files lie in memory where there is room: it creates 80 partitions for each installation, each with a sync."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    with ExitStack() as undo:
        data = undo.enter_context(tempfile.TemporaryDirectory(dir=MEMORY if in_memory else folder.parent))
        broker = undo.enter_context(apache.start(Path(data), progress=print, security=security))
        return broker.bootstrap_servers, undo.pop_all().close


@pytest.fixture(scope="session")
def share(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Share:
    """Starts a service once for the run; where its parts cannot be had the test is skipped, under CI it fails."""

    def share(name: str, start: Callable[[Path], tuple[str, Stop]]) -> str:
        try:
            return shared(pytestconfig.add_cleanup, tmp_path_factory, name, start)
        except PartsMissing as missing:
            if os.environ.get("CI") == "true":
                pytest.fail(str(missing))
            pytest.skip(str(missing))

    return share


@pytest.fixture(scope="session")
def kafka(share: Share) -> Kafka:
    """A real Apache Kafka, one for the whole run: tests keep their topics and groups apart by `topic_prefix`."""
    return Kafka(share("kafka", run_kafka))


@pytest.fixture(scope="session")
def secured_kafka(share: Share) -> SecuredKafka:
    """A real Apache Kafka with passwords and ACLs; `alice` and `bob` may do nothing until they are granted it."""
    security = Security("secret-of-admin", {"alice": "secret-of-alice", "bob": "secret-of-bob"})
    return SecuredKafka(share("secured-kafka", partial(run_kafka, security=security)), security)


@pytest.fixture(scope="session")
def schema_registry(share: Share) -> SchemaRegistry:
    """A real Schema Registry, one for the whole run: tests keep their subjects apart by `topic_prefix`."""

    def start(folder: Path) -> tuple[str, Stop]:
        registry = apicurio.start(folder)
        return registry.url, registry.stop

    return SchemaRegistry(share("schema-registry", start))


@pytest.fixture
def mock_kafka() -> Iterator[MockKafka]:
    with MockKafka() as broker:
        yield broker


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> Iterator[str]:
    """A prefix of topics, groups and subjects that no other test has.

    Its topics on the shared broker go with the test: the heap of that one has room for those of 200 installations.
    """
    readable = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[:60].strip("-")
    prefix = f"{readable}-{uuid.uuid4().hex[:8]}."
    yield prefix
    if "kafka" in request.fixturenames:
        admin = AdminClient({"bootstrap.servers": request.getfixturevalue("kafka").bootstrap_servers})
        names = [name for name in admin.list_topics(timeout=WAIT_S).topics if name.startswith(prefix)]
        for deleted in admin.delete_topics(names).values() if names else ():
            deleted.result(WAIT_S)
