"""Analysis requests to measurement requests: what the rules propose, as the model ranks it, or that it is nothing."""

from datetime import timedelta

from inference.advisor import Occasion, choose, nothing_to_measure, propose
from inference.judgement.features import features
from schemas.codec import Codec
from schemas.ids import derived_id
from schemas.records import AnalysisRequest, MeasurementRequest
from schemas.topics import MEASUREMENT_REQUESTS, SUGGESTIONS, key_of
from streams.agents.steps import INSTANCE, Asking, Input, Outcome, Output

ANSWER_WITHIN = timedelta(hours=1)
"""After that the figures would be about a database of the past."""


class Advise:
    name = "advise"

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def __call__(self, record: Input) -> Asking:
        request = self._codec.decode_as(AnalysisRequest, record.value)
        key = key_of(request.product, request.database)
        proposal = propose(request)
        judgement = None
        if proposal.candidates:
            judgement = yield features(proposal.workload, proposal.candidates)
        advice = choose(proposal, judgement)
        if not advice.candidates:
            nothing = nothing_to_measure(request, advice, Occasion(record.source, record.time, INSTANCE))
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
        )
        return Outcome([Output(MEASUREMENT_REQUESTS.name, key, self._codec.encode(wanted))])

    def instead(self, record: Input) -> list[Output]:  # noqa: ARG002
        return []
