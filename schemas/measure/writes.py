"""What a change costs the inserts, updates and deletes seen: they are replayed on copies of A and B, and committed.

Not rolled back, which would be cheaper, since that hides the cost: indexes are written at commit. Tried with two
indexes on 1M rows, rolled back and committed: one insert 1.03x and 1.36x, 1,000 inserts 0.92x and 1.39x, a delete of
1,000 rows 0.99x (0.24x in DuckDB 1.2.2) and 1.56x. The copies are thrown away afterwards.

A replay counts where it changes as many rows on both sides, and at least one. An insert whose key the clone has
already, being younger than the insert, has that row deleted first, on both sides and outside the time.
"""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import duckdb

from ..errors import NotMeasurable
from ..fingerprint import fill
from ..quoting import identifier, qualified, string
from ..records import WorkloadShape
from ..render import Tables
from .gate import Gate
from .queries import original
from .sandbox import Sandbox, why
from .session import Session
from .statistics import UNCHANGED, Interval, median_interval
from .workbench import discard

REPEATS = 4
"""Of each exemplar. A delete finds its rows once; what it does not find again does not count."""
CONFLICTS = 10
"""Rows that are deleted for one insert at the most."""

_DUPLICATE = re.compile(r'Duplicate key "(.*)" violates', re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WriteCost:
    """`ratio` is after / before, each write as often as it ran; `extra_s` what all runs of the window take more.

    `replayed` are the pairs measured; `problems` has the reason for each shape of which there is none, and `broken`
    for each that fails after the change.
    """

    ratio: Interval = UNCHANGED
    replayed: int = 0
    extra_s: float = 0.0
    problems: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Seconds of one shape, before and after. `broken` says why it fails after the change."""

    before: list[float]
    after: list[float]
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """The shapes that were replayed, and for the others why not, by fingerprint."""

    measured: list[tuple[WorkloadShape, Pairs]] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def write_cost(session: Session, changed: Path, shapes: Sequence[WorkloadShape]) -> WriteCost:
    """See `replayed`."""
    return _weighed(replayed(session, changed, shapes)) if shapes else WriteCost()


def replayed(session: Session, changed: Path, shapes: Sequence[WorkloadShape]) -> Replayed:
    """`changed` is B's file; both are only copied. Raises CloneError where there is no room for the copies."""
    bench = session.bench
    old, new = bench.copy(bench.file), bench.copy(changed)
    found = Replayed()
    try:
        with bench.writing(old) as before, bench.writing(new) as after:
            gate = Gate(before)
            for shape in shapes:
                try:
                    pairs = _replay(session, _statements(session, shape, gate), before, after)
                except NotMeasurable as error:
                    found.problems[shape.fingerprint] = str(error)
                    continue
                if pairs.broken:
                    found.broken[shape.fingerprint] = pairs.broken
                else:
                    found.measured.append((shape, pairs))
    finally:
        discard(old)
        discard(new)
    return found


def _statements(session: Session, shape: WorkloadShape, gate: Gate) -> list[str]:
    original(shape)
    exemplars = session.job.exemplars.get(shape.fingerprint)
    if not exemplars:
        raise NotMeasurable("no concrete statement of it was kept")
    statements = [fill(shape.statement, one.literals, session.copies.of(one.files)) for one in exemplars]
    for statement in statements:
        with gate.sandbox.limit(session.limit_s):
            gate.writing(statement)
    return statements


def _replay(session: Session, statements: Sequence[str], before: Sandbox, after: Sandbox) -> Pairs:
    pairs = Pairs([], [])
    tables = before.tables()
    problem = NotMeasurable("its replays change no rows of the clone")
    sides = [(before, pairs.before), (after, pairs.after)]
    for _ in range(REPEATS):
        for statement in statements:
            try:
                _make_room(statement, before, tables, session.limit_s)
            except NotMeasurable as error:
                problem = error
                continue
            found = []
            for sandbox, into in sides:
                try:
                    if sandbox is after:
                        _make_room(statement, after, tables, session.limit_s)
                    found.append((into, *_write(sandbox, statement, session.limit_s)))
                except NotMeasurable as error:
                    if sandbox is after and _fails(error):
                        return Pairs([], [], broken=str(error))
                    raise
            sides.reverse()
            rows = {changed for _, changed, _ in found}
            if len(rows) == 1 and rows != {0}:
                for into, _, seconds in found:
                    into.append(seconds)
    if pairs.before:
        return pairs
    raise problem


def _fails(error: NotMeasurable) -> bool:
    """Whether DuckDB refused it; what was interrupted might have passed."""
    cause = error.__cause__
    return isinstance(cause, duckdb.Error) and not isinstance(cause, duckdb.InterruptException)


def _write(sandbox: Sandbox, statement: str, limit_s: float) -> tuple[int, float]:
    """The rows changed, or returned, and the seconds from the call to the end of its commit."""
    with sandbox.limit(limit_s):
        begun = time.perf_counter()
        rows = sandbox.rows(statement)
        seconds = time.perf_counter() - begun
    count = rows[0][0] if len(rows) == 1 and len(rows[0]) == 1 else len(rows)
    return count if isinstance(count, int) else 1, seconds


def _make_room(statement: str, sandbox: Sandbox, tables: Tables, limit_s: float) -> None:
    """Runs it once, rolled back, and deletes the rows whose keys an insert brings until it passes."""
    for _ in range(CONFLICTS):
        with sandbox.limit(limit_s):
            sandbox.rows("BEGIN TRANSACTION")
            try:
                sandbox.rows(statement)
                return
            except duckdb.ConstraintException as error:
                key = _DUPLICATE.search(str(error))
                deletes = list(_deletes(key[1], tables)) if key else []
                if not deletes:
                    raise NotMeasurable(why(error)) from error
            finally:
                sandbox.rows("ROLLBACK")
            for delete in deletes:
                sandbox.rows(delete)
    raise NotMeasurable("its keys are in the clone already")


def _deletes(key: str, tables: Tables) -> Iterator[str]:
    """Of the rows whose key DuckDB writes so: `a: 1, b: x`. A table that happens to have the same loses it too."""
    for table in tables.values():
        for constraint in table.constraints:
            if constraint.kind in ("primary key", "unique") and key.startswith(f"{constraint.columns[0]}: "):
                text = " || ', ' || ".join(
                    f"{string(f'{column}: ')} || CAST({identifier(column)} AS VARCHAR)" for column in constraint.columns
                )
                yield f"DELETE FROM {qualified(table.schema_name, table.name)} WHERE {text} = {string(key)}"


def _weighed(found: Replayed) -> WriteCost:
    """The interval takes each shape at the end of its own: wider than need be, but right however they depend."""
    measured, problems, broken = found.measured, found.problems, found.broken
    if not measured:
        return WriteCost(problems=problems, broken=broken)
    before = [shape.count * median(pairs.before) for shape, pairs in measured]
    ratios = [
        median_interval([new / old for old, new in zip(pairs.before, pairs.after, strict=True)])
        for _, pairs in measured
    ]
    after = [sum(weight * ratio[end] for weight, ratio in zip(before, ratios, strict=True)) for end in range(3)]
    return WriteCost(
        ratio=Interval(*(one / sum(before) for one in after)),
        replayed=sum(len(pairs.before) for _, pairs in measured),
        extra_s=after[0] - sum(before),
        problems=problems,
        broken=broken,
    )
