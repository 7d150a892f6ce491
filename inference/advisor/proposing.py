"""From an analysis request to what is worth measuring, best first."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.actions import unpack
from schemas.definition import after, touched
from schemas.errors import ActionError
from schemas.records import AnalysisRequest, Candidate, Mute, Refusal, Table
from schemas.render import Name, Tables, by_name, render

from ..priors import factors
from .rule import Finding, Rule
from .rules import RULES
from .tables import name_of
from .workload import Workload

CANDIDATES = 40
REFUSALS = 40
REFUSALS_OF_A_RULE = 8
LEAST_SHARE = 0.002
"""A candidate must promise this share of the workload's time."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Candidates best first: by the time of the window that they should save (see `rule.Finding`) and by what came of
    their rule's suggestions before (see `inference.priors`).

    `tables` are to be cloned, as `schema.name`; `definitions` are those, and what depends on what the actions change.
    """

    candidates: list[Candidate]
    refused: list[Refusal]
    tables: list[str]
    definitions: list[Table]


def advise(request: AnalysisRequest, most: int = CANDIDATES) -> Advice:
    """At `most` so many candidates: what a budget can measure."""
    workload = Workload(request)
    findings = [finding for rule in RULES for finding in _found_by(rule, workload)]
    proposed, dropped = _chosen(findings, workload, request, most)
    refused = [*_unreadable(workload), *_refused(findings), *dropped]
    read = _read(workload, proposed)
    tables = by_name(workload.tables.all)
    needed = read | {place for one in proposed for action in one.actions for place in touched(unpack(action), tables)}
    return Advice(
        candidates=proposed,
        refused=refused,
        tables=sorted(".".join(name) for name, table in tables.items() if name in read and table.kind != "file"),
        definitions=[table for name, table in tables.items() if name in needed],
    )


def _found_by(rule: Rule, workload: Workload) -> list[Finding]:
    try:
        return list(rule.propose(workload))
    except Exception as error:  # noqa: BLE001 - a statement that one rule stumbles on must not cost the other rules
        return [rule.refusal("Every idea of this rule", f"it failed on a statement: {error!r}", workload.queries)]


def _chosen(
    findings: Iterable[Finding], workload: Workload, request: AnalysisRequest, most: int
) -> tuple[list[Candidate], list[Refusal]]:
    """The candidates to measure, in order, and why the others are none."""
    priors = factors(request.experience)
    tables = by_name(workload.tables.all)
    ranked = [(finding.found, finding.weight_us) for finding in findings if isinstance(finding.found, Candidate)]
    ranked.sort(key=lambda pair: (-pair[1] * priors.get(pair[0].rule, 1.0), pair[0].candidate_id))
    chosen: dict[str, Candidate] = {}
    dropped = []
    for candidate, weight_us in ranked:
        if candidate.candidate_id in chosen:
            continue
        reason = None
        if mute := next((one for one in request.mutes if _is_muted(candidate, one)), None):
            reason = mute.reason
        elif weight_us < LEAST_SHARE * workload.total_us and candidate.affected:
            reason = "the queries that it should help take too little of the time to be worth measuring"
        elif problem := _unrenderable(candidate, tables):
            reason = problem
        elif len(chosen) >= most:
            reason = f"{most} others promise more"
        if reason:
            dropped.append(Refusal(rule=candidate.rule, title=candidate.title, reason=reason))
        else:
            chosen[candidate.candidate_id] = candidate.model_copy(update={"prior": priors.get(candidate.rule, 1.0)})
    return list(chosen.values()), dropped


def _is_muted(candidate: Candidate, mute: Mute) -> bool:
    places = {(getattr(body, "schema_name", ""), getattr(body, "table", "")) for body in map(unpack, candidate.actions)}
    names = {name.lower() for schema, table in places for name in (table, f"{schema}.{table}")}
    return candidate.rule == mute.rule and (not mute.table or mute.table.lower() in names)


def _unrenderable(candidate: Candidate, tables: Tables) -> str | None:
    try:
        for body in map(unpack, candidate.actions):
            render(body, tables)
            tables = after(body, tables)
    except ActionError as error:
        return str(error)
    return None


def _refused(findings: Iterable[Finding]) -> list[Refusal]:
    """Those about the most time, not too many of one rule."""
    refusals = [(finding.found, finding.weight_us) for finding in findings if isinstance(finding.found, Refusal)]
    of_rule: Counter[str] = Counter()
    kept: list[Refusal] = []
    for refusal, _ in sorted(refusals, key=lambda pair: -pair[1]):
        of_rule[refusal.rule] += 1
        if of_rule[refusal.rule] <= REFUSALS_OF_A_RULE and len(kept) < REFUSALS:
            kept.append(refusal)
    return kept


def _unreadable(workload: Workload) -> list[Refusal]:
    """Statements that no rule looked at, in one refusal for each reason."""
    reasons: Counter[str] = Counter(workload.unreadable.values())
    return [
        Refusal(rule="reading", title=f"{count} statement{'s' if count > 1 else ''} not read", reason=reason)
        for reason, count in reasons.most_common()
    ]


def _read(workload: Workload, candidates: Iterable[Candidate]) -> set[Name]:
    """Tables, views and files that the affected queries and the actions read."""
    affected = {fingerprint for candidate in candidates for fingerprint in candidate.affected}
    read = workload.touched(query for query in workload.queries if query.shape.fingerprint in affected)
    for candidate in candidates:
        for action in candidate.actions:
            body = unpack(action)
            schema, table = getattr(body, "schema_name", ""), getattr(body, "table", "")
            if found := workload.tables.find(schema, table):
                read.add(name_of(found))
    return read
