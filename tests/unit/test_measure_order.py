import pytest

from schemas.actions import Body, Cluster, CreateIndex, Rewrite, SortKey
from schemas.measure.order import Survivor, measuring_s, most_promising_first, screening_s, to_measure
from schemas.measure.plan import Plan
from schemas.measure.screen import Glance, Screened
from schemas.measure.timing import Run
from tests.jobs import candidate
from tests.unit.test_measure_screen import query

INDEX = CreateIndex(table="t", name="i", columns=["a"])


def survivor(
    name: str, *bodies: Body, after: dict[str, float], saved_s: float, cost_s: float = 1.0, likely: float = 1.0
) -> Survivor:
    """`after` are seconds of a run of each query."""
    glances = [Glance(query(one), Run(2 * seconds, 0), Run(seconds, 0), 1) for one, seconds in after.items()]
    plan = Plan.of(candidate(name, *bodies).model_copy(update={"likely": likely}))
    return Survivor(plan, Screened(glances, saved_s, None, ""), 0.0, cost_s)


def rewrite(of: str) -> Rewrite:
    return Rewrite(fingerprint=of, statement="SELECT 1")


def names(survivors: list[Survivor]) -> list[str]:
    return [one.plan.candidate.candidate_id for one in survivors]


def test_what_saves_most_for_a_second_of_measuring_comes_first() -> None:
    large = survivor("large", INDEX, after={"a": 1}, saved_s=100, cost_s=50)
    small = survivor("small", INDEX, after={"a": 1}, saved_s=30, cost_s=1)
    assert names(to_measure([large, small])) == ["small", "large"]


def test_what_a_rule_promises_counts_as_its_record_says() -> None:
    large, small = (
        Plan.of(candidate(name, INDEX).model_copy(update={"promised_s": promised_s, "prior": prior}))
        for name, promised_s, prior in (("large", 10.0, 0.4), ("small", 5.0, 1.0))
    )
    found = most_promising_first([(large, 2.0), (small, 2.0)])
    assert [plan.candidate.candidate_id for plan, _ in found] == ["small", "large"]


def test_what_a_ranker_finds_likely_to_gain_is_looked_at_first() -> None:
    large, small = (
        Plan.of(candidate(name, INDEX).model_copy(update={"promised_s": promised_s, "likely": likely}))
        for name, promised_s, likely in (("large", 10.0, 0.4), ("small", 5.0, 0.9))
    )
    found = most_promising_first([(large, 2.0), (small, 2.0)])
    assert [plan.candidate.candidate_id for plan, _ in found] == ["small", "large"]


def test_what_was_seen_to_save_counts_by_how_likely_a_gain_is() -> None:
    def found(likely: float) -> list[str]:
        large = survivor("large", INDEX, after={"a": 1}, saved_s=10, likely=likely)
        return names(to_measure([large, survivor("small", INDEX, after={"a": 1}, saved_s=5, likely=0.9)]))

    assert (found(0.44), found(0.46)) == (["small", "large"], ["large", "small"])


def test_what_a_first_look_takes_is_the_building_and_runs_of_what_should_gain() -> None:
    plan = Plan.of(candidate("index", INDEX))
    queries = [query("a", run_ms=100), query("b", run_ms=50)]
    assert screening_s(plan, queries, {("main", "t"): 1_000_000}) == pytest.approx(0.2 + 0.4 + 4 * 0.15)


def test_measuring_takes_nine_rounds_and_the_comparison_of_results() -> None:
    found = survivor("index", INDEX, after={"a": 0.1}, saved_s=1).found
    seen_and_not = [query("a", run_ms=200), query("b", run_ms=50)]
    compared, round_s = (0.2 + 0.1) + 2 * 0.05, (2 * 0.2 + 0.1) + 3 * 0.05
    assert measuring_s(seen_and_not, found, 1.0, {}) == pytest.approx(0.2 + 1.0 + compared + 9 * round_s)
    faster = measuring_s(seen_and_not, found, 1.0, {"a": 0.15})
    assert faster == pytest.approx(0.2 + 1.0 + compared - 0.05 + 9 * (round_s - 0.1))


def test_a_rewrite_comes_after_what_answers_its_query_faster() -> None:
    """So that it is not suggested for a day only to be replaced by the next."""
    plain = survivor("plain", rewrite("a"), after={"a": 0.5}, saved_s=10, cost_s=0.1)
    other = survivor("other", INDEX, after={"c": 0.5}, saved_s=5)
    summary = survivor("summary", INDEX, rewrite("a"), rewrite("b"), after={"a": 0.1, "b": 0.1}, saved_s=3)
    assert names(to_measure([plain, other, summary])) == ["other", "summary", "plain"]
    assert plain.superseded_by(summary.answers)


def test_a_rewrite_that_is_faster_stays_before() -> None:
    plain = survivor("plain", rewrite("a"), after={"a": 0.05}, saved_s=10)
    summary = survivor("summary", INDEX, rewrite("a"), after={"a": 0.1}, saved_s=3)
    assert names(to_measure([plain, summary])) == ["plain", "summary"]
    assert summary.superseded_by(plain.answers)


def test_a_change_that_rewrites_nothing_is_never_superseded() -> None:
    cluster = survivor("cluster", Cluster(table="t", keys=[SortKey(column="a")]), after={"a": 1}, saved_s=1)
    assert not cluster.superseded_by({"a": 0.0})


def test_one_query_that_nothing_else_answers_keeps_a_candidate() -> None:
    both = survivor("both", rewrite("a"), rewrite("b"), after={"a": 0.5, "b": 0.5}, saved_s=1)
    assert not both.superseded_by({"a": 0.1})
