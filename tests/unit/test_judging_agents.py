"""`advise` and `conclude` as steps: which record leads to which, where it goes, and that it is always the same."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from inference.judgement.features import FEATURES
from inference.judgement.judged import Judgement, Ranking
from schemas.codec import Codec
from schemas.errors import RecordError
from schemas.ids import derived_id
from schemas.records import (
    AnalysisRequest,
    CandidateResult,
    Machine,
    Measurement,
    MeasurementRequest,
    Record,
    Suggestion,
)
from schemas.topics import MEASUREMENT_REQUESTS, SUGGESTIONS, key_of
from streams.agents.advise import ANSWER_WITHIN, Advise
from streams.agents.conclude import Conclude
from streams.agents.stepping import Answer, Asked, begin, nobody, outcome
from streams.agents.steps import INSTANCE, Input, Output
from tests.advising import column, request, table, use

CODEC = Codec()
RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = key_of("shop", "main")
VISITS = table("visits", [column("id"), column("shop", distinct=100_000), column("note", "VARCHAR")])
SELECTIVE = use("SELECT note FROM visits WHERE shop = 7", rows=10, count=5000)
UNCONCERNED = use("SELECT 1")


def came(record: Record) -> Input:
    return Input("p.t", "an-id", 2, 9, round(RECEIVED.timestamp() * 1000), KEY, CODEC.encode(record))


def only(outputs: list[Output]) -> Output:
    (output,) = outputs
    assert output.key == KEY
    return output


def measurement_request(asked: AnalysisRequest, answer: Answer = nobody) -> MeasurementRequest:
    output = only(outcome(Advise(CODEC), came(asked), answer).outputs)
    assert output.topic == MEASUREMENT_REQUESTS.name
    return CODEC.decode_as(MeasurementRequest, output.value)


def measurement(of: MeasurementRequest, **changes: Any) -> Measurement:
    machine = Machine(
        duckdb_version="2.0.0", cpus=2, threads=2, memory_limit_bytes=10**9, clone="full", clone_rows=10,
        clone_bytes=10, clone_s=0.1, share=1.0,
    )  # fmt: skip
    values = {"request": of, "machine": machine, "measured_s": 1.0, "error": None, "results": [], **changes}
    envelope = {"product": of.product, "database": of.database, "instance": "i", "event_id": "m", "time": of.time}
    return Measurement(**envelope, **values)


def no_gain(candidate_id: str) -> CandidateResult:
    return CandidateResult(
        candidate_id=candidate_id, stage="screened", verdict="no gain", reason="as fast as before", order=0, queries=[],
        speedup=1, low=1, high=1, build_s=0.1, extra_bytes=0, peak_bytes=0, write_ratio=1, write_low=1, write_high=1,
        writes=0,
    )  # fmt: skip


def test_what_the_rules_propose_is_asked_to_be_measured() -> None:
    asked = request([VISITS], [SELECTIVE, UNCONCERNED])
    wanted = measurement_request(asked)
    assert wanted.candidates != []
    assert wanted.tables == ["main.visits"]
    assert [shape.fingerprint for shape in wanted.workload] == [SELECTIVE.fingerprint]
    assert (wanted.analysis_id, wanted.revision, wanted.epoch, wanted.budget_s) == ("a", 1, 1, 45.0)
    assert (wanted.catalog_hash, wanted.window_start, wanted.window_end) == ("c", asked.window_start, asked.window_end)
    assert (wanted.time, wanted.deadline) == (RECEIVED, RECEIVED + ANSWER_WITHIN)
    assert (wanted.event_id, wanted.instance) == (derived_id(came(asked).source, "advise/1"), INSTANCE)


def test_candidates_are_tried_by_promise_and_likelihood_and_who_judged_is_told() -> None:
    asked = request([VISITS], [SELECTIVE, use("SELECT count(*) FROM visits WHERE shop > 9", count=300)])
    begun = begin(Advise(CODEC), came(asked))
    assert isinstance(begun, Asked)
    by_rules = measurement_request(asked)
    count = len(by_rules.candidates)
    assert np.shape(begun.question) == (count, len(FEATURES))
    assert count >= 2
    assert {(one.likely, one.preference) for one in by_rules.candidates} == {(1.0, 0.0)}
    assert (by_rules.ranker, by_rules.ranker_version) == ("rules", "")
    gain = np.full(count, 0.5)
    gain[0] = 1e-6
    ranking = Ranking(np.arange(count, dtype=float), gain)
    judged = measurement_request(asked, lambda _: [Judgement("student", "3", ranking)])
    assert (judged.ranker, judged.ranker_version) == ("student", "3")
    first, *others = by_rules.candidates
    assert [one.candidate_id for one in judged.candidates] == [one.candidate_id for one in (*others, first)]
    last = judged.candidates[-1]
    assert (last.likely, last.preference) == (1e-6, 0.0)
    assert last.model_copy(update={"likely": 1.0}) == first


def test_where_no_rule_proposes_anything_the_answer_is_that_there_is_nothing_to_do() -> None:
    asked = request([VISITS], [UNCONCERNED])
    output = only(outcome(Advise(CODEC), came(asked)).outputs)
    found = CODEC.decode_as(Suggestion, output.value)
    assert output.topic == SUGGESTIONS.name
    assert (found.kind, found.position, found.of, found.analysis_id) == ("nothing", 1, 1, "a")
    assert found.event_id == derived_id(came(asked).source, "advise/1")


def test_a_measurement_without_gain_is_concluded_to_nothing_with_what_was_tried() -> None:
    wanted = measurement_request(request([VISITS], [SELECTIVE]))
    measured = came(measurement(wanted, results=[no_gain(one.candidate_id) for one in wanted.candidates]))
    output = only(Conclude(CODEC)(measured).outputs)
    found = CODEC.decode_as(Suggestion, output.value)
    assert output.topic == SUGGESTIONS.name
    assert (found.kind, found.event_id) == ("nothing", derived_id(measured.source, "conclude/1"))
    assert {one.reason for one in found.considered if one.verdict == "no gain"} == {"as fast as before"}


@pytest.mark.parametrize("step", [Advise, Conclude])
def test_a_redelivery_makes_the_same_bytes(step: type[Advise] | type[Conclude]) -> None:
    asked = request([VISITS], [SELECTIVE])
    record = came(asked if step is Advise else measurement(measurement_request(asked)))
    assert outcome(step(CODEC), record).outputs == outcome(step(CODEC), record).outputs != []


@pytest.mark.parametrize("step", [Advise, Conclude])
def test_a_record_of_another_kind_is_refused_and_owes_nothing(step: type[Advise] | type[Conclude]) -> None:
    wrong = came(measurement_request(request([VISITS], [SELECTIVE])))
    with pytest.raises(RecordError, match="got MeasurementRequest: is it the right topic"):
        outcome(step(CODEC), wrong)
    assert step(CODEC).instead(wrong) == []
