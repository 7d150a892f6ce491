"""The knowledge file from outside of its control process: made anew from the topics, and verified."""

from contextlib import suppress
from pathlib import Path
from threading import Event as Signal

import duckdb

from schemas.codec import Codec
from schemas.errors import StoreError, StoreTaken
from store import inputs, journal
from store.chain import Head
from store.comparing import differences
from store.knowledge import reading
from streams import audit, catching_up
from streams.audit import Kept, trusted
from streams.consuming import patiently
from streams.control import ControlSettings
from streams.ending import ended_by_signals, folder_beside
from streams.placing import placed
from streams.seen import Progress, now_and_then


def rebuild(settings: ControlSettings, codec: Codec, progress: Progress) -> Head:
    """Makes the knowledge file from the topics, whole or not at all, and returns where it stands in the journal.

    Raises StoreError where there is a file already or the topics do not tell all, BrokerError. To be called in the
    main thread: Ctrl-C ends it.
    """
    stop = Signal()
    with placed(settings.store_path, stop) as made:
        return _made(settings, codec, made, stop, progress)


def verify(settings: ControlSettings, codec: Codec, progress: Progress, *, by_rebuild: bool) -> None:
    """The journal, as `audit.verify` does, and that the file agrees with it.

    Raises StoreError with the first sequence that does not hold, or where the file disagrees.
    """
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
    kept = Kept(head.sequence, head.hash, f"the knowledge file {path}") if head and head.sequence else None
    audit.verify(settings, codec, progress, trusted(settings.operation_key, None), kept)
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
    with ended_by_signals(stop), folder_beside(path) as folder:
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


def _made(settings: ControlSettings, codec: Codec, path: Path, stop: Signal, progress: Progress) -> Head:
    progress("reading the topics")
    told = now_and_then(progress)

    def make() -> Head:
        for left in (path, path.with_name(f"{path.name}.wal")):  # by the attempt before
            left.unlink(missing_ok=True)
        return catching_up.rebuild(
            path, settings.kafka, settings.topic_prefix, settings.group_prefix, codec, stop,
            lambda sequence, applied: told(f"{applied:,} records, up to sequence {sequence} of the journal"),
        )  # fmt: skip

    return patiently(make)
