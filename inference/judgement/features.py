"""What is known of a candidate before anything is measured, as numbers: of its pattern, its table and its action.

All of it lies in the analysis request. Sizes, times and counts are logarithms, since what matters is by how many times
they differ. A value that is not known is 0, and a flag beside it says so where 0 could be meant.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log10

import numpy as np
from numpy.typing import NDArray

from schemas.actions import KINDS, Body, Cluster, CreateIndex, CreateSummary, OnTable, unpack
from schemas.records import Candidate, Column, Table

from ..advisor.filters import RANGES
from ..advisor.rules import RULES
from ..advisor.tables import column_of, in_order, unique_keys
from ..advisor.workload import Query, Workload

FEATURES_VERSION = 1
"""Counts up with every change of what a column means; weights are of one version."""

Features = NDArray[np.float32]

DAY_S = 86_400
_KINDS = sorted({kind for kind, _ in KINDS})
_EQUALITIES = ("physical", "logic", "constraint", "data")
_TYPES = ("integer", "decimal", "text", "time", "boolean")


@dataclass(frozen=True, eq=False)
class Subject:
    """A candidate in its workload. `place` is its place by what the rules promise, from 0, of `among`."""

    candidate: Candidate
    workload: Workload
    place: int
    among: int

    @cached_property
    def bodies(self) -> list[Body]:
        return [unpack(action) for action in self.candidate.actions]

    @cached_property
    def table(self) -> Table | None:
        """That it changes; of a rewrite the largest that it reads."""
        for body in self.bodies:
            if isinstance(body, OnTable) and (found := self.workload.tables.find(body.schema_name, body.table)):
                return found
        scanned = [scan.table for query in self.gaining for scan in query.reading.scans]
        return max(scanned, key=lambda table: table.rows, default=None)

    @cached_property
    def column(self) -> Column | None:
        """The first one that the action names, or that a rewritten query filters."""
        if self.table is None:
            return None
        if names := [name for body in self.bodies for name in _columns(body)]:
            return column_of(self.table, names[0])
        filtered = (one for query in self.gaining for one in query.conditions.filters)
        return next((one.origin.column for one in filtered if one.origin.scan.table is self.table), None)

    @cached_property
    def gaining(self) -> list[Query]:
        return self._queries(self.candidate.gaining)

    @cached_property
    def affected(self) -> list[Query]:
        return self._queries(self.candidate.affected)

    @cached_property
    def writes(self) -> list[Query]:
        return [] if self.table is None else self.workload.writes_of(self.table)

    @cached_property
    def runs(self) -> int:
        return sum(query.shape.count for query in self.gaining)

    @cached_property
    def seconds(self) -> float:
        return _seconds(self.gaining)

    @cached_property
    def scanned(self) -> float:
        """Rows that a run of the gaining queries scans, where a profile was taken."""
        sampled = [query.shape for query in self.gaining if query.shape.sampled]
        return sum(one.rows_scanned for one in sampled) / (sum(one.sampled for one in sampled) or 1)

    @cached_property
    def returned(self) -> float:
        """Rows of a run."""
        return sum(query.shape.rows for query in self.gaining) / (self.runs or 1)

    @property
    def days(self) -> float:
        return self.workload.window_s / DAY_S

    def filters(self, kinds: Iterable[str]) -> float:
        """The part of the gaining queries' time in which the column is filtered so."""
        wanted = frozenset(kinds)
        found = [
            query
            for query in self.gaining
            if any(one.origin.column is self.column and one.kind in wanted for one in query.conditions.filters)
        ]
        return _seconds(found) / (self.seconds or 1)

    def _queries(self, fingerprints: Iterable[str]) -> list[Query]:
        wanted = frozenset(fingerprints)
        return [query for query in self.workload.queries if query.shape.fingerprint in wanted]


Feature = Callable[[Subject], float]


def features(workload: Workload, candidates: Sequence[Candidate]) -> Features:
    """[candidate, feature], in the order of `candidates` and of FEATURES."""
    promised = sorted(candidates, key=lambda one: (-one.promised_s, one.candidate_id))
    places = {one.candidate_id: place for place, one in enumerate(promised)}
    rows = [Subject(one, workload, places[one.candidate_id], len(candidates)) for one in candidates]
    values = [[float(of(row)) for of in _FEATURES.values()] for row in rows]
    return np.asarray(values, np.float32).reshape(len(rows), len(FEATURES))


def _columns(body: Body) -> list[str]:
    match body:
        case CreateIndex():
            return body.columns
        case Cluster():
            return [key.column for key in body.keys]
        case CreateSummary():
            return []
    return [name] if isinstance(name := getattr(body, "column", None), str) else []


def _seconds(queries: Iterable[Query]) -> float:
    return sum(query.shape.total_us for query in queries) / 1e6


def _log(value: float) -> float:
    return log10(1 + max(value, 0.0))


def _share(part: float, whole: float) -> float:
    return min(part / whole, 1.0) if whole > 0 else 0.0


def _is(kind: str, column: Column | None) -> bool:
    """Of which class of types the column is."""
    name = column.type.upper() if column else ""
    match kind:
        case "integer":
            return "INT" in name
        case "decimal":
            return name.startswith(("DECIMAL", "DOUBLE", "FLOAT"))
        case "text":
            return name.startswith(("VARCHAR", "ENUM"))
        case "time":
            return name.startswith(("DATE", "TIME"))
    return name == "BOOLEAN"


def _of_column(of: Callable[[Table, Column], float]) -> Feature:
    return lambda one: of(one.table, one.column) if one.table and one.column else 0.0


def _of_table(of: Callable[[Table], float]) -> Feature:
    return lambda one: of(one.table) if one.table else 0.0


def _writes(kind: str) -> Feature:
    return lambda one: _log(sum(query.shape.count for query in one.writes if query.shape.kind == kind) / one.days)


def _flags(prefix: str, names: Iterable[str], is_it: Callable[[Subject, str], bool]) -> dict[str, Feature]:
    return {f"{prefix} {name}": lambda one, name=name: float(is_it(one, name)) for name in names}  # type: ignore[misc]


_FEATURES: dict[str, Feature] = {
    **_flags("rule", (rule.name for rule in RULES), lambda one, name: one.candidate.rule == name),
    **_flags("action", _KINDS, lambda one, name: any(body.kind == name for body in one.bodies)),
    **_flags("equality", _EQUALITIES, lambda one, name: one.candidate.equality == name),
    "actions": lambda one: len(one.bodies),
    "promised share": lambda one: _share(one.candidate.promised_s * 1e6, one.workload.total_us),
    "promised seconds a day": lambda one: _log(one.candidate.promised_s / one.days),
    "place": lambda one: _share(one.place, one.among - 1),
    "candidates": lambda one: _log(one.among),
    "gaining": lambda one: _log(len(one.gaining)),
    "affected": lambda one: _log(len(one.affected)),
    "share of time": lambda one: _share(one.seconds * 1e6, one.workload.total_us),
    "runs a day": lambda one: _log(one.runs / one.days),
    "microseconds a run": lambda one: _log(1e6 * one.seconds / (one.runs or 1)),
    "spread": lambda one: _log(
        max((query.shape.p95_us / (query.shape.p50_us or 1) for query in one.gaining), default=0)
    ),
    "rows a run": lambda one: _log(one.returned),
    "profiled": lambda one: any(query.shape.sampled for query in one.gaining),
    "rows scanned a run": lambda one: _log(one.scanned),
    "rows scanned for one returned": lambda one: _log(one.scanned / (one.returned + 1)),
    "share scanned": lambda one: _share(one.scanned, one.table.rows) if one.table else 0.0,
    "tables read": lambda one: max((len(query.reading.scans) for query in one.gaining), default=0),
    "share of time with top N": lambda one: _share(
        _seconds(query for query in one.gaining if query.conditions.top_n), one.seconds
    ),
    "share of time by equality": lambda one: one.filters(("eq", "in")),
    "share of time by range": lambda one: one.filters(RANGES),
    "share of time by expression": lambda one: one.filters(("other", "like")),
    "table rows": _of_table(lambda table: _log(table.rows)),
    "table bytes": _of_table(lambda table: _log(table.bytes)),
    "table columns": _of_table(lambda table: _log(len(table.columns))),
    "table indexes": _of_table(lambda table: len(table.indexes)),
    "table constraints": _of_table(lambda table: len(table.constraints)),
    "is a file": _of_table(lambda table: table.kind == "file"),
    "column known": lambda one: one.column is not None,
    **_flags("column", _TYPES, lambda one, name: _is(name, one.column)),
    "column holds another type": _of_column(lambda _, column: column.holds is not None),
    "distinct known": _of_column(lambda _, column: column.distinct > 0),
    "distinct": _of_column(lambda _, column: _log(column.distinct)),
    "rows for a value": _of_column(lambda table, column: _log(table.rows / max(column.distinct, 1))),
    "NULLs": _of_column(lambda _, column: column.null_share),
    "order known": _of_column(lambda _, column: column.ordered >= 0),
    "in order": _of_column(lambda _, column: in_order(column)),
    "order": _of_column(lambda _, column: max(column.ordered, 0.0)),
    "indexed": _of_column(lambda table, column: any(column.name in index.columns for index in table.indexes)),
    "unique": _of_column(lambda table, column: frozenset([column.name.lower()]) in unique_keys(table)),
    "share of time written": lambda one: _share(_seconds(one.writes), one.seconds + _seconds(one.writes)),
    **{f"{kind}s a day": _writes(kind) for kind in ("insert", "update", "delete")},
}
FEATURES = tuple(_FEATURES)
