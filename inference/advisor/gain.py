"""What a change gains over the queries that it affects, and what it costs, from the measured figures.

The gain is total time before / total time after over the runs of the window: the harmonic mean of the queries'
speedups, weighted by runs x time before. Source: Smith, "Characterizing computer performance with a single number",
CACM 31 (1988). Its interval takes every query at the lower end of its own, or every one at the upper: wider than
where errors cancel out, but right without knowing how they depend on one another. Source: Moore, "Interval
Analysis" (1966).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from schemas.records import CandidateResult, Cost, Gain, Machine, MeasurementRequest, QueryResult, WorkloadShape

DAY_S = 86_400
NEVER = -1.0


@dataclass(frozen=True, slots=True)
class Figures:
    """`saved_s` over the window: of the reads, less what the writes lose."""

    gain: Gain | None
    cost: Cost
    saved_s: float


def figures(result: CandidateResult, affected: list[str], request: MeasurementRequest, machine: Machine) -> Figures:
    shapes = {shape.fingerprint: shape for shape in request.workload}
    window_s = max((request.window_end - request.window_start).total_seconds(), 1.0)
    writes = [shapes[one] for one in affected if one in shapes and shapes[one].kind in ("insert", "update", "delete")]
    write_s = sum(shape.total_us for shape in writes) / 1e6
    runs = sum(shapes[query.fingerprint].count for query in result.queries if query.fingerprint in shapes)
    before_s = _time_s(result, shapes, lambda _: 1.0)
    after_s = _time_s(result, shapes, lambda query: query.speedup)
    saved_s = before_s - after_s - write_s * (result.write_ratio - 1 if result.writes else 0.0)
    gain = None
    if before_s > 0:
        gain = Gain(
            speedup=before_s / after_s,
            low=before_s / _time_s(result, shapes, lambda query: query.low),
            high=before_s / _time_s(result, shapes, lambda query: query.high),
            k=min(query.k for query in result.queries),
            before_ms=1000 * before_s / runs,
            after_ms=1000 * after_s / runs,
            saved_s_per_day=saved_s / window_s * DAY_S,
            measured_on=measured_on(machine),
            unproved=any(query.unproved for query in result.queries),
        )
    elif writes and result.writes:
        runs = sum(shape.count for shape in writes)
        gain = Gain(
            speedup=1 / result.write_ratio,
            low=1 / result.write_high,
            high=1 / result.write_low,
            k=result.writes,
            before_ms=1000 * write_s / runs,
            after_ms=1000 * write_s / runs * result.write_ratio,
            saved_s_per_day=saved_s / window_s * DAY_S,
            measured_on=measured_on(machine),
            unproved=False,
        )
    return Figures(gain, _cost(result, saved_s, runs, window_s), saved_s)


def speedup(result: CandidateResult, request: MeasurementRequest) -> float:
    """0 where no query was measured."""
    shapes = {shape.fingerprint: shape for shape in request.workload}
    before_s = _time_s(result, shapes, lambda _: 1.0)
    return before_s / _time_s(result, shapes, lambda query: query.speedup) if before_s > 0 else 0.0


def measured_on(machine: Machine) -> str:
    kinds = {
        "full": "a full clone",
        "sample": f"a sample of {machine.share:.0%} of the rows",
        "snapshot": "a snapshot",
    }
    size = f"{machine.clone_rows:,} rows, {machine.clone_bytes / 1e6:,.0f} MB"
    threads = f"{machine.threads} thread{'s' if machine.threads != 1 else ''}"
    return f"{kinds.get(machine.clone, machine.clone)} ({size}), DuckDB {machine.duckdb_version}, {threads}"


def _time_s(
    result: CandidateResult, shapes: Mapping[str, WorkloadShape], divisor: Callable[[QueryResult], float]
) -> float:
    return sum(
        shapes[query.fingerprint].count * query.before_ms / 1000 / max(divisor(query), 1e-9)
        for query in result.queries
        if query.fingerprint in shapes
    )


def _cost(result: CandidateResult, saved_s: float, runs: int, window_s: float) -> Cost:
    pays = saved_s > 0
    return Cost(
        build_s=result.build_s,
        extra_bytes=result.extra_bytes,
        peak_bytes=result.peak_bytes,
        write_ratio=result.write_ratio,
        write_low=result.write_low,
        write_high=result.write_high,
        writes=result.writes,
        break_even_runs=result.build_s / saved_s * runs if pays else NEVER,
        break_even_s=result.build_s / saved_s * window_s if pays else NEVER,
    )
