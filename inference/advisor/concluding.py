"""From a measurement to suggestions: what gained, in the order that it was measured in; or that there is nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from schemas.actions import Rewrite, suggestion_id, unpack
from schemas.errors import ActionError
from schemas.ids import derived_id
from schemas.measure.verdict import NOT_REACHED
from schemas.plan import plan_hash, steps
from schemas.records import (
    Action,
    AnalysisRequest,
    Candidate,
    CandidateResult,
    Considered,
    Machine,
    Measurement,
    Position,
    Refusal,
    Step,
    Suggestion,
)
from schemas.render import by_name

from .gain import Figures, figures, limits
from .proposing import Advice

CONSIDERED = 60
NOT_MEASURABLE = 10
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Occasion:
    """The record that led to it: its place, its time and who works on it. Ids and times come from these alone."""

    cause: Position
    time: datetime
    instance: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A candidate that gained, and how it is to be done."""

    candidate: Candidate
    result: CandidateResult
    figures: Figures
    steps: list[Step] = field(default_factory=list)


def conclude(measurement: Measurement, occasion: Occasion) -> list[Suggestion]:
    """Suggestions best first, each with all else that was considered; or the one that there is nothing to do."""
    request = measurement.request
    results = {result.candidate_id: result for result in measurement.results}
    kept: list[Kept] = []
    others: list[Considered] = []
    for candidate in request.candidates:
        result = results.get(candidate.candidate_id)
        if result is None:
            others.append(_considered(candidate, NOT_REACHED, measurement.error or "it was not measured", 0.0))
            continue
        found = figures(result, candidate.affected, request, measurement.machine)
        if result.verdict != "gain" or not result.order:
            others.append(_considered(candidate, result.verdict, result.reason, _speedup(result)))
        elif found.saved_s <= 0 and candidate.affected:
            reason = "its writes lose more time than its queries save"
            others.append(_considered(candidate, "no gain", reason, _speedup(result)))
        else:
            kept.append(Kept(_as_measured(candidate, result), result, found))
    kept, impossible = _planned(sorted(kept, key=lambda one: one.result.order), measurement)
    others += [*impossible, *_not_measurable(measurement), *_refused(request.refused)]
    in_words = {"asked": request.asked, "read_as": request.read_as}
    if not kept:
        reason = _reason(others, measurement.error)
        nothing = _nothing(measurement, measurement.machine, reason, others, occasion, "conclude/1")
        return [nothing.model_copy(update=in_words)]
    return [
        _suggestion(measurement, one, [before.candidate for before in kept[:place]], occasion).model_copy(
            update={"position": place + 1, "of": len(kept), "considered": others[:CONSIDERED], **in_words}
        )
        for place, one in enumerate(kept)
    ]


def nothing_to_measure(request: AnalysisRequest, advice: Advice, occasion: Occasion, read_as: str = "") -> Suggestion:
    """The answer where no rule found a candidate; `read_as` is what the request's text was read as."""
    machine = Machine(
        duckdb_version=request.catalog.duckdb_version, cpus=0, threads=0, memory_limit_bytes=0, clone="none",
        clone_rows=0, clone_bytes=0, clone_s=0.0, share=0.0,
    )  # fmt: skip
    others = list(_refused(advice.refused))
    nothing = _nothing(request, machine, _reason(others, None), others, occasion, "advise/1")
    return nothing.model_copy(update={"asked": request.text, "read_as": read_as})


def _planned(found: Sequence[Kept], measurement: Measurement) -> tuple[list[Kept], list[Considered]]:
    """Each with its steps, on top of those before it, as it was measured; and those that cannot be done there."""
    tables = by_name(measurement.request.definitions)
    kept, impossible = [], []
    for one in found:
        try:
            planned, tables = steps(one.candidate.actions, tables, limits(one.result, measurement.machine))
        except ActionError as error:
            impossible.append(_considered(one.candidate, "refused", str(error), one.result.speedup))
        else:
            kept.append(replace(one, steps=planned))
    return kept, impossible


def _suggestion(measurement: Measurement, one: Kept, before: Sequence[Candidate], occasion: Occasion) -> Suggestion:
    candidate, result, numbers = one.candidate, one.result, one.figures
    request = measurement.request
    named = {query.fingerprint for query in result.queries}
    shapes = {one.fingerprint: one for one in request.workload if one.fingerprint in named}
    return Suggestion(
        product=measurement.product,
        database=measurement.database,
        instance=occasion.instance,
        event_id=derived_id(occasion.cause, "conclude/1", len(before)),
        time=occasion.time,
        suggestion_id=_id(measurement, candidate.actions),
        revision=request.revision,
        analysis_id=request.analysis_id,
        position=0,
        of=0,
        kind="change",
        rule=candidate.rule,
        title=candidate.title,
        reason=candidate.reason + _unmeasured(candidate, result, measurement),
        steps=one.steps,
        plan_hash=plan_hash(one.steps),
        equality=candidate.equality,
        equality_reason=candidate.equality_reason,
        after=[_id(measurement, other.actions) for other in before],
        gain=numbers.gain,
        cost=numbers.cost,
        queries=result.queries,
        statements={one: shapes[one].statement for one in sorted(shapes)},
        considered=[],
        machine=measurement.machine,
        catalog_hash=request.catalog_hash,
        window_start=request.window_start,
        window_end=request.window_end,
        measured_s=measurement.measured_s,
        promised_s=candidate.promised_s,
        prior=candidate.prior,
        runs={one: shapes[one].count for one in sorted(shapes)},
    )


def _nothing(
    of: Measurement | AnalysisRequest,
    machine: Machine,
    reason: str,
    others: Sequence[Considered],
    occasion: Occasion,
    step: str,
) -> Suggestion:
    request = of.request if isinstance(of, Measurement) else of
    return Suggestion(
        product=of.product,
        database=of.database,
        instance=occasion.instance,
        event_id=derived_id(occasion.cause, step),
        time=occasion.time,
        suggestion_id=_id(of, []),
        revision=request.revision,
        analysis_id=request.analysis_id,
        position=1,
        of=1,
        kind="nothing",
        rule="",
        title="Nothing to do",
        reason=reason,
        steps=[],
        plan_hash=plan_hash([]),
        equality="",
        equality_reason="",
        after=[],
        gain=None,
        cost=None,
        queries=[],
        statements={},
        considered=list(others[:CONSIDERED]),
        machine=machine,
        catalog_hash=of.request.catalog_hash if isinstance(of, Measurement) else of.catalog.catalog_hash,
        window_start=request.window_start,
        window_end=request.window_end,
        measured_s=of.measured_s if isinstance(of, Measurement) else 0.0,
    )


def _id(of: Measurement | AnalysisRequest, actions: Sequence[Action]) -> str:
    return str(suggestion_id(of.product, of.database, actions))


def _as_measured(candidate: Candidate, result: CandidateResult) -> Candidate:
    """Without the rewrites of queries that were not measured, and so not compared: those queries stay as they are."""
    measured = {query.fingerprint for query in result.queries}
    actions = []
    for action in candidate.actions:
        body = unpack(action)
        if not isinstance(body, Rewrite) or body.fingerprint in measured:
            actions.append(action)
    return candidate.model_copy(update={"actions": actions})


def _unmeasured(candidate: Candidate, result: CandidateResult, measurement: Measurement) -> str:
    missing = [one for one in candidate.affected if one in measurement.not_measurable]
    if not missing:
        return ""
    measured = len(result.queries)
    return f" Measured on {measured} of its queries; {len(missing)} could not be measured, and stay as they are."


def _speedup(result: CandidateResult) -> float:
    """0 where no query was measured."""
    return result.speedup if result.queries else 0.0


def _considered(candidate: Candidate, verdict: str, reason: str, gained: float) -> Considered:
    return Considered(rule=candidate.rule, title=candidate.title, verdict=verdict, reason=reason, speedup=gained)


def _refused(refusals: Sequence[Refusal]) -> Iterator[Considered]:
    for one in refusals:
        yield Considered(rule=one.rule, title=one.title, verdict=one.verdict, reason=one.reason, speedup=0.0)


def _not_measurable(measurement: Measurement) -> Iterator[Considered]:
    statements = {shape.fingerprint: shape.statement for shape in measurement.request.workload}
    for fingerprint, reason in sorted(measurement.not_measurable.items())[:NOT_MEASURABLE]:
        statement = statements.get(fingerprint, fingerprint)
        yield Considered(rule="measuring", title=statement[:120], verdict="not measurable", reason=reason, speedup=0.0)


def _reason(others: Sequence[Considered], error: str | None) -> str:
    """Why there is nothing to do, in sentences."""
    measured = [one for one in others if one.verdict not in ("refused", NOT_REACHED) and one.rule != "measuring"]
    refused = [one for one in others if one.verdict == "refused"]
    parts = []
    if error:
        parts.append(f"Nothing could be measured: {error}.")
    if measured:
        best = max(measured, key=lambda one: one.speedup)
        parts.append(f"{_count(measured, 'change')} tried on a clone, and none gained enough.")
        parts.append(f"The closest: {best.title} ({best.verdict}: {best.reason}).")
    if refused:
        examples = "; ".join(f"{one.title}: {one.reason}" for one in refused[:EXAMPLES])
        parts.append(f"{_count(refused, 'idea')} refused without a measurement, such as {examples}.")
    return " ".join(parts) or "No rule found anything to change in this workload."


def _count(found: Sequence[Considered], word: str) -> str:
    return f"{len(found)} {word} was" if len(found) == 1 else f"{len(found)} {word}s were"
