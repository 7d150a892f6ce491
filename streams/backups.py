"""Backups of the knowledge file in their folder: made from an open file, listed, verified, put back, taken away."""

import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event as Signal

import duckdb

from schemas.errors import BackupError, StoreError
from store.backup_file import PART, Backup, opened, seal, standing, unsealed
from store.knowledge import KnowledgeFile, reading
from streams.backup_key import KeySource
from streams.placing import placed
from streams.seen import Progress

SUFFIX = ".backup"
FORGOTTEN_S = 86_400.0
"""After which a process that had begun one was killed."""


@dataclass(frozen=True, slots=True)
class BackupRules:
    """The newest `keep` stay, and all that are younger than as many intervals: who asks for many drives none out."""

    folder: Path
    key: KeySource
    interval: timedelta = timedelta(days=1)
    keep: int = 7


def make(file: KnowledgeFile, rules: BackupRules, key: bytes, at: datetime, stop: Signal) -> Backup:
    """Of the open file, while it is written on; then takes away what is not to be kept.

    For any thread, one at a time. Raises BackupError.
    """
    try:
        size, free = file.path.stat().st_size, shutil.disk_usage(file.path.parent).free
        if free < 2 * size:  # the control process must not find its disk full for it
            raise BackupError(f"a copy of {file.path} needs twice its {size:,} bytes beside it, and {free:,} are free")
        rules.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file.copied() as copy:
            with reading(copy) as tx:
                stands = standing(tx)
            name = f"{at:%Y%m%dT%H%M%S.%fZ}-{stands.sequence}{SUFFIX}"
            made = seal(copy, rules.folder / name, key, stands, at, stop)
        for one in superseded(listed(rules.folder)[0], made, rules):
            one.path.unlink(missing_ok=True)
        for part in rules.folder.glob(f".*{SUFFIX}{PART}"):
            if time.time() - part.stat().st_mtime > FORGOTTEN_S:
                part.unlink(missing_ok=True)
    except (OSError, duckdb.Error, StoreError) as error:  # what is wrong with a copy does not end who made it
        raise BackupError(f"a backup in {rules.folder} failed ({error}): look at its disk, and the store's") from error
    return made


def listed(folder: Path) -> tuple[list[Backup], list[BackupError]]:
    """The newest first, and what is wrong with files that are called backups. Nothing but their headers is read."""
    found: list[Backup] = []
    problems: list[BackupError] = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            found.append(opened(path))
        except BackupError as error:
            problems.append(error)
    return sorted(found, key=lambda one: (one.header.time, one.header.standing.sequence), reverse=True), problems


def superseded(backups: Iterable[Backup], made: Backup, rules: BackupRules) -> list[Backup]:
    """Of the same installation's, newest first, those that need not be kept after the one that was made."""

    def of(one: Backup) -> tuple[str, str]:
        return one.header.standing.cluster_id, one.header.standing.journal_id

    ours = [one for one in backups if of(one) == of(made)]
    old = made.header.time - rules.keep * rules.interval
    return [one for one in ours[rules.keep :] if one.header.time < old]


def chosen(folder: Path | None, name: Path | None) -> Path:
    """A file, or a name in the folder, or the newest there. Raises BackupError."""
    if name and (name.exists() or folder is None):
        return name
    if folder is None:
        raise BackupError("there is no folder of backups: name a backup's file, or set backup_folder")
    if name:
        return folder / name
    found, _ = listed(folder)
    if not found:
        raise BackupError(f"there is no backup in {folder}")
    return found[0].path


def told(backup: Backup) -> str:
    """In a line, for people."""
    return f"{backup.path}, as of sequence {backup.header.standing.sequence} of the journal"


def verify(path: Path, key: bytes) -> Backup:
    """Reads all of it. Raises BackupError."""
    for _ in unsealed(path, key):
        pass
    return opened(path)


def restore(path: Path, key: bytes, store: Path, cluster_id: str | None, progress: Progress) -> Backup:
    """Puts the knowledge file of a backup in its place, whole or not at all.

    Raises BackupError, also where it is of another Kafka than `cluster_id`; StoreError where there is a file already.
    To be called in the main thread: Ctrl-C ends it.
    """
    backup = opened(path)
    of = backup.header.standing.cluster_id
    if cluster_id is not None and of != cluster_id:
        raise BackupError(f"{path} is of the Kafka cluster {of}, this one is {cluster_id}: choose one of its own")
    with placed(store, Signal()) as made:
        progress(f"unsealing {path}")
        try:
            with made.open("wb") as into:
                for chunk in unsealed(path, key):
                    into.write(chunk)
                into.flush()
                os.fsync(into.fileno())
        except OSError as error:
            raise BackupError(f"nothing was put back to {store} ({error.strerror}): make room") from error
    return backup
