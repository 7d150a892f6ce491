"""From an analysis request to what is worth measuring, best first.

In two steps, for whoever ranks is asked between them: what the rules propose, and which of it can be tried.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.actions import unpack
from schemas.definition import after, touched
from schemas.errors import ActionError
from schemas.measure.verdict import NOT_REACHED
from schemas.records import AnalysisRequest, Candidate, Mute, Refusal, Table
from schemas.render import Name, Tables, by_name, render

from ..judgement.judged import Judgement
from ..priors import factors
from .rule import Finding, Rule
from .rules import RULES
from .tables import name_of
from .workload import Workload

PROPOSED = 1_000
"""Are ranked at the most."""
CANDIDATES = 40
"""Are tried, or more where the budget allows."""
SCREENING_S = 0.4
"""Of the budget for a first look at one, about (24 of 1M rows in 9 s)."""
REFUSALS = 40
REFUSALS_OF_A_RULE = 8
LEAST_SHARE = 0.002
"""A candidate must promise this share of the workload's time."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the rules propose: by the time of the window that it should save (see `rule.Finding`) and by what came of
    their suggestions before (see `inference.priors`)."""

    request: AnalysisRequest
    workload: Workload
    candidates: list[Candidate]
    refused: list[Refusal]


@dataclass(frozen=True, slots=True)
class Advice:
    """Candidates best first: by what the rules promise, their experience, and the probability that a ranker gives it.

    `tables` are to be cloned, as `schema.name`; `definitions` are those, and what depends on what the actions change.
    """

    candidates: list[Candidate]
    refused: list[Refusal]
    tables: list[str]
    definitions: list[Table]
    ranker: str = "rules"
    ranker_version: str = ""


def advise(request: AnalysisRequest) -> Advice:
    """By the rules alone."""
    return choose(propose(request))


def propose(request: AnalysisRequest) -> Proposal:
    workload = Workload(request)
    findings = [finding for rule in RULES for finding in _found_by(rule, workload)]
    proposed, dropped = admitted(findings, workload, request)
    refused = [*_unreadable(workload), *_refused(findings), *dropped]
    return Proposal(request, workload, proposed, refused)


def choose(proposal: Proposal, judgement: Judgement | None = None) -> Advice:
    """`judgement` is of the proposal's candidates, in their order."""
    workload, proposed = proposal.workload, proposal.candidates
    if judgement:
        told = zip(proposed, judgement.ranking.gain, judgement.ranking.preference, strict=True)
        proposed = [
            one.model_copy(update={"likely": float(gain), "preference": float(preference)})
            for one, gain, preference in told
        ]
    proposed = sorted(proposed, key=lambda one: -one.promised_s * one.prior * one.likely)
    room = max(CANDIDATES, int(proposal.request.budget_s / SCREENING_S))
    chosen, others = proposed[:room], proposed[room:]
    reason = f"{room} others promise more"
    dropped = [Refusal(rule=one.rule, title=one.title, reason=reason, verdict=NOT_REACHED) for one in others]
    read = _read(workload, chosen)
    tables = by_name(workload.tables.all)
    needed = read | {place for one in chosen for action in one.actions for place in touched(unpack(action), tables)}
    return Advice(
        candidates=chosen,
        refused=[*proposal.refused, *dropped[:REFUSALS]],
        tables=sorted(".".join(name) for name, table in tables.items() if name in read and table.kind != "file"),
        definitions=[table for name, table in tables.items() if name in needed],
        ranker=judgement.ranker if judgement else "rules",
        ranker_version=judgement.version if judgement else "",
    )


def _found_by(rule: Rule, workload: Workload) -> list[Finding]:
    try:
        return list(rule.propose(workload))
    except Exception as error:  # noqa: BLE001 - a statement that one rule stumbles on must not cost the other rules
        return [rule.refusal("Every idea of this rule", f"it failed on a statement: {error!r}", workload.queries)]


def admitted(
    findings: Iterable[Finding], workload: Workload, request: AnalysisRequest
) -> tuple[list[Candidate], list[Refusal]]:
    """The candidates among them, in order, and why the others are none."""
    tables, priors = by_name(workload.tables.all), factors(request.experience)
    ranked = [(finding.found, finding.weight_us) for finding in findings if isinstance(finding.found, Candidate)]
    ranked.sort(key=lambda pair: (-pair[1] * priors.get(pair[0].rule, 1.0), pair[0].candidate_id))
    chosen: dict[str, Candidate] = {}
    dropped = []
    for candidate, weight_us in ranked:
        if candidate.candidate_id in chosen:
            continue
        reason, verdict = None, "refused"
        if mute := next((one for one in request.mutes if _is_muted(candidate, one)), None):
            reason, verdict = mute.reason, NOT_REACHED
        elif weight_us < LEAST_SHARE * workload.total_us and candidate.affected:
            reason = "the queries that it should help take too little of the time to be worth measuring"
        elif problem := _unrenderable(candidate, tables):
            reason = problem
        elif len(chosen) >= PROPOSED:
            reason, verdict = f"{PROPOSED} others promise more", NOT_REACHED
        if reason:
            dropped.append(Refusal(rule=candidate.rule, title=candidate.title, reason=reason, verdict=verdict))
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
