"""Which changes are worth a label: those that the rules propose for the lists that a database will give."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from inference.advisor import propose
from schemas.actions import Body, Rewrite, pack
from schemas.records import AnalysisRequest, Candidate, CatalogSnapshot, WorkloadShape

from .analysis import as_often, drawn, request
from .labelled import parts_of

BUILD_S = 3.0
RUNS = 20
"""Guesses of what trying takes: to make a change, and how often a query is run for a pair."""


@dataclass(slots=True)
class Wanted:
    """A change with all queries that it concerns in any list. `lists` counts those that propose it.

    `texts` are what it makes of a query's text, by fingerprint, which may differ from list to list.
    """

    change_id: str
    bodies: list[Body]
    rule: str
    lists: int = 0
    affected: dict[str, None] = field(default_factory=dict)
    texts: dict[str, dict[str, None]] = field(default_factory=dict)

    def seconds(self, shapes: Mapping[str, WorkloadShape]) -> float:
        """What trying it will take, about."""
        run_us = sum(shapes[one].p50_us * len(self.texts.get(one, ("",))) for one in self.affected)
        return RUNS * run_us / 1e6 + (BUILD_S if self.bodies else 0.0)

    @property
    def kinds(self) -> str:
        return " ".join(body.kind for body in self.bodies) or Rewrite.kind

    def candidates(self) -> Iterator[Candidate]:
        """As few as can be tried together: one query has one text at a time. Without a change of the database nothing
        is gained by trying two rewrites together, and one may fail.
        """
        if not self.bodies:
            for fingerprint, known in self.texts.items():
                for text in known:
                    yield self._candidate([fingerprint], {fingerprint: text})
            return
        rounds = max(map(len, self.texts.values()), default=1)
        for number in range(rounds):
            texts = {one: list(found)[number] for one, found in self.texts.items() if number < len(found)}
            unchanged = [one for one in self.affected if one not in self.texts] if number == 0 else []
            yield self._candidate([*unchanged, *texts], texts)

    def _candidate(self, affected: list[str], texts: dict[str, str]) -> Candidate:
        rewrites = [Rewrite(fingerprint=one, statement=text) for one, text in texts.items()]
        return Candidate(
            candidate_id=self.change_id,
            rule=self.rule,
            title="",
            reason="",
            actions=[pack(body) for body in (*self.bodies, *rewrites)],
            affected=affected,
            equality="physical",
            equality_reason="",
        )


def wanted(catalog: CatalogSnapshot, known: Iterable[WorkloadShape], lists: int) -> list[Wanted]:
    """Those first that give most lists a label for each second. One list has all shapes, each with the same time."""
    shapes = list(known)
    by_id = {shape.fingerprint: shape for shape in shapes}
    slowest = max(shape.p50_us for shape in shapes)
    whole = request(catalog, [as_often(one, 1 + slowest // one.p50_us) for one in shapes], catalog.database, full=True)
    found: dict[str, Wanted] = {}
    for one in (whole, *(drawn(catalog, shapes, seed) for seed in range(lists))):
        _add(one, found)
    return sorted(found.values(), key=lambda one: (-one.lists / one.seconds(by_id), one.change_id))


def _add(of: AnalysisRequest, found: dict[str, Wanted]) -> None:
    changes = set()
    for candidate in propose(of).candidates:
        parts = parts_of(candidate)
        one = found.setdefault(parts.change_id, Wanted(parts.change_id, parts.in_database, candidate.rule))
        one.affected |= dict.fromkeys(candidate.affected)
        for fingerprint, text in parts.texts.items():
            one.texts.setdefault(fingerprint, {})[text] = None
        changes.add(parts.change_id)
    for change_id in changes:
        found[change_id].lists += 1
