"""What a rule is and what it finds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from schemas.actions import Body, actions_hash, pack
from schemas.records import Candidate, Refusal, Table

from .workload import Query, Workload


@dataclass(frozen=True, slots=True)
class Finding:
    """A candidate, or what was looked at and refused. `weight_us` is the time of the window that it concerns.

    For a candidate that is the prior: the time of the queries that should gain x (1 - 1 / the typical gain).
    """

    found: Candidate | Refusal
    weight_us: float


Findings = Iterator[Finding]


@dataclass(frozen=True, slots=True)
class Rule:
    """`typical_gain` is before / after on a query that gains, as measured (see the rule's file)."""

    name: str
    typical_gain: float
    search: Callable[["Rule", Workload], Findings]

    def propose(self, workload: Workload) -> Findings:
        return self.search(self, workload)

    def candidate(
        self,
        title: str,
        reason: str,
        actions: Iterable[Body],
        *,
        gaining: Iterable[Query],
        affected: Iterable[Query],
        equality: str,
        equality_reason: str,
        part: float = 1.0,
    ) -> Finding:
        """`affected` are all whose time may change, the `gaining` among them by a `part` of theirs."""
        packed = [pack(body) for body in actions]
        gaining = list(gaining)
        weight_us = part * time_of(gaining) * (1 - 1 / self.typical_gain)
        fingerprints = dict.fromkeys(query.shape.fingerprint for query in (*gaining, *affected))
        found = Candidate(
            candidate_id=actions_hash(packed)[:16],
            rule=self.name,
            title=title,
            reason=reason,
            actions=packed,
            affected=list(fingerprints),
            equality=equality,
            equality_reason=equality_reason,
            gaining=list(dict.fromkeys(query.shape.fingerprint for query in gaining)),
            promised_s=weight_us / 1e6,
        )
        return Finding(found, weight_us)

    def refusal(self, title: str, reason: str, queries: Iterable[Query]) -> Finding:
        return Finding(Refusal(rule=self.name, title=title, reason=reason), time_of(queries))


def time_of(queries: Iterable[Query]) -> float:
    return float(sum(query.shape.total_us for query in {query.shape.fingerprint: query for query in queries}.values()))


def of_the_time(workload: Workload, queries: Iterable[Query]) -> str:
    """`4 queries (61 % of the time)`."""
    distinct = {query.shape.fingerprint: query for query in queries}
    count = "1 query" if len(distinct) == 1 else f"{len(distinct)} queries"
    percent = round(100 * workload.share(distinct.values()))
    return f"{count} ({percent or 'less than 1'} % of the time)"


def written(workload: Workload, tables: Iterable[Table]) -> str:
    """How often the tables were written in the window, as a clause of a reason."""
    times = {table.name: sum(query.shape.count for query in workload.writes_of(table)) for table in tables}
    found = [f"{name} was written {count:,} times in the window" for name, count in times.items() if count]
    return listed(found) if found else f"no write of {listed(times)} was seen"


def listed(names: Iterable[str]) -> str:
    """`a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
