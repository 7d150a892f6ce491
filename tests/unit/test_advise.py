"""What is measured, in what order, and what is said of the rest."""

import numpy as np
import pytest

from inference.advisor import advise, choose, propose, proposing
from inference.advisor.rule import Findings, Rule
from inference.advisor.rules import selective_index
from inference.advisor.workload import Workload
from inference.judgement.judged import Judgement, Ranking
from schemas.actions import CreateIndex, CreateSummary, Rewrite, unpack
from schemas.records import AnalysisRequest, Candidate, Experience, Mute
from schemas.render import by_name, render
from tests.advising import column, index, request, table, use, view

ORDERS = table(
    "orders",
    [
        column("id", nullable=False, distinct=3_000_000, ordered=1.0),
        column("customer", distinct=100_000),
        column("day", "DATE", distinct=2_500),
        column("status", "VARCHAR", distinct=5),
        column("amount", "DECIMAL(15,2)", distinct=500_000),
    ],
)
REVENUE = use("SELECT status, sum(amount) AS amount FROM orders GROUP BY status", p50_us=300_000, p95_us=400_000)
POINT = use("SELECT id FROM orders WHERE customer = 5", p50_us=20_000, p95_us=30_000)


def rules(candidates: list[Candidate]) -> list[str]:
    return [candidate.rule for candidate in candidates]


def test_what_should_save_most_comes_first() -> None:
    advice = advise(request([ORDERS], [POINT, REVENUE]))
    assert rules(advice.candidates) == ["summary table", "ENUM", "clustering", "selective index"]
    assert rules(advise(request([ORDERS], [POINT.model_copy(update={"total_us": 10**9}), REVENUE])).candidates)[0] == (
        "clustering"
    )


def test_the_same_request_gives_the_same_advice() -> None:
    asked = request([ORDERS], [POINT, REVENUE])
    assert advise(asked) == advise(AnalysisRequest.model_validate_json(asked.model_dump_json()))


def test_ids_are_unique_and_every_candidate_renders() -> None:
    advice = advise(request([ORDERS], [POINT, REVENUE]))
    assert len({one.candidate_id for one in advice.candidates}) == len(advice.candidates)
    definitions = by_name(advice.definitions)
    for candidate in advice.candidates:
        assert [sql for action in candidate.actions for sql in render(unpack(action), definitions)] != []


def test_a_summary_carries_the_queries_that_it_answers() -> None:
    summary = advise(request([ORDERS], [REVENUE])).candidates[0]
    bodies = [unpack(action) for action in summary.actions]
    assert [type(body) for body in bodies] == [CreateSummary, Rewrite]
    assert summary.affected == [REVENUE.fingerprint]
    assert summary.equality == "data"
    assert "stale" in summary.equality_reason


def test_what_takes_next_to_no_time_is_not_measured() -> None:
    rare = POINT.model_copy(update={"total_us": 1_000})
    advice = advise(request([ORDERS], [rare, REVENUE]))
    assert "selective index" not in rules(advice.candidates)
    [said] = [one for one in advice.refused if one.title == "Index orders.customer"]
    assert said.reason == "the queries that it should help take too little of the time to be worth measuring"


def test_what_came_of_a_rule_before_moves_its_place_and_drops_nothing() -> None:
    asked = request([ORDERS], [POINT, REVENUE])
    before = advise(asked)
    bad = Experience(rule="summary table", here=True, kept=0, short=0, worse=40, rejected=0, scored=0, score_sum=0)
    never = bad.model_copy(update={"rule": "selective index", "worse": 10**6})
    after = advise(asked.model_copy(update={"experience": [bad, never]}))
    assert rules(before.candidates) == ["summary table", "ENUM", "clustering", "selective index"]
    assert rules(after.candidates) == ["ENUM", "summary table", "clustering", "selective index"]
    moved = after.candidates.pop(1)
    assert (moved.prior, moved.promised_s) == (pytest.approx(2 * 2 / 44), before.candidates[0].promised_s)
    assert [one.prior for one in after.candidates] == [1, 1, pytest.approx(4e-6, rel=0.01)]
    assert after.refused == before.refused


@pytest.mark.parametrize("place", ["", "orders", "MAIN.Orders"])
def test_what_is_muted_is_not_proposed_and_says_by_whom(place: str) -> None:
    asked = request([ORDERS], [POINT, REVENUE])
    muted = Mute(rule="clustering", table=place, reason="muted by alice: it is sorted elsewhere")
    advice = advise(asked.model_copy(update={"mutes": [muted]}))
    assert rules(advice.candidates) == ["summary table", "ENUM", "selective index"]
    told = [(one.reason, one.verdict) for one in advice.refused if one.rule == "clustering"]
    assert told == [(muted.reason, "not reached")], "that somebody does not want it says nothing of what it is worth"
    elsewhere = muted.model_copy(update={"table": "other.orders"})
    assert "clustering" in rules(advise(asked.model_copy(update={"mutes": [elsewhere]})).candidates)


def test_a_list_is_bounded_and_says_what_it_leaves_out() -> None:
    tables = [table(f"t{number}", [column("a", distinct=10**6), column("b")]) for number in range(60)]
    workload = [use(f"SELECT b FROM t{number} WHERE a = 1") for number in range(60)]
    assert len(advise(request(tables, workload, budget_s=20.0)).candidates) == 50
    advice = advise(request(tables, workload, budget_s=5.0))
    assert len(advice.candidates) == 40
    assert len(advice.refused) <= 80
    assert ("40 others promise more", "not reached") in [(one.reason, one.verdict) for one in advice.refused]


def test_of_more_than_there_is_room_for_what_a_ranker_finds_hopeless_is_dropped_and_it_is_said() -> None:
    tables = [table(f"t{number}", [column("a", distinct=10**6), column("b")]) for number in range(25)]
    workload = [use(f"SELECT b FROM t{number} WHERE a = 1", count=100 - number) for number in range(25)]
    proposal = propose(request(tables, workload, budget_s=5.0))
    assert len(proposal.candidates) == 50
    by_rules = choose(proposal)
    hopeless = {one.candidate_id for one in by_rules.candidates[:10]}
    gain = np.array([1e-9 if one.candidate_id in hopeless else 0.5 for one in proposal.candidates])
    advice = choose(proposal, Judgement("student", "1", Ranking(np.zeros(50), gain)))
    assert len(advice.candidates) == 40
    assert [one.candidate_id for one in advice.candidates[:30]] == [
        one.candidate_id for one in by_rules.candidates[10:]
    ]
    assert hopeless.isdisjoint(one.candidate_id for one in advice.candidates)
    assert {one.title: one.reason for one in advice.refused} == {
        one.title: "40 others promise more" for one in by_rules.candidates[:10]
    }
    assert [one.title for one in by_rules.refused] != [one.title for one in advice.refused]


def test_tables_to_clone_are_those_below_views_too() -> None:
    recent = view("recent", [column("who")], "SELECT customer FROM orders")
    other = table("other", [column("x")])
    advice = advise(request([ORDERS, recent, other], [use("SELECT who FROM recent WHERE who = 5")]))
    assert advice.tables == ["main.orders", "main.recent"]
    assert [one.name for one in advice.definitions] == ["orders", "recent"]


def test_a_file_is_not_to_be_cloned() -> None:
    csv = table("@file:0123456789ab.csv", [column("a")], schema_name="", kind="file", rows=-1, row_groups=0)
    advice = advise(request([csv], [f"SELECT count(*) FROM '{csv.name}' WHERE a > 5"]))
    assert rules(advice.candidates) == ["file scan"]
    assert advice.tables == []


def test_writes_of_the_table_are_among_the_affected() -> None:
    writes = [
        use("INSERT INTO orders VALUES (1, 2, NULL, 'a', 3)"),
        use("UPDATE orders SET amount = 1 WHERE id = 5"),
        use("DELETE FROM orders WHERE id = 5"),
    ]
    advice = advise(request([ORDERS], [POINT, *writes]))
    [indexed] = [one for one in advice.candidates if isinstance(unpack(one.actions[0]), CreateIndex)]
    assert set(indexed.affected) == {POINT.fingerprint, *(write.fingerprint for write in writes)}


def test_what_cannot_be_rendered_is_refused_with_the_reason() -> None:
    expression = index("amount").model_copy(update={"expression": True})
    orders = ORDERS.model_copy(update={"indexes": [expression]})
    day = use("SELECT sum(amount) FROM orders WHERE day >= '2024-01-01' AND day < '2024-02-01' AND id > 5")
    advice = advise(request([orders], [day]))
    assert "clustering" not in rules(advice.candidates)
    assert any("is on an expression" in one.reason for one in advice.refused)


def test_statements_that_no_rule_could_read_are_told_with_the_reason() -> None:
    advice = advise(request([ORDERS], ["SELECT x FROM elsewhere", "EXPLAIN SELECT id FROM orders", POINT]))
    assert {(one.title, one.reason) for one in advice.refused if one.rule == "reading"} == {
        ("1 statement not read", "elsewhere is in no catalog that is known here"),
        ("1 statement not read", "it is no query and no insert, update, delete, merge or truncate"),
    }
    assert "selective index" in rules(advice.candidates)


def test_a_plan_that_two_rules_find_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposing, "RULES", (selective_index.RULE, selective_index.RULE))
    advice = advise(request([ORDERS], [POINT]))
    assert rules(advice.candidates) == ["selective index"]
    assert advice.refused == []


def test_a_rule_that_stumbles_costs_no_other_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_: Rule, workload: Workload) -> Findings:
        raise KeyError("odd")
        yield

    monkeypatch.setattr(proposing, "RULES", (Rule("odd", 2.0, stumble), selective_index.RULE))
    advice = advise(request([ORDERS], [POINT]))
    assert rules(advice.candidates) == ["selective index"]
    assert [one.reason for one in advice.refused] == ["it failed on a statement: KeyError('odd')"]


@pytest.mark.parametrize(
    ("null_share", "nullable", "proposed"), [(0.0, False, True), (0.0, True, True), (0.1, True, False)]
)
def test_a_sum_with_constants_is_taken_apart_only_without_null(
    null_share: float, nullable: bool, proposed: bool
) -> None:
    columns = [one for one in ORDERS.columns if one.name != "amount"]
    amount = column("amount", "DECIMAL(15,2)", nullable=nullable, null_share=null_share)
    orders = ORDERS.model_copy(update={"columns": [*columns, amount]})
    advice = advise(
        request([orders], ["SELECT status, sum(amount * (1 - customer)) AS net FROM orders GROUP BY status"])
    )
    summaries = [one for one in advice.candidates if one.rule == "summary table"]
    assert bool(summaries) is proposed
    assert [("amount" in one.equality_reason, "customer" in one.equality_reason) for one in summaries] == (
        [(nullable, True)] if proposed else []
    )


def test_an_empty_workload_gives_no_candidate() -> None:
    advice = advise(request([ORDERS], []))
    assert (advice.candidates, advice.tables) == ([], [])
    assert [one.title for one in advice.refused] == ["Drop the table orders"]


def test_two_rewrites_of_one_query_are_measured_alone_and_together() -> None:
    sql = (
        "SELECT status, max(amount) AS most FROM (SELECT status, amount FROM orders "
        "WHERE strftime(day, '%Y-%m') = '2024-01' ORDER BY amount) AS t GROUP BY status"
    )
    advice = advise(request([ORDERS], [sql]))
    statements = {
        candidate.rule: body.statement
        for candidate in advice.candidates
        for body in map(unpack, candidate.actions)
        if isinstance(body, Rewrite)
    }
    assert set(statements) == {"several rewrites", "strftime to range", "ORDER BY in a subquery", "computed column"}
    assert "strftime(day" not in statements["several rewrites"]
    assert "ORDER BY" not in statements["several rewrites"]
    assert "ORDER BY" in statements["strftime to range"]


@pytest.mark.parametrize("version", ["2.0.0", "v2.0.1", "1.4.4", "1.2.2", "2.1.0-dev123"])
def test_any_way_to_write_the_version_is_read(version: str) -> None:
    assert advise(request([ORDERS], [REVENUE], catalog_duckdb_version=version)).candidates != []
