"""Processor seconds that changes saved, estimated from the runs of which the product's profiler told them.

What a run takes is a mean over those that were sampled: of each affected query in the week before the change, of a
rewritten one that which it replaces, and in the week after it. The difference, times all runs since, is what was saved.
As when a change is judged it is compared with the queries that it does not affect: what their runs take more or less
in the same time is no doing of its own. Those that another change affects are no measure for that.

A mean is a ratio of sums over hours (whole days, once hours are no longer kept). Its variance is that of a ratio
(Cochran, Sampling Techniques, 3rd edition, 1977, chapter 6) with the hour as what is drawn, since runs of an hour are
alike; the interval is by the delta method.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import sqrt
from typing import Any, NamedTuple

from duckdb import DuckDBPyConnection

from schemas.measure.statistics import t_quantile

from .knowledge import naive

NEEDED = 5
"""Hours, or days, with sampled runs, before and after: the working days of a week."""
MOST = 0.9
"""Of the time that the affected queries took since, so much has to be of known ones. The rest counts for 0."""
IDLE = "none of its queries ran in a whole hour since"


class Carried(NamedTuple):
    """A change that was carried out, and when."""

    operation_id: str
    product: str
    database: str
    done: datetime
    taken_back: datetime | None


@dataclass(frozen=True, slots=True)
class Spared:
    """By month the seconds, and how far from them the ends of the 95 % interval are.

    `unknown` says why there are none.
    """

    by_month: dict[date, tuple[float, float]]
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class _Ran:
    """A pattern since a change: its runs by month, the seconds that callers waited for them, and what a run takes.

    That is in processor seconds with its variance. `periods` is None, and what follows too, where too few were sampled.
    """

    affected: bool
    runs: dict[date, int]
    waited_s: float
    periods: int | None
    before: float
    before_variance: float
    since: float
    since_variance: float


def spared(tx: DuckDBPyConnection, carried: Sequence[Carried]) -> dict[str, Spared]:
    """Of each of these, which are all that were carried out, by its operation."""
    ran: dict[str, list[_Ran]] = defaultdict(list)
    for operation_id, affected, runs, waited_s, *means in _rows(tx, carried):
        by_month = {one["month"]: one["runs"] for one in runs}
        ran[operation_id].append(_Ran(affected, by_month, waited_s, *means))
    return {one.operation_id: _spared(ran[one.operation_id]) for one in carried}


def _spared(ran: Sequence[_Ran]) -> Spared:
    affected = [one for one in ran if one.affected]
    known, others = ([one for one in ran if one.affected is of and one.periods] for of in (True, False))
    waited_s, known_s = (sum(one.waited_s for one in some) for some in (affected, known))
    if not waited_s:
        return Spared({}, IDLE)
    if known_s < MOST * waited_s:
        return Spared({}, (
            f"{known_s / waited_s:.0%} of the time since was of queries of which runs were sampled in {NEEDED} hours "
            f"or days of the week before and of that after, and {MOST:.0%} are needed"
        ))  # fmt: skip
    drift, drift_variance = _drift(others)
    quantile = t_quantile(min(one.periods or 0 for one in (*known, *others)) - 1)
    by_month = {}
    for month in sorted({month for one in known for month in one.runs}):
        weighed = [(one.runs.get(month, 0), one) for one in known]
        would = drift * sum(runs * one.before for runs, one in weighed)
        took = sum(runs * one.since for runs, one in weighed)
        variance = would**2 * drift_variance + sum(
            runs**2 * (drift**2 * one.before_variance + one.since_variance) for runs, one in weighed
        )
        by_month[month] = (would - took, quantile * sqrt(variance))
    return Spared(by_month)


def _drift(others: Sequence[_Ran]) -> tuple[float, float]:
    """By how much what the change does not affect takes longer since, and the variance of its logarithm."""
    weighed = [(sum(one.runs.values()), one) for one in others]
    before = sum(runs * one.before for runs, one in weighed)
    since = sum(runs * one.since for runs, one in weighed)
    if not before or not since:
        return 1.0, 0.0
    variance = sum(runs**2 * (one.before_variance / before**2 + one.since_variance / since**2) for runs, one in weighed)
    return since / before, variance


def _rows(tx: DuckDBPyConnection, carried: Sequence[Carried]) -> Sequence[Sequence[Any]]:
    if not carried:
        return []
    return tx.execute(
        """
        WITH changes AS (
            SELECT carried.*, context FROM (
                SELECT unnest($operations) AS operation_id, unnest($products) AS product,
                       unnest($databases) AS database, unnest($done::TIMESTAMP[]) AS done,
                       unnest($taken_back::TIMESTAMP[]) AS taken_back
            ) AS carried JOIN agent_decisions
            ON operation_type = 'apply' AND context->>'operation_id' = operation_id
        ), affected AS (
            SELECT *, true AS affected, unnest(list_distinct(list_concat(
                from_json(context->'watched', '["VARCHAR"]'), json_keys(context->'replaced')
            ))) AS fingerprint
            FROM changes
        ), watched AS (
            SELECT * FROM affected
            UNION ALL
            SELECT * FROM (
                SELECT *, false AS affected, unnest(from_json(context->'compared', '["VARCHAR"]')) AS fingerprint
                FROM changes
            ) ANTI JOIN affected USING (product, database, fingerprint)
        ), placed AS (
            SELECT operation_id, done, taken_back, affected, patterns.pattern_id, old.pattern_id AS old_id
            FROM watched JOIN patterns USING (product, database, fingerprint)
            LEFT JOIN patterns AS old ON old.product = watched.product AND old.database = watched.database
                AND old.fingerprint = coalesce(context->'replaced'->>watched.fingerprint, watched.fingerprint)
        ), periods AS (
            SELECT pattern_id, start, start + if(period = 'day', INTERVAL 1 DAY, INTERVAL 1 HOUR) AS ends,
                   sum(runs) AS runs, sum(latency_us) AS latency_us, sum(sampled)::DOUBLE AS sampled,
                   sum(cpu_us)::DOUBLE AS cpu_us
            FROM pattern_hours WHERE period <> 'ever' GROUP BY ALL
        ), since AS (
            SELECT placed.*, periods.* EXCLUDE (pattern_id)
            FROM placed JOIN periods USING (pattern_id)
            WHERE start >= done AND ends <= coalesce(taken_back, 'infinity')
        ), sampled AS (
            SELECT operation_id, placed.pattern_id, true AS before, sampled, cpu_us
            FROM placed JOIN periods ON periods.pattern_id = old_id
            WHERE start >= date_trunc('day', done - INTERVAL 7 DAY) AND ends <= done AND sampled > 0
            UNION ALL
            SELECT operation_id, pattern_id, false, sampled, cpu_us
            FROM since WHERE ends <= date_trunc('day', done) + INTERVAL 8 DAY AND sampled > 0
        ), means AS (
            SELECT *, sum(sampled) OVER side AS all_sampled, sum(cpu_us) OVER side / sum(sampled) OVER side AS mean_us
            FROM sampled WINDOW side AS (PARTITION BY operation_id, pattern_id, before)
        ), estimated AS (
            SELECT operation_id, pattern_id, before, count(*) AS periods, any_value(mean_us) / 1e6 AS mean,
                   count(*) / (count(*) - 1) * sum((cpu_us - mean_us * sampled) ** 2) / any_value(all_sampled) ** 2
                       / 1e12 AS variance
            FROM means GROUP BY operation_id, pattern_id, before HAVING count(*) >= $needed
        ), known AS (
            SELECT operation_id, pattern_id, least(was.periods, now.periods) AS periods, was.mean AS was,
                   was.variance AS was_variance, now.mean AS now, now.variance AS now_variance
            FROM estimated AS was JOIN estimated AS now USING (operation_id, pattern_id)
            WHERE was.before AND NOT now.before
        ), by_month AS (
            SELECT operation_id, affected, pattern_id, date_trunc('month', start)::DATE AS month,
                   sum(runs)::BIGINT AS runs, sum(latency_us) / 1e6 AS waited_s
            FROM since GROUP BY ALL
        )
        SELECT operation_id, affected, list({month: month, runs: runs} ORDER BY month), sum(waited_s),
               any_value(periods), any_value(was), any_value(was_variance), any_value(now), any_value(now_variance)
        FROM by_month LEFT JOIN known USING (operation_id, pattern_id)
        GROUP BY operation_id, affected, pattern_id ORDER BY operation_id, pattern_id
        """,
        {
            "operations": [one.operation_id for one in carried],
            "products": [one.product for one in carried],
            "databases": [one.database for one in carried],
            "done": [naive(one.done) for one in carried],
            "taken_back": [one.taken_back and naive(one.taken_back) for one in carried],
            "needed": NEEDED,
        },
    ).fetchall()
