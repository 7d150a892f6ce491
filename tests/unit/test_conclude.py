"""Suggestions from what was measured."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inference.advisor import Occasion, advise, conclude, nothing_to_measure
from inference.advisor.gain import measured_on
from schemas.actions import (
    Body,
    Cluster,
    CreateIndex,
    CreateSummary,
    DropTable,
    Rewrite,
    SortKey,
    actions_hash,
    pack,
    suggestion_id,
    unpack,
)
from schemas.expressions import ColumnRef
from schemas.ids import derived_id
from schemas.plan import plan_hash
from schemas.records import (
    Candidate,
    CandidateResult,
    Limits,
    Machine,
    Measurement,
    MeasurementRequest,
    Position,
    QueryResult,
    Refusal,
    Suggestion,
)
from tests.advising import ENVELOPE, NOW, column, request, table, use

CAUSE = Position(topic="measurements", topic_id="t", partition=3, offset=9)
OCCASION = Occasion(CAUSE, datetime(2026, 3, 2, tzinfo=UTC), "worker-1")
ORDERS = table("orders", [column("id"), column("customer")])
MACHINE = Machine(
    duckdb_version="2.0.0", cpus=2, threads=2, memory_limit_bytes=10**9, clone="full", clone_rows=3_000_000,
    clone_bytes=92_000_000, clone_s=0.5, share=1.0,
)  # fmt: skip

OFTEN = use("SELECT id FROM orders WHERE customer = 1", count=900)
RARELY = use("SELECT count(*) FROM orders", count=100)
INSERT = use("INSERT INTO orders VALUES (1, 2)", count=50, p50_us=1_000)
INDEX = CreateIndex(table="orders", name="orders_customer_idx", columns=["customer"])


def candidate(*bodies: Body, affected: tuple[str, ...] = (), **more: Any) -> Candidate:
    actions = [pack(body) for body in bodies]
    fields: dict[str, Any] = {
        "candidate_id": actions_hash(actions)[:16], "rule": "r", "title": f"Do {bodies[0].kind}", "reason": "Because.",
        "actions": actions, "affected": list(affected), "equality": "physical",
        "equality_reason": "the same rows",
    }  # fmt: skip
    return Candidate(**fields | more)


def query(fingerprint: str, before_ms: float, speedup: float, low: float, high: float, **more: Any) -> QueryResult:
    fields: dict[str, Any] = {"k": 8, "aa_low": 0.97, "aa_high": 1.04, "equal": "equal"}
    fields |= {"before_ms": before_ms, "after_ms": before_ms / speedup, "speedup": speedup, "low": low, "high": high}
    return QueryResult(fingerprint=fingerprint, **fields | more)


def result(of: Candidate, *queries: QueryResult, verdict: str = "gain", order: int = 1, **more: Any) -> CandidateResult:
    fields: dict[str, Any] = {
        "candidate_id": of.candidate_id, "stage": "measured", "verdict": verdict, "reason": "as measured",
        "order": order, "queries": list(queries), "speedup": 5.0, "low": 4.0, "high": 8.0,
        "build_s": 2.0, "extra_bytes": 1_000, "peak_bytes": 5_000, "write_ratio": 1.0,
        "write_low": 1.0, "write_high": 1.0, "writes": 0,
    }  # fmt: skip
    return CandidateResult(**fields | more)


def measurement(
    candidates: list[Candidate],
    results: list[CandidateResult],
    refused: list[Refusal] | None = None,
    asked: str = "",
    **more: Any,
) -> Measurement:
    request = MeasurementRequest(
        **ENVELOPE, analysis_id="a", revision=4, epoch=1, catalog_hash="c", window_start=NOW - timedelta(days=1),
        window_end=NOW, deadline=NOW, budget_s=45.0, tables=["main.orders"], workload=[OFTEN, RARELY, INSERT],
        candidates=candidates, refused=refused or [], definitions=[ORDERS],
        asked=asked, read_as=f"read: {asked}" if asked else "",
    )  # fmt: skip
    fields: dict[str, Any] = {"machine": MACHINE, "measured_s": 9.0, "error": None, "results": results}
    return Measurement(**ENVELOPE, request=request, **fields | more)


def only(found: list[Suggestion]) -> Suggestion:
    [suggestion] = found
    return suggestion


def test_a_gain_is_that_of_all_queries_together_as_it_was_measured() -> None:
    one = candidate(INDEX, affected=(OFTEN.fingerprint, RARELY.fingerprint))
    queries = query(OFTEN.fingerprint, 10, 5, 4, 8), query(RARELY.fingerprint, 100, 1, 0.8, 1.25, k=12)
    measured = result(one, *queries, speedup=1.6, low=1.5, high=1.75)
    gain = only(conclude(measurement([one], [measured]), OCCASION)).gain
    assert gain is not None
    assert (gain.speedup, gain.low, gain.high, gain.k) == (1.6, 1.5, 1.75, 8)
    # 900 x 10 ms + 100 x 100 ms = 19 s before, 19 s / 1.6 = 11.875 s after
    assert (gain.before_ms, gain.after_ms) == (pytest.approx(19.0), pytest.approx(11.875))
    assert gain.saved_s_per_day == pytest.approx(7.125)
    assert gain.measured_on == "a full clone (3,000,000 rows, 92 MB), DuckDB 2.0.0, 2 threads"
    assert not gain.unproved


@pytest.mark.parametrize("verdict", ["gain", "no gain"])
def test_what_was_asked_for_in_words_and_how_it_was_read_stands_in_the_answer(verdict: str) -> None:
    one = candidate(INDEX, affected=(OFTEN.fingerprint,))
    measured = result(one, query(OFTEN.fingerprint, 10, 5, 4, 8), verdict=verdict)
    found = only(conclude(measurement([one], [measured], asked="an index"), OCCASION))
    assert (found.kind, found.asked, found.read_as) == (
        "change" if verdict == "gain" else "nothing", "an index", "read: an index"
    )  # fmt: skip
    unasked = only(conclude(measurement([one], [measured]), OCCASION))
    assert (unasked.asked, unasked.read_as) == ("", "")


def test_what_the_writes_lose_is_taken_off_and_the_build_is_paid_back_from_the_rest() -> None:
    one = candidate(INDEX, affected=(OFTEN.fingerprint, INSERT.fingerprint))
    slower = {"write_ratio": 3.0, "write_low": 2.5, "write_high": 3.5, "writes": 40}
    suggestion = only(
        conclude(measurement([one], [result(one, query(OFTEN.fingerprint, 10, 5, 4, 8), **slower)]), OCCASION)
    )
    assert (suggestion.measured_s, suggestion.promised_s) == (9.0, one.promised_s)
    # 900 x 8 ms saved; 50 inserts of 1 ms take 2 ms more each
    assert suggestion.gain is not None
    assert suggestion.gain.saved_s_per_day == pytest.approx(7.2 - 0.1)
    assert suggestion.cost is not None
    assert suggestion.cost.model_dump() == {
        "build_s": 2.0, "extra_bytes": 1_000, "peak_bytes": 5_000, **slower,
        "break_even_runs": pytest.approx(2 / 7.1 * 900), "break_even_s": pytest.approx(2 / 7.1 * 86_400),
    }  # fmt: skip


def test_a_change_whose_writes_lose_more_than_its_queries_save_is_not_suggested() -> None:
    one = candidate(INDEX, affected=(OFTEN.fingerprint, INSERT.fingerprint))
    slower = {"write_ratio": 200.0, "write_low": 150.0, "write_high": 250.0, "writes": 40}
    suggestion = only(
        conclude(measurement([one], [result(one, query(OFTEN.fingerprint, 10, 5, 4, 8), **slower)]), OCCASION)
    )
    assert (suggestion.kind, suggestion.measured_s) == ("nothing", 9.0)
    assert [(other.verdict, other.reason, other.speedup) for other in suggestion.considered] == [
        ("no gain", "its writes lose more time than its queries save", pytest.approx(5.0))
    ]


def test_a_sample_says_so_and_leaves_the_figure_unproved() -> None:
    one = candidate(INDEX, affected=(OFTEN.fingerprint,))
    machine = MACHINE.model_copy(update={"clone": "sample", "share": 0.25, "threads": 1})
    measured = result(one, query(OFTEN.fingerprint, 10, 5, 4, 8, unproved=True))
    gain = only(conclude(measurement([one], [measured], machine=machine), OCCASION)).gain
    assert gain is not None
    assert gain.unproved
    assert gain.measured_on.startswith("a sample of 25% of the rows")
    assert measured_on(machine).endswith("1 thread")


def test_a_change_of_writes_alone_gains_by_them() -> None:
    one = candidate(INDEX, affected=(INSERT.fingerprint,))
    faster = {"write_ratio": 0.5, "write_low": 0.4, "write_high": 0.8, "writes": 40}
    gain = only(conclude(measurement([one], [result(one, **faster)]), OCCASION)).gain
    assert gain is not None
    assert (gain.speedup, gain.low, gain.high) == (2.0, 1.25, 2.5)
    assert (gain.before_ms, gain.after_ms) == (pytest.approx(1.0), pytest.approx(0.5))
    assert gain.saved_s_per_day == pytest.approx(0.025)


def test_suggestions_come_in_the_order_measured_each_on_top_of_those_before() -> None:
    summary = candidate(
        CreateSummary(
            table="orders", name="s", alias="orders", aggregates=[], group_by=[
                {"name": "customer", "expression": ColumnRef(name="customer", table="orders")}],  # type: ignore[list-item]
        ),
        Rewrite(fingerprint=RARELY.fingerprint, statement="SELECT sum(n) FROM s"),
        affected=(RARELY.fingerprint,),
    )  # fmt: skip
    indexed = candidate(INDEX, affected=(OFTEN.fingerprint,))
    results = [
        result(indexed, query(OFTEN.fingerprint, 10, 5, 4, 8), order=2),
        result(summary, query(RARELY.fingerprint, 100, 10, 8, 12), order=1),
    ]
    first, second = conclude(measurement([indexed, summary], results), OCCASION)
    assert [(one.position, one.of, one.title) for one in (first, second)] == [
        (1, 2, "Do create_summary"), (2, 2, "Do create_index")]  # fmt: skip
    assert first.after == []
    assert second.after == [first.suggestion_id]
    [made, rewritten], [indexing] = first.steps, second.steps
    assert made.sql[0].startswith('CREATE TABLE "main"."s" AS SELECT')
    assert rewritten.sql == ["SELECT sum(n) FROM s"]
    assert [made.inverse_sql, rewritten.inverse_sql] == [['DROP TABLE "main"."s"'], []]
    assert indexing.inverse_sql == ['DROP INDEX "main"."orders_customer_idx"']
    assert (first.plan_hash, second.plan_hash) == (plan_hash(first.steps), plan_hash(second.steps))
    assert second.statements == {OFTEN.fingerprint: OFTEN.statement}


def test_ids_depend_on_what_is_suggested_and_on_the_record_that_led_to_it_alone() -> None:
    one = candidate(INDEX, affected=(OFTEN.fingerprint,))
    given = measurement([one], [result(one, query(OFTEN.fingerprint, 10, 5, 4, 8))])
    suggestion = only(conclude(given, OCCASION))
    assert suggestion == only(conclude(Measurement.model_validate_json(given.model_dump_json()), OCCASION))
    assert suggestion.suggestion_id == str(suggestion_id("shop", "main", one.actions))
    assert suggestion.event_id == derived_id(CAUSE, "conclude/1", 0)
    assert (suggestion.time, suggestion.instance, suggestion.revision) == (OCCASION.time, "worker-1", 4)


def test_what_has_no_way_back_says_so() -> None:
    one = candidate(DropTable(table="orders"))
    suggestion = only(conclude(measurement([one], [result(one, build_s=0.0)]), OCCASION))
    [step] = suggestion.steps
    assert (step.reversible, step.inverse, step.inverse_sql) == (False, [], [])
    assert suggestion.gain is None
    assert suggestion.cost is not None
    assert suggestion.cost.break_even_runs == -1


def test_what_was_measured_on_top_of_another_is_planned_on_top_of_it() -> None:
    cluster = Cluster(table="orders", keys=[SortKey(column="id")])
    found = [candidate(INDEX, affected=(OFTEN.fingerprint,)), candidate(cluster, affected=(OFTEN.fingerprint,))]
    results = [result(one, query(OFTEN.fingerprint, 10, 5, 4, 8), order=n) for n, one in enumerate(found, start=1)]
    first, second = conclude(measurement(found, results), OCCASION)
    [indexing], [ordering] = first.steps, second.steps
    assert ordering.touched[0].before == indexing.touched[0].after != indexing.touched[0].before
    assert 'DROP INDEX "main"."orders_customer_idx"' in ordering.sql


def test_what_cannot_be_done_on_top_of_the_others_is_considered_and_not_suggested() -> None:
    again = CreateIndex(table="orders", name="orders_customer_idx", columns=["id"])
    found = [candidate(INDEX, affected=(OFTEN.fingerprint,)), candidate(again, affected=(OFTEN.fingerprint,))]
    results = [result(one, query(OFTEN.fingerprint, 10, 5, 4, 8), order=n) for n, one in enumerate(found, start=1)]
    suggestion = only(conclude(measurement(found, results), OCCASION))
    assert [(one.verdict, one.reason) for one in suggestion.considered] == [
        ("refused", "'orders' has an index 'orders_customer_idx' already")
    ]


def test_a_step_may_take_four_times_what_it_took_and_on_a_sample_as_much_more() -> None:
    one = candidate(INDEX, affected=(OFTEN.fingerprint,))
    took = {"build_s": 10.0, "extra_bytes": 10**8, "peak_bytes": 10**9}
    measured = [result(one, query(OFTEN.fingerprint, 10, 5, 4, 8), **took)]
    whole = only(conclude(measurement([one], measured), OCCASION)).steps[0].limits
    assert whole == Limits(build_s=40.0, extra_bytes=4 * 10**8, peak_bytes=4 * 10**9)
    tenth = MACHINE.model_copy(update={"clone": "sample", "share": 0.1})
    sampled = only(conclude(measurement([one], measured, machine=tenth), OCCASION)).steps[0].limits
    assert sampled == Limits(build_s=400.0, extra_bytes=4 * 10**9, peak_bytes=4 * 10**10)
    small = [result(one, query(OFTEN.fingerprint, 10, 5, 4, 8), build_s=0.1, extra_bytes=0, peak_bytes=0)]
    least = only(conclude(measurement([one], small), OCCASION)).steps[0].limits
    assert least == Limits(build_s=30.0, extra_bytes=64_000_000, peak_bytes=256_000_000)


def test_all_else_is_considered_with_its_verdict_and_reason() -> None:
    good = candidate(INDEX, affected=(OFTEN.fingerprint,))
    bad = candidate(INDEX, DropTable(table="x"), affected=(RARELY.fingerprint,))
    late = candidate(INDEX, DropTable(table="y"))
    results = [
        result(good, query(OFTEN.fingerprint, 10, 5, 4, 8)),
        result(bad, query(RARELY.fingerprint, 100, 0.5, 0.4, 0.6), speedup=0.5, verdict="harm", order=0),
    ]
    refused = [Refusal(rule="selective index", title="Index orders.status", reason="5 distinct values")]
    given = measurement([good, bad, late], results, refused, not_measurable={RARELY.fingerprint: "it reads df"})
    assert [(one.verdict, one.reason, one.speedup) for one in only(conclude(given, OCCASION)).considered] == [
        ("harm", "as measured", 0.5),
        ("not reached", "it was not measured", 0.0),
        ("not measurable", "it reads df", 0.0),
        ("refused", "5 distinct values", 0.0),
    ]


def test_a_suggestion_says_which_of_its_queries_could_not_be_measured() -> None:
    one = candidate(INDEX, affected=(OFTEN.fingerprint, RARELY.fingerprint))
    given = measurement(
        [one], [result(one, query(OFTEN.fingerprint, 10, 5, 4, 8))], not_measurable={RARELY.fingerprint: "x"}
    )
    assert only(conclude(given, OCCASION)).reason == (
        "Because. Measured on 1 of its queries; 1 could not be measured, and stay as they are."
    )


def test_where_nothing_gained_the_one_answer_is_nothing_with_the_reasons() -> None:
    one = candidate(INDEX, affected=(OFTEN.fingerprint,))
    measured = result(one, query(OFTEN.fingerprint, 10, 1.1, 0.9, 1.2), verdict="no gain", order=0)
    refused = [Refusal(rule="clustering", title="Cluster orders", reason="its rows are in that order already")]
    suggestion = only(conclude(measurement([one], [measured], refused), OCCASION))
    assert (suggestion.kind, suggestion.position, suggestion.of) == ("nothing", 1, 1)
    assert suggestion.reason == (
        "1 change was tried on a clone, and none gained enough. The closest: Do create_index (no gain: as measured). "
        "1 idea was refused without a measurement, such as Cluster orders: its rows are in that order already."
    )
    assert suggestion.steps == []
    assert suggestion.gain is None


def test_a_measurement_that_failed_says_why() -> None:
    one = candidate(INDEX, affected=(OFTEN.fingerprint,))
    suggestion = only(conclude(measurement([one], [], error="no clone could be made: the disk is full"), OCCASION))
    assert suggestion.reason == "Nothing could be measured: no clone could be made: the disk is full."
    assert [other.verdict for other in suggestion.considered] == ["not reached"]


def test_where_no_rule_found_a_candidate_nothing_is_asked_and_the_answer_is_nothing() -> None:
    asked = request([ORDERS], ["SELECT count(*) FROM orders WHERE customer BETWEEN 1 AND 2 AND id > 3"])
    advice = advise(asked)
    suggestion = nothing_to_measure(asked, advice, OCCASION)
    assert (suggestion.kind, suggestion.machine.clone, suggestion.machine.duckdb_version) == (
        "nothing",
        "none",
        "2.0.0",
    )
    assert [(one.title, one.reason) for one in suggestion.considered] == [
        (one.title, one.reason) for one in advice.refused
    ]
    assert suggestion.event_id == derived_id(CAUSE, "advise/1")


def test_what_is_considered_is_bounded() -> None:
    refused = [Refusal(rule="r", title=f"t{number}", reason="x") for number in range(90)]
    assert len(only(conclude(measurement([], [], refused), OCCASION)).considered) == 60


def test_a_rewrite_that_was_not_measured_is_not_suggested() -> None:
    rewrites = [Rewrite(fingerprint=one.fingerprint, statement="SELECT 42") for one in (OFTEN, RARELY)]
    one = candidate(INDEX, *rewrites, affected=(OFTEN.fingerprint, RARELY.fingerprint))
    given = measurement([one], [result(one, query(OFTEN.fingerprint, 10, 5, 4, 8))])
    suggestion = only(conclude(given, OCCASION))
    assert [unpack(step.action) for step in suggestion.steps] == [INDEX, rewrites[0]]
    assert [step.sql.count("SELECT 42") for step in suggestion.steps] == [0, 1]
