"""A candidate measured in full: on all queries that it affects, interleaved, as often as each of them ran."""

import time
from collections.abc import Sequence

from ..records import CandidateResult, QueryResult
from .plan import Plan
from .queries import Query, Side, equality
from .session import Session, unmeasured
from .statistics import UNCHANGED, median_interval
from .timing import ROUNDS_LEAST, ROUNDS_MOST, Clock, Samples, add_round, undisturbed
from .trial import Trial
from .verdict import GAIN, HARM, INCONCLUSIVE, LEAST_GAIN, NO_GAIN, NOT_REACHED, Total, judge, saved_s, total
from .writes import WriteCost, write_cost

LONG_ENOUGH_S = 1.0
"""Rounds go on for so long, up to the most."""
PAUSE_S = 2.0
SAMPLE_ROWS = 1_000_000
SAMPLE_MS = 1.5
"""On a sample of fewer rows, or where a query is faster, a figure proves nothing."""


def full(session: Session, plan: Plan, trial: Trial) -> CandidateResult:
    """Not reached where the time that is left is too short for it. Raises NotMeasurable, CloneError."""
    queries, writes = session.read_by(plan.candidate), session.written_by(plan.candidate)
    equal = {query.fingerprint: equality(query, session.before, trial.after, session.limit_s) for query in queries}
    samples: dict[str, Samples] = {}
    clock: Clock = "wall"
    found: Total | None = None
    if unequal := plan.unequal(equal):
        verdict, reason = unequal
    elif queries:
        begun = time.monotonic()
        add_round(samples, queries, session.before, trial.after, session.limit_s)
        if (round_s := time.monotonic() - begun) * (ROUNDS_LEAST - 1) > session.left_s:
            needed = round_s * ROUNDS_LEAST
            return unmeasured(
                plan.candidate,
                NOT_REACHED,
                f"it needs {needed:.0f} s, and {session.left_s:.0f} s of the budget are left",
            )
        verdict, reason, clock, samples, found = _conclude(session, queries, trial.after)
    else:
        verdict, reason = GAIN, "no query that was seen reads it"
    cost = WriteCost()
    if verdict == GAIN or (plan.only_drops and verdict == NO_GAIN):
        cost = write_cost(session, trial.built.file, writes)
        session.not_measurable.update(cost.problems)
        verdict, reason = _weigh(plan, verdict, reason, trial, cost, found.before_s - found.after_s if found else 0.0)
    speedup = found.ratio if found else UNCHANGED
    return CandidateResult(
        candidate_id=plan.candidate.candidate_id,
        stage="measured",
        verdict=verdict,
        reason=reason,
        order=0,
        queries=[
            _figures(session, plan, query, samples[query.fingerprint], clock, equal) for query in queries if samples
        ],
        speedup=speedup.median,
        low=speedup.low,
        high=speedup.high,
        build_s=trial.built.build_s,
        extra_bytes=trial.built.extra_bytes,
        peak_bytes=trial.built.peak_bytes,
        write_ratio=cost.ratio.median,
        write_low=cost.ratio.low,
        write_high=cost.ratio.high,
        writes=cost.replayed,
    )


def _conclude(
    session: Session, queries: Sequence[Query], after: Side
) -> tuple[str, str, Clock, dict[str, Samples], Total]:
    """By the clock; where the machine is too busy for that once more after a pause, then in processor time."""
    for attempt in range(2):
        samples = _rounds(session, queries, after)
        found = total(queries, samples, "wall")
        verdict, reason = judge(found, saved_s(queries, samples, "wall"))
        if verdict != INCONCLUSIVE:
            return verdict, reason, "wall", samples, found
        round_s = sum(2 * query.run_s + query.run_s for query in queries)
        if attempt == 0 and PAUSE_S + ROUNDS_LEAST * round_s < session.left_s:
            time.sleep(PAUSE_S)
        else:
            break
    by_cpu = total(queries, samples, "cpu")
    other, other_reason = judge(by_cpu, saved_s(queries, samples, "cpu"))
    if other != INCONCLUSIVE and (other != GAIN or found.ratio.median >= 1):
        return other, f"{other_reason}, in processor time since by the clock {reason}", "cpu", samples, by_cpu
    return verdict, reason, "wall", samples, found


def _rounds(session: Session, queries: Sequence[Query], after: Side) -> dict[str, Samples]:
    samples: dict[str, Samples] = {}
    begun = time.monotonic()
    with undisturbed():
        for number in range(ROUNDS_MOST):
            spent = time.monotonic() - begun
            if number >= ROUNDS_LEAST and (spent > LONG_ENOUGH_S or spent / number > session.left_s):
                break
            add_round(samples, queries, session.before, after, session.limit_s)
    return samples


def _weigh(plan: Plan, verdict: str, reason: str, trial: Trial, cost: WriteCost, saved: float) -> tuple[str, str]:
    """The whole: what reads gain, less what writes lose."""
    for fingerprint, problem in cost.broken.items():
        return HARM, f"the write {fingerprint} fails: {problem}"
    if cost.problems:
        reason += f"; {len(cost.problems)} of the writes that it affects could not be replayed"
    # what only drops has no reads to make up for a loss, so there it has to be beyond its interval
    if cost.extra_s > max(saved, 0.0) and (cost.ratio.low > 1 or not plan.only_drops):
        return (
            HARM,
            f"writes lose {cost.extra_s:.2f} s in the window ({cost.ratio.median:.2f}x), reads save {saved:.2f} s",
        )
    if not plan.only_drops:
        return verdict, reason
    freed, faster = -trial.built.extra_bytes, 1 / cost.ratio.median
    if freed > 0 or (faster >= LEAST_GAIN and cost.ratio.high < 1):
        return GAIN, f"{reason}; it frees {freed:,} bytes, and writes are {faster:.2f}x as fast"
    return NO_GAIN, f"{reason}; it frees nothing"


def _figures(
    session: Session, plan: Plan, query: Query, samples: Samples, clock: Clock, equal: dict[str, str]
) -> QueryResult:
    speedup, own = median_interval(samples.ratios(clock)), median_interval(samples.own_ratios(clock))
    before_ms = 1000 * median_interval([run.of(clock) for run in samples.before + samples.again]).median
    clone = session.job.clone
    proved = clone.share >= 1 or (
        query.scale_free and not plan.by_index and clone.rows >= SAMPLE_ROWS and before_ms >= SAMPLE_MS
    )
    return QueryResult(
        fingerprint=query.fingerprint,
        before_ms=before_ms,
        after_ms=1000 * median_interval([run.of(clock) for run in samples.after]).median,
        speedup=speedup.median,
        low=speedup.low,
        high=speedup.high,
        k=len(samples.after),
        aa_low=own.low,
        aa_high=own.high,
        equal=equal[query.fingerprint],
        unproved=not proved,
        clock=clock,
    )
