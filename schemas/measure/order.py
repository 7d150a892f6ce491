"""In which order candidates are tried: by what they should save, as far as their rule kept its word before and as
likely as a ranker says, for each second that trying them takes.

One that only rewrites queries which another answers as fast or faster comes after that one, and is then superseded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from ..actions import AddColumn, Body, ChangeType, Cluster, CreateIndex, CreateSummary
from ..records import Candidate
from .plan import Plan
from .queries import Query
from .screen import Screened
from .session import Session
from .timing import ROUNDS_LEAST

FIXED_S = 0.2
"""To copy the clone, to open and to close it."""
REWRITE_S_A_ROW, INDEX_S_A_ROW = 1.1e-6, 0.4e-6
"""Measured at 3M and 10M rows on DuckDB 2.0.0 with two threads; they only put candidates in order."""
RUNS_OF_A_GLANCE = 4


@dataclass(frozen=True, slots=True)
class Survivor:
    """A candidate that is worth being measured in full, and how long that will take."""

    plan: Plan
    found: Screened
    build_s: float
    cost_s: float

    @property
    def answers(self) -> dict[str, float]:
        """Seconds that a run of the queries takes which it rewrites, by fingerprint."""
        return {
            glance.query.fingerprint: glance.after_s
            for glance in self.found.glances
            if glance.query.fingerprint in self.plan.rewrites
        }

    def superseded_by(self, answers: Mapping[str, float]) -> bool:
        """Whether it rewrites queries, and all that it makes faster are answered as fast or faster so."""
        return bool(self.plan.rewrites) and all(
            answers.get(glance.query.fingerprint, inf) <= glance.after_s for glance in self.found.glances
        )


def to_screen(session: Session, plans: Sequence[Plan]) -> list[tuple[Plan, float]]:
    """With the seconds that screening each will take, about."""
    rows = {(table.schema_name, table.name): table.rows for table in session.job.request.definitions}
    return most_promising_first((plan, screening_s(plan, session.gaining(plan.candidate), rows)) for plan in plans)


def most_promising_first(costs: Iterable[tuple[Plan, float]]) -> list[tuple[Plan, float]]:
    """For each second; those that promise nothing come last, as they came."""
    return sorted(costs, key=lambda pair: _expected_s(pair[0].candidate) / pair[1], reverse=True)


def _expected_s(candidate: Candidate) -> float:
    return candidate.promised_s * candidate.prior * candidate.likely


def screening_s(plan: Plan, gaining: Sequence[Query], rows: Mapping[tuple[str, str], int]) -> float:
    """`rows` are those of the tables, by schema and name."""
    build_s = sum(
        _build_s(body, rows.get((getattr(body, "schema_name", ""), getattr(body, "table", "")), 0))
        for body in plan.in_database
    )
    if any(isinstance(body, CreateSummary) for body in plan.bodies):
        build_s += max((query.run_s for query in gaining), default=0.0)
    return FIXED_S + build_s + RUNS_OF_A_GLANCE * sum(query.run_s for query in gaining)


def _build_s(body: Body, rows: int) -> float:
    if isinstance(body, Cluster | ChangeType | AddColumn):
        return REWRITE_S_A_ROW * rows
    return INDEX_S_A_ROW * rows if isinstance(body, CreateIndex) else 0.0


def measuring_s(queries: Sequence[Query], found: Screened, build_s: float, now: Mapping[str, float]) -> float:
    """Of the fewest rounds, what is built and the comparison of results included.

    `queries` are all that it affects. `now` are the seconds of a run of those queries that what was accepted since the
    first look has made faster.
    """
    glanced = {glance.query.fingerprint: glance for glance in found.glances}
    round_s, compare_s = 0.0, 0.0
    for query in queries:
        glance = glanced.get(query.fingerprint)
        before_s = glance.before.wall / glance.pairs if glance else query.run_s
        after_s = glance.after_s if glance else query.run_s
        before_s = min(before_s, now.get(query.fingerprint, before_s))
        round_s += 2 * before_s + after_s
        compare_s += len(query.exemplars) * (before_s + after_s)
    return FIXED_S + build_s + compare_s + ROUNDS_LEAST * round_s


def to_measure(survivors: Sequence[Survivor]) -> list[Survivor]:
    ranked = sorted(survivors, key=lambda one: one.found.saved_s * one.plan.candidate.likely / one.cost_s, reverse=True)

    def place(number: int) -> tuple[int, bool]:
        later = range(number + 1, len(ranked))
        better = [other for other in later if ranked[number].superseded_by(ranked[other].answers)]
        return max(better, default=number), bool(better)

    return [ranked[number] for number in sorted(range(len(ranked)), key=place)]
