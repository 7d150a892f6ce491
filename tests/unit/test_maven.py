import hashlib
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inference import maven
from schemas.errors import BrokerError, PartsMissing

JAR = "org/example/some/thing/1.0/thing-1.0.jar"
ARCHIVE = "org/example/some/thing/1.0/thing-1.0-all.tar.gz"
CONTENT = {JAR: b"a jar", ARCHIVE: b"an archive"}


class Repository(ThreadingHTTPServer):
    """A Maven repository on loopback, and what was asked of it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files = dict(CONTENT)
        self.asked: list[str] = []
        self.refusals = 0
        """How many requests it still refuses."""


class Answer(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        path = self.path.removeprefix("/")
        if not path.endswith(".sha1"):
            self.server.asked.append(path)
        content = self.server.files.get(path)
        if self.server.refusals:
            self.server.refusals -= 1
            self.send_error(503)
        elif content is None:
            self.send_error(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keeps the console of the tests clean."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """The only repository that jgo is told of; the cache is empty."""
    with Repository() as server:
        (tmp_path / "jgo.conf").write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    lines = [f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in CONTENT.items()]
    (tmp_path / "list.sha256").write_text("# a comment\n" + "".join(lines))
    return tmp_path / "list.sha256"


def test_files_are_downloaded_once_and_kept(repository: Repository, listing: Path) -> None:
    said: list[str] = []
    kept = maven.cache_folder() / "maven"
    assert maven.fetch(listing, said.append) == [kept / JAR, kept / ARCHIVE]
    assert maven.fetch(listing, said.append) == [kept / JAR, kept / ARCHIVE]
    assert [(kept / path).read_bytes() for path in CONTENT] == list(CONTENT.values())
    assert repository.asked == [JAR, ARCHIVE]
    assert said == [f"downloading 2 files from the Maven repository into {kept}, once"]


def test_starts_at_the_same_time_download_once(repository: Repository, listing: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: maven.fetch(listing, lambda _: None), range(4)))
    assert found == [found[0]] * 4
    assert repository.asked == [JAR, ARCHIVE]


def test_a_download_with_another_sha256_is_refused_and_not_kept(repository: Repository, listing: Path) -> None:
    repository.files[JAR] = b"another jar"
    with pytest.raises(BrokerError, match=rf"the Maven repository gave {JAR} with sha256 \w{{64}}, expected"):
        maven.fetch(listing, print)
    assert not (maven.cache_folder() / "maven" / JAR).exists()


def test_a_kept_file_that_changed_is_refused(repository: Repository, listing: Path) -> None:
    jar, _ = maven.fetch(listing, print)
    jar.write_bytes(b"another jar")
    with pytest.raises(BrokerError, match=rf"{jar} has sha256 \w{{64}} but list.sha256 says .* remove it"):
        maven.fetch(listing, print)


def test_a_repository_that_stumbles_is_asked_again(repository: Repository, listing: Path) -> None:
    repository.refusals = 2
    maven.fetch(listing, print)
    assert repository.asked == [JAR, JAR, JAR, ARCHIVE]


def test_a_file_that_nobody_has_is_named(repository: Repository, listing: Path) -> None:
    del repository.files[ARCHIVE]
    with pytest.raises(PartsMissing, match=r"thing-1.0-all.tar.gz cannot be downloaded: .* not found"):
        maven.fetch(listing, print)


def test_without_a_network_the_parts_are_missing(
    tmp_path: Path, listing: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jgo.conf").write_text("[repositories]\ncentral = http://127.0.0.1:1\n")
    with pytest.raises(PartsMissing, match=r"thing-1.0.jar cannot be downloaded: .*Connection refused"):
        maven.fetch(listing, print)


@pytest.mark.parametrize(
    ("platform", "chosen", "folder"),
    [
        ("linux", "", "home/.cache/duckdb-sidecar"),
        ("linux", "chosen", "chosen/duckdb-sidecar"),
        ("darwin", "", "home/Library/Caches/duckdb-sidecar"),
        ("darwin", "chosen", "chosen/duckdb-sidecar"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, chosen: str, folder: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / chosen) if chosen else "")
    assert maven.cache_folder() == tmp_path / folder
