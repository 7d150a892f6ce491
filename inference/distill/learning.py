"""What each statement of a workload takes and does on the unchanged database."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from schemas.errors import NotMeasurable
from schemas.measure.counters import work
from schemas.measure.gate import Gate
from schemas.measure.queries import READ, Query, probe
from schemas.measure.session import Session
from schemas.measure.statistics import median_interval
from schemas.measure.timing import timed
from schemas.measure.writes import Pairs, replayed
from schemas.records import WorkloadShape

from .bench import LIMIT_S
from .labelled import KnownShape
from .queries import Asked

SLOWEST_S = 0.75
"""A query that takes longer is left out of the workload: its labels would cost those of many others."""
SLOWEST_WRITE_S = 0.3
RUNS = 2
"""Of each exemplar."""
MOST_ROWS = 100_000
"""Counted of a result."""

Tick = Callable[[], None]


@dataclass(slots=True)
class Learned:
    """`own` holds for each write the bounds of the ratio of its replays on two identical copies.

    `left_out` says why shapes are not among the others, by template.
    """

    shapes: list[KnownShape] = field(default_factory=list)
    own: dict[str, tuple[float, float]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def learn(session: Session, asked: Sequence[Asked], tick: Tick) -> Learned:
    """Fills the session's queries. `tick` is called before each."""
    gate = Gate(session.before.sandbox)
    learned = Learned()
    for one in asked:
        if one.kind == READ:
            tick()
            try:
                query = probe(_shape(one), session.job.exemplars[one.fingerprint], session.before, gate,
                              session.copies, LIMIT_S)  # fmt: skip
                if query.run_s > SLOWEST_S:
                    raise NotMeasurable(f"it takes {query.run_s:.1f} s")
                learned.shapes.append(_known(session, one, query))
            except NotMeasurable as error:
                learned.left_out[one.template] = str(error)
            else:
                session.queries[one.fingerprint] = query
    if writes := [one for one in asked if one.kind != READ]:
        _learn_writes(session, writes, learned)
    return learned


def ratios(pairs: Pairs) -> list[float]:
    """Before / after of each replay."""
    return [one / two for one, two in zip(pairs.before, pairs.after, strict=True)]


def _learn_writes(session: Session, writes: Sequence[Asked], learned: Learned) -> None:
    asked = {one.fingerprint: one for one in writes}
    found = replayed(session, session.bench.file, [_shape(one) for one in writes])
    learned.left_out |= {asked[one].template: reason for one, reason in found.problems.items()}
    for shape, pairs in found.measured:
        one = asked[shape.fingerprint]
        if median(pairs.before) > SLOWEST_WRITE_S:
            learned.left_out[one.template] = f"it takes {median(pairs.before):.1f} s"
            continue
        own = median_interval(ratios(pairs))
        learned.own[shape.fingerprint] = own.low, own.high
        learned.shapes.append(_described(one, pairs.before + pairs.after, 1, (0, 0, 0)))


def _known(session: Session, asked: Asked, query: Query) -> KnownShape:
    sandbox, statements = session.before.sandbox, query.statements(session.before)
    taken_s = [timed(session.before, one, LIMIT_S).wall for one in statements for _ in range(RUNS)]
    with sandbox.limit(2 * LIMIT_S):
        counted = work(sandbox, statements[0])
        rows = len(sandbox.first(statements[0], MOST_ROWS))
    return _described(asked, taken_s, rows, (counted.rows, counted.row_groups, counted.intermediate_bytes))


def _described(asked: Asked, taken_s: Iterable[float], rows: int, counted: tuple[int, int, int]) -> KnownShape:
    cuts = quantiles(taken_s, n=20, method="inclusive")
    return KnownShape(
        template=asked.template,
        fingerprint=asked.fingerprint,
        statement=asked.statement,
        kind=asked.kind,
        p50_us=max(1, round(1e6 * cuts[9])),
        p95_us=max(1, round(1e6 * cuts[18])),
        rows=rows,
        rows_scanned=counted[0],
        row_groups=counted[1],
        intermediate_bytes=counted[2],
    )


def _shape(asked: Asked) -> WorkloadShape:
    return WorkloadShape(fingerprint=asked.fingerprint, statement=asked.statement, kind=asked.kind, count=1, errors=0,
                         rows=0, total_us=0, p50_us=0, p95_us=0)  # fmt: skip
