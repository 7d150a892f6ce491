"""The knowledge file from outside of its control process: made anew from the topics, and verified."""

import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event as Signal

import duckdb
from confluent_kafka import KafkaError, KafkaException

from schemas.codec import Codec
from schemas.errors import BrokerError, StoreError, StoreTaken
from schemas.topics import JOURNAL
from store import inputs, journal
from store.chain import Head
from store.comparing import differences
from store.knowledge import reading
from streams import catching_up
from streams.catching_up import ROLE, Told, check_nothing_at
from streams.control import ControlSettings
from streams.ending import ended_by_signals
from streams.journal import verify as verify_chain
from streams.seen import Progress
from streams.topic_admin import NEEDS_GROUP, TopicAdmin

TELL_EVERY_S = 2.0
AGAIN_S = (0.5, 1.0, 2.0)
NO_LEADER = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)


def rebuild(settings: ControlSettings, codec: Codec, progress: Progress) -> Head:
    """Makes the knowledge file from the topics, whole or not at all, and returns where it stands in the journal.

    Raises StoreError where there is a file already or the topics do not tell all, BrokerError. To be called in the
    main thread: Ctrl-C ends it.
    """
    path = settings.store_path
    check_nothing_at(path)
    stop = Signal()
    with ended_by_signals(stop), _folder_beside(path) as folder:
        made = Path(folder) / path.name
        head = _made(settings, codec, made, stop, progress)
        if made.with_name(f"{made.name}.wal").exists():
            raise StoreError(f"the last of it could not be written to {path.parent}: make room and try again")
        try:
            check_nothing_at(path)
        except StoreError as error:
            raise StoreError(f"meanwhile another process was here, such as a control process: {error}") from error
        made.rename(path)
    return head


def verify(settings: ControlSettings, codec: Codec, progress: Progress, *, by_rebuild: bool) -> None:
    """Raises StoreError with the first sequence of the journal that does not hold, or where the file disagrees."""
    path = settings.store_path
    head, missing = None, f"there is no {path}"
    if path.exists():
        try:
            with reading(path) as tx:
                head = journal.head(tx)
        except StoreTaken:
            missing = f"another process has {path} open, most likely a control process: stop that and verify again"
        except duckdb.CatalogException as error:
            raise StoreError(f"{path} is a DuckDB file, but no knowledge file: look at store_path") from error
    progress("reading the journal from its first entry")
    group = settings.group_prefix + NEEDS_GROUP[ROLE]
    TopicAdmin(settings.kafka, settings.topic_prefix, settings.group_prefix).topic_ids(
        [settings.topic_prefix + JOURNAL.name]  # it says well that the topic is missing, or Kafka
    )
    end = _patiently(lambda: verify_chain(settings.kafka, settings.topic_prefix, group, codec, head))
    progress(
        f"the journal holds: sequence 1 to {end.sequence}, {end.hash[:12]}" if end.sequence else "the journal is empty"
    )
    if head is None:
        if by_rebuild:
            raise StoreError(f"the knowledge file cannot be compared with a rebuild: {missing}")
        progress(f"the knowledge file was not compared: {missing}")
        return
    progress(f"the knowledge file agrees: it stands at sequence {head.sequence}, {head.hash[:12]}")
    if by_rebuild:
        _compare(settings, codec, progress)


def _compare(settings: ControlSettings, codec: Codec, progress: Progress) -> None:
    path = settings.store_path
    stop = Signal()
    with ended_by_signals(stop), _folder_beside(path) as folder:
        made = Path(folder) / path.name
        _made(settings, codec, made, stop, progress)
        # without the table that tells where it stands, the comparison tells which one it lacks
        with suppress(duckdb.CatalogException), reading(path) as live, reading(made) as anew:
            if journal.head(live) != journal.head(anew) or inputs.positions(live) != inputs.positions(anew):
                raise StoreError(
                    "the knowledge file and the journal do not stand at the same place, so that a rebuild is no "
                    "comparison: start the control process, end it in order, and verify again"
                )
        found = differences(path, made)
    if found:
        rows = ", ".join(
            f"{table} ({_rows(one)} in the file alone, {_rows(other)} in the rebuild)"
            for table, (one, other) in found.items()
        )
        raise StoreError(f"a rebuild gives other tables: {rows}. Set the file aside and rebuild it")
    progress("a rebuild gives the same tables")


def _rows(count: int | None) -> str:
    return "no such table" if count is None else str(count)


def _folder_beside(path: Path) -> "tempfile.TemporaryDirectory[str]":
    """On the disk of the file, so that what is made there only has to be renamed. Raises StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=f".{path.name}-rebuild-", dir=path.parent)
    except OSError as error:
        raise StoreError(f"nothing can be written to {path.parent} ({error.strerror}): look at its rights") from error


def _made(settings: ControlSettings, codec: Codec, path: Path, stop: Signal, progress: Progress) -> Head:
    progress("reading the topics")
    told = _now_and_then(progress)

    def make() -> Head:
        for left in (path, path.with_name(f"{path.name}.wal")):  # by the attempt before
            left.unlink(missing_ok=True)
        return catching_up.rebuild(
            path, settings.kafka, settings.topic_prefix, settings.group_prefix, codec, stop, told
        )

    return _patiently(make)


def _now_and_then(progress: Progress) -> Told:
    last_s = time.monotonic()

    def told(sequence: int, applied: int) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= TELL_EVERY_S:
            last_s = time.monotonic()
            progress(f"{applied:,} records, up to sequence {sequence} of the journal")

    return told


def _patiently(work: Callable[[], Head]) -> Head:
    """Tries again where a partition is just getting its leader, as after Kafka's start. Raises BrokerError."""
    waits_s = list(AGAIN_S)
    while True:
        try:
            return work()
        except KafkaException as error:
            reason = error.args[0]
            if not waits_s or reason.code() not in NO_LEADER:
                raise BrokerError(f"Kafka does not answer: {reason.str()}") from error
        time.sleep(waits_s.pop(0))
