"""Files of a Maven repository, pinned by a committed list and kept in the user's cache for all checkouts.

A list has the form of `sha256sum`; its paths are those of a Maven repository. Where the files come from is the
matter of jgo and its own configuration: its default repository, and those that `[repositories]` of jgo.conf adds.
"""

import fcntl
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from schemas.errors import BrokerError, PartsMissing

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

_ATTEMPTS = 3


def cache_folder() -> Path:
    """Where downloads are kept; every checkout of the user shares them."""
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        caches = Path(chosen)
    elif sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = Path.home() / ".cache"
    return caches / "duckdb-sidecar"


def fetch(listing: Path, progress: Callable[[str], None]) -> list[Path]:
    """The files that `listing` names, in its order; what the cache lacks is downloaded.

    Every file is checked against its sha256 on every call (a millisecond for each megabyte).

    Raises:
        PartsMissing: a file is not in the cache and cannot be downloaded.
        BrokerError: a file, cached or downloaded, has another sha256 than the list says.
    """
    repository = cache_folder() / "maven"
    pinned = [
        (PurePosixPath(path), digest)
        for digest, path in (line.split() for line in listing.read_text().splitlines() if line[0] != "#")
    ]
    if any(not (repository / path).exists() for path, _ in pinned):
        try:
            _download(pinned, repository, progress)
        except OSError as error:
            raise PartsMissing(f"the cache {repository} cannot be written: {error}") from error
    for path, digest in pinned:
        found = _sha256(repository / path)
        if found != digest:
            raise BrokerError(
                f"{repository / path} has sha256 {found} but {listing.name} says {digest}: it is not used. "
                "If you did not change it, its disk did; remove it, and it is downloaded again."
            )
    return [repository / path for path, _ in pinned]


def _download(pinned: list[tuple[PurePosixPath, str]], repository: Path, progress: Callable[[str], None]) -> None:
    repository.mkdir(parents=True, exist_ok=True)
    with (repository / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [(path, digest) for path, digest in pinned if not (repository / path).exists()]
        if missing:
            progress(f"downloading {len(missing)} files from the Maven repository into {repository}, once")
        for path, digest in missing:
            # jgo writes in place, so a file comes to its own name only when it is whole and the right one.
            with tempfile.TemporaryDirectory(dir=repository) as unchecked:
                file = _resolve(path, Path(unchecked))
                found = _sha256(file)
                if found != digest:
                    raise BrokerError(
                        f"the Maven repository gave {path} with sha256 {found}, expected {digest}: refused. "
                        "Look at what stands between: [repositories] in jgo.conf, a proxy."
                    )
                (repository / path).parent.mkdir(parents=True, exist_ok=True)
                file.replace(repository / path)


def _resolve(path: PurePosixPath, into: Path) -> Path:
    from jgo.config import GlobalSettings  # needed once for a machine, and as slow to load as DuckDB
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    repositories = {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}
    for attempt in range(_ATTEMPTS):
        context = MavenContext(repo_cache=into / str(attempt), remote_repos=repositories)
        try:
            return _artifact(context, path).resolve()
        except (OSError, RuntimeError) as error:  # what requests and jgo raise
            failure = error
    raise PartsMissing(f"{path.name} cannot be downloaded: {failure}") from failure


def _artifact(context: "MavenContext", path: PurePosixPath) -> "Artifact":
    *group, artifact, version, name = path.parts
    classifier, _, packaging = name.removeprefix(f"{artifact}-{version}").partition(".")
    component = context.project(".".join(group), artifact).at_version(version)
    return component.artifact(classifier.removeprefix("-"), packaging)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
