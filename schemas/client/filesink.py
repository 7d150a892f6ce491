"""The query log as a file, without Kafka: JSON lines or Parquet.

Both have the same columns. A value that is not known is null.

=================== ========= =====================================================================
time                TIMESTAMP the call, UTC, microseconds
product, database   VARCHAR   as `instrument` was told
instance            VARCHAR   the process
fingerprint         VARCHAR   of the statement's shape
statement           VARCHAR   without its literals
kind                VARCHAR   select, insert, update, delete, ...
latency_us          BIGINT    inside DuckDB, from the call to the last row fetched
rows                BIGINT    fetched, or changed by a write
error               VARCHAR   class of the exception
route               VARCHAR   the caller's label
rows_scanned        BIGINT    work counters, on a sample:
row_groups_scanned  BIGINT
row_groups_total    BIGINT
intermediate_bytes  BIGINT
peak_memory_bytes   BIGINT
cpu_us              BIGINT
dropped             BIGINT    runs lost since the batch before, on the first row of a batch
=================== ========= =====================================================================

`queries.jsonl` is appended to, by several processes too. `queries.parquet` is a folder of parts, as Spark writes
it, since a Parquet file cannot be appended to: read it as `queries.parquet/*.parquet`. A part is closed by the
first batch after `PART_S` seconds or `PART_ROWS` rows, and at the end; until then, and after a crash, its rows lie
beside the others as JSON lines.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from uuid import uuid4

from .sink import Batch, Profile
from .watching import private_connection

PART_S = 60.0
PART_ROWS = 100_000

_COUNTERS = tuple(field.name for field in fields(Profile))
COLUMNS = {
    "time": "TIMESTAMP",
    **dict.fromkeys(("product", "database", "instance", "fingerprint", "statement", "kind"), "VARCHAR"),
    **dict.fromkeys(("latency_us", "rows"), "BIGINT"),
    **dict.fromkeys(("error", "route"), "VARCHAR"),
    **dict.fromkeys((*_COUNTERS, "dropped"), "BIGINT"),
}


def rows_of(batch: Batch) -> Iterator[dict[str, object]]:
    """In the order of `COLUMNS`."""
    dropped: int | None = batch.dropped or None
    for event in batch.events:
        called = datetime.fromtimestamp(event.time_us // 1_000_000, UTC).replace(microsecond=event.time_us % 1_000_000)
        yield {
            "time": called.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "product": batch.product,
            "database": batch.database,
            "instance": batch.instance,
            "fingerprint": event.statement.fingerprint,
            "statement": event.statement.text,
            "kind": event.statement.kind,
            "latency_us": event.latency_us,
            "rows": event.rows,
            "error": event.error,
            "route": event.route,
            **(dict.fromkeys(_COUNTERS) if event.profile is None else asdict(event.profile)),
            "dropped": dropped,
        }
        dropped = None


class JsonLines:
    def __init__(self, file: Path) -> None:
        """Raises OSError."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def write(self, batch: Batch) -> None:
        lines = [json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n" for row in rows_of(batch)]
        whole = "".join(lines).encode("utf-8", "replace")
        # one write of whole lines, so that those of several processes do not mix
        if os.write(self._descriptor, whole) < len(whole):
            raise OSError("there is no room left for the query log")

    def flush(self, timeout: float) -> bool:  # noqa: ARG002 - what is written has left the process
        return True

    def close(self) -> None:
        os.close(self._descriptor)


class ParquetParts:
    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lines: JsonLines | None = None
        self._file = folder
        self._rows = 0
        self._begun_s = 0.0

    def write(self, batch: Batch) -> None:
        if self._lines is None:
            # the name sorts by time and is no other process's
            self._file = self._folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid4().hex}.jsonl"
            self._lines = JsonLines(self._file)
            self._begun_s = monotonic()
        self._lines.write(batch)
        self._rows += len(batch.events)
        if self._rows >= PART_ROWS or monotonic() - self._begun_s >= PART_S:
            self._close_part()

    def flush(self, timeout: float) -> bool:  # noqa: ARG002 - writing a part takes as long as it takes
        self._close_part()
        return True

    def close(self) -> None:
        self._close_part()

    def _close_part(self) -> None:
        if self._lines is None:
            return
        self._lines.close()
        self._lines = None
        self._rows = 0
        part = self._file.with_suffix(".parquet")
        unfinished = self._file.with_suffix(".unfinished")
        columns = ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items())
        connection = private_connection()
        try:
            source = f"read_json({_quoted(self._file)}, format = 'newline_delimited', columns = {{{columns}}})"
            connection.execute(f"COPY (FROM {source}) TO {_quoted(unfinished)} (FORMAT parquet, COMPRESSION zstd)")
        finally:
            connection.close()
        unfinished.replace(part)
        self._file.unlink()


def _quoted(file: Path) -> str:
    return "'" + str(file).replace("'", "''") + "'"
