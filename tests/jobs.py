"""Jobs for measuring, made of plain SQL: a test says what matters to it, the rest has a default."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from schemas.actions import Body, pack
from schemas.fingerprint import shape
from schemas.measure.job import CloneFacts, Exemplar, Job, Limits
from schemas.records import Candidate, MeasurementRequest, WorkloadShape

DATABASE = "shop"
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def clone(folder: Path, *statements: str, name: str = "clone.duckdb") -> Path:
    file = folder / name
    with duckdb.connect(str(file)) as connection:
        for statement in statements:
            connection.execute(statement)
    return file


def fingerprint(statement: str) -> str:
    return shape(statement, salt=b"salt").id


def known(statement: str, count: int = 100) -> tuple[WorkloadShape, Exemplar | None]:
    found = shape(statement, salt=b"salt")
    workload = WorkloadShape(
        fingerprint=found.id,
        statement=found.text,
        kind=found.kind,
        count=count,
        errors=0,
        rows=count,
        total_us=count * 1000,
        p50_us=1000,
        p95_us=1000,
    )
    exemplar = None if found.literals is None else Exemplar(literals=list(found.literals), files=dict(found.files))
    return workload, exemplar


def candidate(name: str, *bodies: Body, affected: Sequence[str] = ()) -> Candidate:
    """`affected` are statements."""
    actions = [pack(body) for body in bodies]
    return Candidate(
        candidate_id=name,
        rule="test",
        title=name,
        reason="",
        actions=actions,
        affected=[fingerprint(one) for one in affected],
        equality="physical",
        equality_reason="",
    )


def job(
    file: Path,
    statements: Sequence[str] | Mapping[str, int],
    candidates: Sequence[Candidate],
    *,
    budget_s: float = 60.0,
    kind: str = "full",
    share: float = 1.0,
    rows: int = 1_000_000,
    limits: Limits | None = None,
    settings: Mapping[str, str] | None = None,
    indexes: Sequence[str] = (),
    **request: object,
) -> Job:
    """`statements` are the workload, each with how often it ran; several of one shape are its exemplars."""
    counts = statements if isinstance(statements, Mapping) else dict.fromkeys(statements, 100)
    workload: dict[str, WorkloadShape] = {}
    exemplars: dict[str, list[Exemplar]] = {}
    for statement, count in counts.items():
        one, exemplar = known(statement, count)
        workload[one.fingerprint] = one
        exemplars.setdefault(one.fingerprint, []).extend([exemplar] if exemplar else [])
    fields: dict[str, object] = {
        "product": "p",
        "database": "d",
        "instance": "i",
        "event_id": "e",
        "time": NOW,
        "analysis_id": "a",
        "revision": 1,
        "epoch": 1,
        "catalog_hash": "h",
        "window_start": NOW - timedelta(days=1),
        "window_end": NOW,
        "deadline": datetime.now(UTC) + timedelta(hours=1),
        "budget_s": budget_s,
        "tables": [],
        "workload": list(workload.values()),
        "candidates": list(candidates),
        "refused": [],
    }
    return Job(
        request=MeasurementRequest.model_validate({**fields, **request}),
        exemplars=exemplars,
        clone=CloneFacts(
            file=file,
            database=DATABASE,
            kind=kind,
            share=share,
            rows=rows,
            bytes=file.stat().st_size,
            seconds=0.1,
            indexes=list(indexes),
        ),
        settings=dict(settings or {"threads": "2"}),
        limits=limits or Limits(free_bytes=0),
    )
