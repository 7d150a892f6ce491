"""The journal written out: an entry a line as it was hashed, and a table of its decisions to be queried."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event as Signal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.codec import Codec
from schemas.errors import InputError
from schemas.tokens import Key
from store.arrow import TIME
from store.chain import text
from store.heads import head_of
from store.knowledge import naive
from streams.audit import walk
from streams.control import ControlSettings
from streams.ending import ended_by_signals, folder_beside
from streams.journal import Link
from streams.seen import Progress, now_and_then

ENTRIES, TABLE, HEAD = "journal.jsonl", "journal.parquet", "head.json"
ROWS_AT_ONCE = 10_000
SCHEMA = pa.schema(
    [
        ("sequence", pa.int64()),
        ("time", TIME),
        ("kind", pa.string()),
        ("epoch", pa.int64()),
        ("instance", pa.string()),
        ("hash", pa.string()),
        ("previous_hash", pa.string()),
        ("signature", pa.string()),
        ("decision_id", pa.string()),
        ("decision", pa.string()),
        ("product", pa.string()),
        ("database", pa.string()),
        ("subject", pa.string()),
        ("by", pa.string()),
        ("reason", pa.string()),
        ("body", pa.string()),
    ]
)
SUBJECT = ("operation_id", "suggestion_id", "analysis_id", "request_id")
"""Of what a decision's body may name, the first is what it is about."""
BY = ("approver", "requested_by")
REASON = ("refused", "reason")


def export(
    settings: ControlSettings, codec: Codec, progress: Progress, keys: Mapping[str, Key], folder: Path
) -> Link | None:
    """Makes the folder with the three files, whole or not at all, and returns the last entry.

    Raises InputError where there is something already, StoreError for a journal that does not hold, BrokerError. To
    be called in the main thread: Ctrl-C ends it.
    """
    if folder.exists():
        raise InputError(f"there is {folder} already: name a folder that is to be made")
    with ended_by_signals(Signal()), folder_beside(folder) as beside:
        made = Path(beside) / folder.name
        try:
            made.mkdir()
            last = _write(walk(settings, codec, keys), made, now_and_then(progress))
            made.rename(folder)
        except OSError as error:
            raise InputError(f"{folder} cannot be made ({error.strerror}): name another one") from error
    return last


def rows(link: Link) -> Iterator[dict[str, Any]]:
    """A row for each decision of an entry, and one for an entry without any."""
    entry = link.entry
    shared = {name: getattr(entry, name) for name in ("sequence", "kind", "instance", "hash", "previous_hash")} | {
        "time": naive(entry.time),
        "epoch": link.after.epoch,
        "signature": entry.signature or None,
    }
    for decision in entry.decisions:
        body = json.loads(decision.body)
        yield shared | {
            "decision_id": decision.decision_id,
            "decision": decision.kind,
            "product": decision.product,
            "database": decision.database,
            "subject": _first(body, SUBJECT),
            "by": _first(body, BY),
            "reason": _first(body, REASON),
            "body": decision.body.decode(),
        }
    if not entry.decisions:
        yield shared


def _write(links: Iterator[Link], folder: Path, told: Progress) -> Link | None:
    last = None
    with (folder / ENTRIES).open("w", encoding="utf-8") as lines, pq.ParquetWriter(folder / TABLE, SCHEMA) as table:
        waiting: list[dict[str, Any]] = []
        for link in links:
            last = link
            lines.write(f"{text(link.entry)}\n")
            waiting += rows(link)
            if len(waiting) >= ROWS_AT_ONCE:
                table.write_table(pa.Table.from_pylist(waiting, SCHEMA))
                waiting.clear()
            told(f"{link.after.sequence:,} entries are written")
        table.write_table(pa.Table.from_pylist(waiting, SCHEMA))
    if last:
        (folder / HEAD).write_text(f"{head_of(last.entry).model_dump_json()}\n")
    return last


def _first(body: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((str(body[name]) for name in names if body.get(name)), None)
