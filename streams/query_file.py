"""A log of queries in a file, as the workload of an analysis without Kafka.

SQL text (a statement as often as it stands there), or CSV, JSON lines or Parquet with a column `statement`
(also `query` or `sql`) and, where they are known, `frequency` (also `count` or `calls`), `latency_us` (or
`latency_ms`), `rows`, `route`, `error_class`, `time` and `parameters` (a list or an object, in CSV its JSON). What a
client's `sink=FILE` wrote is such a file, or a folder of them.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from schemas.errors import InputError
from schemas.fingerprint import Shape, shape
from schemas.records import WorkloadShape
from store.sketch import quantile, sketch

READERS = {
    ".csv": "read_csv(?, all_varchar = true, header = true)",
    ".tsv": "read_csv(?, all_varchar = true, header = true)",
    ".json": "read_json_auto(?, sample_size = -1)",
    ".jsonl": "read_json_auto(?, format = 'newline_delimited', sample_size = -1)",
    ".ndjson": "read_json_auto(?, format = 'newline_delimited', sample_size = -1)",
    ".parquet": "read_parquet(?)",
}
NAMES = {
    "statement": ("statement", "query", "sql"),
    "frequency": ("frequency", "count", "calls"),
    "latency_us": ("latency_us",),
    "latency_ms": ("latency_ms",),
    "rows": ("rows",),
    "route": ("route",),
    "error": ("error_class", "error"),
    "time": ("time", "timestamp"),
    "product": ("product",),
    "dropped": ("dropped",),
    "parameters": ("parameters",),
}
ONE_DAY = timedelta(days=1)
EXEMPLARS = 5


@dataclass(frozen=True, slots=True)
class QueryFile:
    """Of a shape whose latency the log does not tell `total_us` is 0. A log without times counts as one day's.

    `exemplars` are literals and files by fingerprint, empty where the log holds stripped statements; `product` is
    empty where the log names none.
    """

    workload: list[WorkloadShape]
    exemplars: dict[str, list[Shape]]
    start: datetime
    end: datetime
    runs: int
    dropped: int
    product: str


@dataclass(slots=True)
class _Run:
    statement: str
    frequency: int = 1
    latency_us: int | None = None
    rows: int = 0
    route: str | None = None
    error: str | None = None
    time: datetime | None = None
    product: str = ""
    dropped: int = 0
    parameters: list[Any] | dict[str, Any] | None = None


@dataclass(slots=True)
class _Sums:
    first: Shape
    count: int = 0
    errors: int = 0
    rows: int = 0
    latencies_us: list[int] = field(default_factory=list)
    total_us: int = 0
    routes: dict[str, int] = field(default_factory=dict)
    exemplars: list[Shape] = field(default_factory=list)

    def add(self, of: Shape, run: _Run) -> None:
        self.count += run.frequency
        self.rows += run.rows * run.frequency
        self.errors += run.frequency if run.error else 0
        if run.latency_us is not None:
            self.latencies_us.append(run.latency_us)
            self.total_us += run.latency_us * run.frequency
        if run.route:
            self.routes[run.route] = self.routes.get(run.route, 0) + run.frequency
        if of.literals is not None and len(self.exemplars) < EXEMPLARS and of not in self.exemplars:
            self.exemplars.append(of)

    def record(self) -> WorkloadShape:
        latency = sketch(self.latencies_us)
        return WorkloadShape(
            fingerprint=self.first.id,
            statement=self.first.text,
            kind=self.first.kind,
            count=self.count,
            errors=self.errors,
            rows=self.rows,
            total_us=self.total_us,
            p50_us=quantile(latency, 0.5),
            p95_us=quantile(latency, 0.95),
            routes=self.routes,
        )


def read(file: Path, salt: bytes = b"") -> QueryFile:
    """The log's shapes, most frequent first. Raises InputError for a file that is no log, saying what is missing."""
    shapes: dict[str, _Sums] = {}
    times: list[datetime] = []
    runs = dropped = 0
    product = ""
    for run in _runs(file):
        if not run.statement.strip():
            continue
        of = shape(run.statement, run.parameters, salt=salt)
        if of.id not in shapes:
            shapes[of.id] = _Sums(of)
        shapes[of.id].add(of, run)
        runs += run.frequency
        dropped += run.dropped
        product = product or run.product
        if run.time:
            times.append(run.time)
    if not shapes:
        raise InputError(f"{file} holds no statement: is it the query log?")
    end = max(times) if times else datetime.now(UTC)
    start = min(times) if times and min(times) < end else end - ONE_DAY
    found = sorted(shapes.values(), key=lambda sums: sums.count, reverse=True)
    return QueryFile(
        workload=[sums.record() for sums in found],
        exemplars={sums.first.id: sums.exemplars for sums in found},
        start=start,
        end=end,
        runs=runs,
        dropped=dropped,
        product=product,
    )


def _runs(file: Path) -> Iterator[_Run]:
    if file.is_dir():
        for part in sorted(one for one in file.iterdir() if one.suffix in READERS):
            yield from _runs(part)
        return
    if not file.is_file():
        raise InputError(f"there is no file {file}: name the log of queries")
    if file.suffix.lower() not in READERS:
        yield from _sql(file)
        return
    with duckdb.connect() as connection:
        try:
            found = _opened(connection, file)
            columns = [column[0].lower() for column in found.description or []]
            places = {
                name: columns.index(next(one for one in known if one in columns))
                for name, known in NAMES.items()
                if any(one in columns for one in known)
            }
            if "statement" not in places:
                wanted = ", ".join(NAMES["statement"])
                raise InputError(f"{file} has none of the columns {wanted}; it has {', '.join(columns)}")
            while rows := found.fetchmany(1_000):
                for row in rows:
                    yield _run({name: row[place] for name, place in places.items()}, file)
        except duckdb.Error as error:
            raise InputError(f"{file} cannot be read as {file.suffix[1:]}: {_first_line(error)}") from error


def _opened(connection: duckdb.DuckDBPyConnection, file: Path) -> duckdb.DuckDBPyConnection:
    reader, path = READERS[file.suffix.lower()], _plain(file)
    if "json" in reader:
        described = connection.execute(f"DESCRIBE FROM {reader}", [path]).fetchall()
        columns = {name: kind for name, kind, *_ in described}
        if parameters := next((name for name in columns if name.lower() == "parameters"), None):
            # of values that differ in type DuckDB would make others, and of objects one with the names of all
            columns[parameters] = "JSON"
            return connection.execute(f"FROM {reader[:-1]}, columns = ?)", [path, columns])
    return connection.execute(f"FROM {reader}", [path])


def _run(values: dict[str, object], file: Path) -> _Run:
    try:
        latency = values.get("latency_us")
        if latency is None and values.get("latency_ms") is not None:
            latency = float(str(values["latency_ms"])) * 1_000
        time = values.get("time")
        if isinstance(time, str):
            time = datetime.fromisoformat(time)
        if isinstance(time, datetime) and time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
        frequency = values.get("frequency")
        return _Run(
            statement=str(values["statement"] or ""),
            frequency=1 if frequency is None else max(0, int(float(str(frequency)))),
            latency_us=None if latency is None else max(0, int(float(str(latency)))),
            rows=max(0, int(float(str(values.get("rows") or 0)))),
            route=str(values["route"]) if values.get("route") else None,
            error=str(values["error"]) if values.get("error") else None,
            time=time if isinstance(time, datetime) else None,
            product=str(values.get("product") or ""),
            dropped=int(str(values.get("dropped") or 0)),
            parameters=_parameters(values.get("parameters")),
        )
    except (ValueError, OverflowError) as error:
        raise InputError(f"{file}: {error}, in the row of {str(values['statement'])[:80]!r}") from error


def _parameters(value: object) -> list[Any] | dict[str, Any] | None:
    """None for what is neither a list nor an object: then the run counts, and cannot be measured with."""
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError("its parameters are no JSON") from None
    return value if isinstance(value, list | dict) else None


def _sql(file: Path) -> Iterator[_Run]:
    try:
        text = file.read_text()
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is no text: name a .sql, .csv, .jsonl or .parquet file") from error
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    try:
        yield from (_Run(statement.query) for statement in duckdb.extract_statements(text))
    except duckdb.Error as error:
        raise InputError(f"{file} is not SQL that DuckDB reads: {_first_line(error)}") from error


def _plain(file: Path) -> str:
    """For DuckDB's readers, which take a path for a pattern."""
    return re.sub(r"[*?[]", r"[\g<0>]", str(file))


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]
