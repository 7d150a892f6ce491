"""Factories for the advisor's tests: a catalog, a workload and requests, each overriding only what matters."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from inference.advisor.rule import Rule
from inference.advisor.workload import Workload
from schemas.actions import Body, unpack
from schemas.fingerprint import shape
from schemas.records import (
    AnalysisRequest,
    Candidate,
    CatalogSnapshot,
    Column,
    Constraint,
    Coverage,
    Index,
    Refusal,
    Table,
    Usage,
    WorkloadShape,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ENVELOPE: dict[str, Any] = {
    "product": "shop",
    "database": "main",
    "instance": "i",
    "event_id": "e",
    "time": NOW,
}
ROW_GROUP = 122_880


def column(name: str, kind: str = "BIGINT", **more: Any) -> Column:
    return Column(**{"name": name, "type": kind, "nullable": True, "distinct": 1_000, "ordered": 0.5} | more)


def table(name: str, columns: Sequence[Column], rows: int = 3_000_000, **more: Any) -> Table:
    fields: dict[str, Any] = {"schema_name": "main", "kind": "table", "rows": rows, "bytes": rows * 50}
    fields |= {"row_groups": -(-rows // ROW_GROUP)}
    return Table(**fields | {"name": name, "columns": list(columns)} | more)


def key(*columns: str) -> Constraint:
    return Constraint(kind="primary key", columns=list(columns))


def index(*columns: str, unique: bool = False) -> Index:
    return Index(name="_".join(["idx", *columns]), columns=list(columns), unique=unique)


def view(name: str, columns: Sequence[Column], statement: str) -> Table:
    return table(name, columns, rows=0, kind="view", statement=statement)


def use(sql: str, **more: Any) -> WorkloadShape:
    """The shape of a statement that took 100 ms, ten times, unless told otherwise."""
    found = shape(sql)
    fields: dict[str, Any] = {"count": 10, "errors": 0, "rows": 10, "p50_us": 100_000, "p95_us": 100_000}
    fields |= {"fingerprint": found.id, "statement": found.text, "kind": found.kind} | more
    return WorkloadShape(**{"total_us": fields["count"] * fields["p50_us"]} | fields)


def catalog(tables: Sequence[Table], **more: Any) -> CatalogSnapshot:
    fields: dict[str, Any] = {
        "catalog_hash": "c", "duckdb_version": "2.0.0", "settings": {}, "access_mode": "read_write", "file_id": "f",
        "file_bytes": 1, "instances": 1, "coverage": Coverage(),
    }  # fmt: skip
    return CatalogSnapshot(**ENVELOPE | fields | {"tables": list(tables)} | more)


def request(
    tables: Sequence[Table], workload: Sequence[WorkloadShape | str], days: float = 1, **more: Any
) -> AnalysisRequest:
    """`catalog_*` go to the catalog, `doubt` and the names `elsewhere` to the usage."""
    since, elsewhere = NOW - timedelta(days=days), more.pop("elsewhere", [])
    usage = Usage(since=since, named=elsewhere, doubt=more.pop("doubt", "nobody knows"))
    of_catalog = {name.removeprefix("catalog_"): more.pop(name) for name in list(more) if name.startswith("catalog_")}
    fields: dict[str, Any] = {
        "analysis_id": "a", "revision": 1, "epoch": 1, "reason": "asked", "catalog": catalog(tables, **of_catalog),
        "window_start": since, "window_end": NOW, "budget_s": 45.0, "usage": usage,
        "workload": [one if isinstance(one, WorkloadShape) else use(one) for one in workload],
    }  # fmt: skip
    return AnalysisRequest(**ENVELOPE | fields | more)


def workload(tables: Sequence[Table], statements: Sequence[WorkloadShape | str], **more: Any) -> Workload:
    return Workload(request(tables, statements, **more))


def propose(
    rule: Rule, tables: Iterable[Table], statements: Iterable[WorkloadShape | str], **more: Any
) -> tuple[list[Candidate], dict[str, str]]:
    """Candidates, and the reasons of refusals by their titles."""
    given = workload(list(tables), list(statements), **more)
    assert given.unreadable == {}
    found = [finding.found for finding in rule.propose(given)]
    candidates = [one for one in found if isinstance(one, Candidate)]
    return candidates, {one.title: one.reason for one in found if isinstance(one, Refusal)}


def bodies(candidates: Iterable[Candidate]) -> list[Body]:
    return [unpack(action) for candidate in candidates for action in candidate.actions]
