"""Analysis requests to measurement requests: what the rules propose, on what was asked for in words if anything was, as
the model ranks it; or that it is nothing.
"""

from collections.abc import Generator
from datetime import timedelta

from inference.advisor import Occasion, Proposal, choose, nothing_to_measure, propose
from inference.advisor.focusing import NOT_UNDERSTOOD, focused, not_understood, readable, said
from inference.judgement.features import features
from inference.judgement.judged import Judgement
from inference.language.asks import Reply
from inference.language.tasks import operations_of, request_ask
from schemas.codec import Codec
from schemas.ids import derived_id
from schemas.records import AnalysisRequest, MeasurementRequest
from schemas.records.analysis import LONGEST_TEXT
from schemas.topics import MEASUREMENT_REQUESTS, SUGGESTIONS, key_of
from streams.agents.steps import INSTANCE, Asking, Input, Outcome, Output, Question, Told

ANSWER_WITHIN = timedelta(hours=1)
"""After that the figures would be about a database of the past."""


class Advise:
    name = "advise"

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def __call__(self, record: Input) -> Asking:
        whole = self._codec.decode_as(AnalysisRequest, record.value)
        request = whole.model_copy(update={"text": whole.text[:LONGEST_TEXT]})
        key = key_of(request.product, request.database)
        proposal, read_as = propose(request), ""
        if request.text:
            proposal, read_as = yield from _read(request.text, proposal)
        told = (yield features(proposal.workload, proposal.candidates)) if proposal.candidates else None
        advice = choose(proposal, told if isinstance(told, Judgement) else None)
        if not advice.candidates:
            nothing = nothing_to_measure(request, advice, Occasion(record.source, record.time, INSTANCE), read_as)
            return Outcome([Output(SUGGESTIONS.name, key, self._codec.encode(nothing))])
        affected = {fingerprint for candidate in advice.candidates for fingerprint in candidate.affected}
        wanted = MeasurementRequest(
            product=request.product,
            database=request.database,
            instance=INSTANCE,
            event_id=derived_id(record.source, "advise/1"),
            time=record.time,
            analysis_id=request.analysis_id,
            revision=request.revision,
            epoch=request.epoch,
            catalog_hash=request.catalog.catalog_hash,
            window_start=request.window_start,
            window_end=request.window_end,
            deadline=record.time + ANSWER_WITHIN,
            budget_s=request.budget_s,
            tables=advice.tables,
            workload=[shape for shape in request.workload if shape.fingerprint in affected],
            candidates=advice.candidates,
            refused=advice.refused,
            definitions=advice.definitions,
            ranker=advice.ranker,
            ranker_version=advice.ranker_version,
            asked=request.text,
            read_as=read_as,
        )
        return Outcome([Output(MEASUREMENT_REQUESTS.name, key, self._codec.encode(wanted))])

    def instead(self, record: Input) -> list[Output]:  # noqa: ARG002
        return []


def _read(text: str, proposal: Proposal) -> Generator[Question, Told, tuple[Proposal, str]]:
    """The proposals that the text is about, and what it was read as, by whom."""
    told = yield request_ask(text, readable(proposal.workload.tables))
    if not isinstance(told, Reply):
        return not_understood(proposal, text), f"{NOT_UNDERSTOOD} (nobody could read it)"
    operations = operations_of(told.answer)
    if not operations:
        return not_understood(proposal, text), f"{NOT_UNDERSTOOD} (read by {told.told})"
    return focused(proposal, operations), f"{said(operations)} (read by {told.told})"
