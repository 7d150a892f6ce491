"""What a change gains over the queries that it affects, and what it costs, from the measured figures.

The gain is total time before / total time after, every query as often as it ran in the window: the harmonic mean of
the queries' speedups, weighted by runs x time before. Source: Smith, "Characterizing computer performance with a
single number", CACM 31 (1988). It and its interval come as measured, round by round over all queries: the very
figures that the verdict rests on.
"""

from dataclasses import dataclass

from schemas.records import CandidateResult, Cost, Gain, Limits, Machine, MeasurementRequest

DAY_S = 86_400
NEVER = -1.0
LEEWAY = 4
"""Times what it took on the clone that a change may take before it gives way: production is busy meanwhile."""
LEAST = Limits(build_s=30.0, extra_bytes=64_000_000, peak_bytes=256_000_000)


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
    before_s = sum(
        shapes[query.fingerprint].count * query.before_ms / 1000
        for query in result.queries
        if query.fingerprint in shapes
    )
    after_s = before_s / result.speedup
    saved_s = before_s - after_s - write_s * (result.write_ratio - 1 if result.writes else 0.0)
    gain = None
    if before_s > 0:
        gain = Gain(
            speedup=result.speedup,
            low=result.low,
            high=result.high,
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


def limits(result: CandidateResult, machine: Machine) -> Limits:
    """Of a change that was measured; on a sample it took as much less as the sample is smaller."""
    leeway = LEEWAY / (machine.share or 1.0)
    return Limits(
        build_s=max(LEAST.build_s, leeway * result.build_s),
        extra_bytes=max(LEAST.extra_bytes, round(leeway * result.extra_bytes)),
        peak_bytes=max(LEAST.peak_bytes, round(leeway * result.peak_bytes)),
    )


def measured_on(machine: Machine) -> str:
    kinds = {
        "full": "a full clone",
        "sample": f"a sample of {machine.share:.0%} of the rows",
        "snapshot": "a snapshot",
    }
    size = f"{machine.clone_rows:,} rows, {machine.clone_bytes / 1e6:,.0f} MB"
    threads = f"{machine.threads} thread{'s' if machine.threads != 1 else ''}"
    return f"{kinds.get(machine.clone, machine.clone)} ({size}), DuckDB {machine.duckdb_version}, {threads}"


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
