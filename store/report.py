"""What changes promised and what came, by month: the time that they save, less what the sidecar takes itself.

Saved is counted, not guessed: of a change with a verdict ("confirmed", or "worse", which counts against it), the time
that the runs of its affected queries took since, in whole hours (whole days, once hours are no longer kept) until it
was taken back, times `time_ratio - 1`: by that they would have taken longer without it. The ratio is the one that was
measured when it was judged, of all affected queries together, against the queries that the change does not affect.
The ends of a sum's interval are the sums of the ends, as if all erred the same way.

Of the same changes `processor_time` estimates the processor seconds, for the same runs.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from duckdb import DuckDBPyConnection

from .knowledge import zoned
from .processor_time import Carried, Spared, spared
from .readings import Rejected, rejected
from .watches import Judge

UNLABELLED = "(no label)"
UNKNOWN = (
    "What the client takes in the product's process to log queries, and what the sidecar's own processes take: "
    "neither is recorded, and of measuring and carrying out the time is known and not what they take of processors. So "
    "nothing is taken off the processor seconds that were saved.",
    "Runs of the hour in which a change was made or taken back, and what was folded away because it is old or rare.",
)


@dataclass(frozen=True, slots=True)
class Saved:
    """Seconds that callers waited less, or of processors, with the 95 % interval; below 0 where they were more."""

    seconds: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: "Saved") -> "Saved":
        return Saved(self.seconds + other.seconds, self.low + other.low, self.high + other.high)


@dataclass(frozen=True, slots=True)
class Cost:
    """`measured_s` on the product's machine, its clones included, of `analyses`, of which `untold` do not say it.

    `operated_s` is what carrying out and taking back took, also where it gave way; `waited_s` what writers were held
    back for, at the most.
    """

    measured_s: float = 0.0
    analyses: int = 0
    untold: int = 0
    operated_s: float = 0.0
    operations: int = 0
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Month:
    """`month` is its first day; `net` is `saved` less the cost that is known.

    `saved` is of so many `changes`, and `processor`, which are processor seconds, of `processor_changes` of them.
    """

    month: date
    saved: Saved
    cost: Cost
    net: Saved
    processor: Saved = Saved()
    processor_changes: int = 0
    changes: int = 0


@dataclass(frozen=True, slots=True)
class Ratio:
    """Before / after, with its interval."""

    speedup: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Change:
    """One that was carried out. `verdict` is "confirmed", "worse", "inconclusive", or "open" while it is watched.

    `came` is None where nothing ran to tell; `broken` says how a promise was not kept, None where it was or nobody
    knows. `saved` is None where it was not measured, and so is `processor`, of which `processor_unknown` says why.
    """

    operation_id: str
    product: str
    database: str
    suggestion_id: str
    rule: str
    title: str
    done: datetime
    taken_back: datetime | None
    verdict: Literal["confirmed", "worse", "inconclusive", "open"]
    reason: str
    promised: Ratio | None
    came: Ratio | None
    broken: str | None
    saved: Saved | None
    processor: Saved | None = None
    processor_unknown: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """A label of the caller's. A query's time is shared out as its runs of all time are, which labels are kept for."""

    route: str
    saved: Saved


@dataclass(frozen=True, slots=True)
class Report:
    """`months` the newest first, `changes` as they were carried out, `routes` by what they were saved, `rejected` the
    most frequent reason first.

    `unknown` is what no figure holds.
    """

    month: date | None
    product: str | None
    months: list[Month]
    changes: list[Change]
    routes: list[Route]
    rejected: list[Rejected]
    unknown: list[str]


ENDED = """
    SELECT operations.*, ended, state, outcome
    FROM operations JOIN (
        SELECT operation_id::UUID AS operation_id, product, database, timestamp AS ended, state, record AS outcome
        FROM outcomes
    ) USING (operation_id, product, database)
"""
CARRIED = f"""
    WITH ended AS ({ENDED})
    SELECT one.operation_id, one.product, one.database, one.suggestion_id, one.revision, one.sequence,
           one.ended AS done, min(back.ended) AS taken_back
    FROM ended AS one LEFT JOIN ended AS back ON back.kind = 'revert' AND back.state = 'done'
        AND back.suggestion_id = one.suggestion_id AND back.revision = one.revision
        AND back.first_step <= one.first_step AND back.sequence > one.sequence
    WHERE one.kind = 'apply' AND one.state = 'done' AND one.product = coalesce(?, one.product)
    GROUP BY ALL
"""  # noqa: S608 - a constant of this module


def report(tx: DuckDBPyConnection, month: date | None = None, product: str | None = None) -> Report:
    """Of one month, by its first day, or all; a change belongs to the months in which it was in force."""
    changes, judged = _changes(tx, product)
    carried = [Carried(one.operation_id, one.product, one.database, one.done, one.taken_back) for one in changes]
    processor = spared(tx, carried)
    counted: dict[date, set[str]] = defaultdict(set)
    by_month: dict[date, Saved] = defaultdict(Saved)
    by_change: dict[str, Saved] = defaultdict(Saved)
    by_route: dict[str, Saved] = defaultdict(Saved)
    for operation_id, of, seconds, shares in _took(tx, product):
        if operation_id in judged and month in (None, of):
            saved = _saved(seconds, judged[operation_id])
            counted[of].add(operation_id)
            by_month[of] += saved
            by_change[operation_id] += saved
            for route, share in shares.items():
                by_route[route] += _saved(seconds * share, judged[operation_id])
    costs = {of: cost for of, cost in _costs(tx, product).items() if month in (None, of)}
    return Report(
        month=month,
        product=product,
        months=[
            _month(of, by_month[of], costs.get(of, Cost()), [processor[one] for one in sorted(counted[of])])
            for of in sorted({*by_month, *costs}, reverse=True)
        ],
        changes=[
            _counted(one, by_change[one.operation_id], processor[one.operation_id], month)
            if one.operation_id in judged
            else one
            for one in changes
            if month is None or _in_force(one, month)
        ],
        routes=[Route(*one) for one in sorted(by_route.items(), key=lambda pair: (-pair[1].seconds, pair[0]))],
        rejected=rejected(tx, month, product),
        unknown=list(UNKNOWN),
    )


def _changes(tx: DuckDBPyConnection, product: str | None) -> tuple[list[Change], dict[str, Judge]]:
    """In the order in which they were carried out; and by operation what was judged, where it can be counted by."""
    rows = tx.execute(
        f"""
        SELECT carried.operation_id::VARCHAR, carried.product, carried.database, suggestion_id::VARCHAR, rule, title,
               done, taken_back, verdicts.record
        FROM ({CARRIED}) AS carried JOIN suggestions USING (suggestion_id, revision)
        LEFT JOIN verdicts USING (operation_id) ORDER BY done, carried.sequence
        """,  # noqa: S608 - a constant of this module
        [product],
    ).fetchall()
    changes, judged = [], {}
    for *row, record in rows:
        found = Judge.model_validate_json(record) if record else None
        changes.append(_change(found, *zoned(row)))
        if found and found.verdict != "inconclusive" and found.time_ratio is not None:
            judged[found.operation_id] = found
    return changes, judged


def _change(
    found: Judge | None, operation_id: str, product: str, database: str, suggestion_id: str, rule: str, title: str,
    done: datetime, taken_back: datetime | None,
) -> Change:  # fmt: skip
    broken = []
    if found and found.verdict == "worse":
        broken.append("it made things worse")
    elif found and found.as_promised is False:
        broken.append("less than promised")
    if taken_back:
        broken.append("taken back")
    return Change(
        operation_id=operation_id,
        product=product,
        database=database,
        suggestion_id=suggestion_id,
        rule=rule,
        title=title,
        done=done,
        taken_back=taken_back,
        verdict=found.verdict if found else "open",
        reason=found.reason if found else "it is still watched",
        promised=_ratio(found.promised, found.promised_low, found.promised_high) if found else None,
        came=_ratio(found.speedup, found.low, found.high) if found and found.slots else None,
        broken=", ".join(broken) or None,
        saved=None,
    )


def _took(tx: DuckDBPyConnection, product: str | None) -> Iterator[tuple[str, date, float, dict[str, float]]]:
    """By operation, month and affected query, the seconds that its runs took while the change was in force.

    With the part of each route in the runs of that query.
    """
    rows = tx.execute(
        f"""
        WITH affected AS (
            SELECT carried.*, unnest(list_distinct(list_concat(
                from_json(context->'watched', '["VARCHAR"]'), json_keys(context->'replaced')
            ))) AS fingerprint
            FROM ({CARRIED}) AS carried JOIN agent_decisions
            ON operation_type = 'apply' AND context->>'operation_id' = operation_id::VARCHAR
        )
        SELECT operation_id::VARCHAR, date_trunc('month', start)::DATE AS month, sum(latency_us) / 1e6,
               any_value(routes), any_value(occurrence_count)
        FROM affected JOIN patterns USING (product, database, fingerprint)
        JOIN observed_patterns USING (pattern_id) JOIN pattern_hours USING (pattern_id)
        WHERE start >= done
            AND start + if(period = 'day', INTERVAL 1 DAY, INTERVAL 1 HOUR) <= coalesce(taken_back, 'infinity')
        GROUP BY operation_id, pattern_id, month ORDER BY operation_id, pattern_id, month
        """,  # noqa: S608 - a constant of this module
        [product],
    ).fetchall()
    for operation_id, month, seconds, routes, runs in rows:
        labelled = sum(routes.values())
        of_routes = {**routes, UNLABELLED: runs - labelled} if runs > labelled else routes
        yield operation_id, month, seconds, {route: own / max(runs, labelled) for route, own in of_routes.items()}


def _costs(tx: DuckDBPyConnection, product: str | None) -> dict[date, Cost]:
    measured = tx.execute(
        """
        SELECT month, coalesce(sum(seconds), 0), count(*), count(*) - count(seconds)
        FROM (
            SELECT date_trunc('month', asked)::DATE AS month,
                   max((record->>'measured_s')::DOUBLE + (record->'machine'->>'clone_s')::DOUBLE) AS seconds
            FROM analyses LEFT JOIN suggestions USING (analysis_id)
            WHERE analyses.product = coalesce(?, analyses.product)
            GROUP BY analysis_id, asked
        ) GROUP BY month
        """,
        [product],
    ).fetchall()
    operated = tx.execute(
        f"""
        SELECT date_trunc('month', ended)::DATE AS month, sum((outcome->>'seconds')::DOUBLE), count(*),
               sum((outcome->>'waiting')::BIGINT * (outcome->>'waited_ms')::DOUBLE) / 1000
        FROM ({ENDED}) WHERE product = coalesce(?, product) GROUP BY month
        """,  # noqa: S608 - a constant of this module
        [product],
    ).fetchall()
    costs = {month: Cost(seconds, analyses, untold) for month, seconds, analyses, untold in measured}
    for month, seconds, operations, waited_s in operated:
        of = costs.get(month, Cost())
        costs[month] = replace(of, operated_s=seconds, operations=operations, waited_s=waited_s)
    return costs


def _month(of: date, saved: Saved, cost: Cost, told: Sequence[Spared]) -> Month:
    own = cost.measured_s + cost.operated_s + cost.waited_s
    known = [one for one in told if not one.unknown]
    processor = sum((_processor(one, of) for one in known), Saved())
    return Month(of, saved, cost, saved + Saved(-own, -own, -own), processor, len(known), len(told))


def _counted(one: Change, saved: Saved, told: Spared, month: date | None) -> Change:
    processor = sum((_processor(told, of) for of in told.by_month if month in (None, of)), Saved())
    known = None if told.unknown else processor
    return replace(one, saved=saved, processor=known, processor_unknown=told.unknown)


def _processor(told: Spared, month: date) -> Saved:
    seconds, error = told.by_month.get(month, (0.0, 0.0))
    return Saved(seconds, seconds - error, seconds + error)


def _saved(took_s: float, by: Judge) -> Saved:
    return Saved(*(took_s * ((ratio or 1.0) - 1) for ratio in (by.time_ratio, by.time_low, by.time_high)))


def _ratio(speedup: float | None, low: float | None, high: float | None) -> Ratio | None:
    return None if speedup is None or low is None or high is None else Ratio(speedup, low, high)


def _in_force(one: Change, month: date) -> bool:
    def months(at: date) -> int:
        return 12 * at.year + at.month

    return months(one.done) <= months(month) <= months(one.taken_back or month)
