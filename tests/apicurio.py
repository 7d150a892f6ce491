"""A real Schema Registry (Apicurio, in its Confluent-compatible form) for the tests, its schemas in memory."""

import os
import socket
import tarfile
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import httpx

from inference import maven
from streams.broker import jvm

_ARCHIVE = Path(__file__).with_name("apicurio.sha256")
_START_S = 120


class SchemaRegistry:
    def __init__(self, process: jvm.Jvm, url: str) -> None:
        self.url = url
        """What a Confluent client takes as `url`."""
        self.stop = process.stop


def start(folder: Path) -> SchemaRegistry:
    """Starts it in `folder` and returns when it answers. Raises PartsMissing, BrokerError."""
    program = _unpacked()
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-XX:-UsePerfData"]
    listen = [f"-D{setting}.host=127.0.0.1" for setting in ("quarkus.http", "quarkus.management")]
    listen += [f"-Dquarkus.http.port={port}", "-Dquarkus.management.port=0"]
    with jvm.lock(folder) as held, ExitStack() as undo:
        process = jvm.Jvm(
            "Apicurio Registry",
            [*options, *listen, "-jar", str(program / "quarkus-run.jar")],
            folder,
            folder / "registry.log",
            held,
        )
        undo.callback(process.stop)
        registry = SchemaRegistry(process, f"http://127.0.0.1:{port}/apis/ccompat/v7")
        deadline = time.monotonic() + _START_S
        while not _answers(registry.url):
            process.check()
            if time.monotonic() > deadline:
                raise process.failure(f"does not answer within {_START_S} s")
            time.sleep(0.1)
        undo.pop_all()
    return registry


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/subjects").is_success
    except httpx.TransportError:
        return False


def _unpacked() -> Path:
    (archive,) = maven.fetch(_ARCHIVE, print)
    folder = maven.cache_folder() / archive.name.removesuffix(".tar.gz")
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=maven.cache_folder()) as half, tarfile.open(archive) as files:
            files.extractall(half + "/whole")  # noqa: S202 - its checksum is known
            try:
                os.rename(half + "/whole", folder)
            except OSError:  # another test run was faster
                if not folder.exists():
                    raise
    return folder
