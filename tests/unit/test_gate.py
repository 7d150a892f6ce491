"""The gate: who, may they, what, is it still so, when, how many."""

from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.approvals import Verified
from schemas.plan import drift, expected, plan_hash
from schemas.records import Suggestion
from schemas.tokens import Identity
from store.approvals import Vote
from streams.access import policy as policies
from streams.access.gate import Case, Judgement, agreed_steps, judge
from tests.access import (
    CLUSTER,
    COST,
    DROP,
    INDEX,
    ORDERS,
    OTHER,
    POLICY,
    TABLES,
    claimed,
    later,
    planned,
    with_changes,
)

POLICY_READ = policies.read(POLICY)
ONE = planned(INDEX)
TWO = planned(INDEX, CLUSTER)
NOON, NIGHT = later(hours=1), later(hours=9, minutes=30)  # 13:00 and 21:30 UTC, which is 22:30 in Berlin


def by(who: str, suggestion: Suggestion = ONE, **more: Any) -> Verified:
    issuer, _, subject = who.rpartition("|")
    claims = claimed(suggestion, **more)
    return Verified(Identity(issuer or "people", subject), claims, "id", later(days=30))


def ruled(verified: Verified, case: Case | None = None, at: datetime = NOON, **changes: Any) -> Judgement:
    policy = policies.read(with_changes(**changes)) if changes else POLICY_READ
    return judge(policy, verified, at, case or Case(ONE, TABLES))


def test_one_who_may_is_enough_where_the_policy_asks_for_one() -> None:
    found = ruled(by("bob"))
    assert found == Judgement("complete", "1 of 1 steps may be done, now", Vote("bob", "approve", 1), 1, NOON)


def test_a_person_is_the_same_by_whichever_issuer() -> None:
    found = ruled(by("https://login.example|0042"))
    assert found.vote == Vote("alice", "approve", 1)


REFUSED: dict[str, tuple[Verified, Case | None, str]] = {
    "somebody else": (by("mallory"), None, "people|mallory is no approver of this policy"),
    "the right name of another issuer": (by("https://login.example|alice"), None, "is no approver"),
    "one without the role": (
        by("carol"), None, "carol has no role for index (engineer, owner): alice, bob may"),
    "another plan": (by("bob", plan_hash="0" * 64), None, "it is for another plan"),
    "an older revision": (by("bob", revision=2), None, "it is for revision 2, and revision 3 is the one that is open"),
    "a revision to come": (by("bob", revision=4), None, "it is for revision 4, and revision 3 is the one that is open"),
    "another product": (by("bob", product="other"), None, "the suggestion is for sales/main, not what it names"),
    "another database": (by("bob", database="other"), None, "the suggestion is for sales/main, not what it names"),
    "more steps than there are": (by("bob", steps=2), None, "it is for 2 steps: the plan has 1, of which 0 are done"),
    "no steps": (by("bob", steps=0), None, "it is for 0 steps: the plan has 1"),
    "steps that are done": (by("bob"), Case(ONE, TABLES, done=1), "it is for 1 steps: the plan has 1, of which 1 are"),
    "nothing to do": (
        by("bob", ONE), Case(ONE.model_copy(update={"kind": "nothing"}), TABLES), "is to change nothing"),
    "a plan without steps": (
        by("bob", ONE, steps=1, plan_hash=plan_hash([])),
        Case(ONE.model_copy(update={"steps": [], "plan_hash": plan_hash([])}), TABLES), "is to change nothing"),
    "a measurement that is still to come": (
        by("bob"), Case(ONE.model_copy(update={"time": later(days=400)}), TABLES), "which lies ahead"),
    "a measurement at the end of time": (
        by("bob"), Case(ONE.model_copy(update={"time": datetime.max.replace(tzinfo=UTC)}), TABLES), "which lies ahead"),
    "an action of no class": (
        by("bob", planned(DROP)), Case(planned(DROP), TABLES), "no class of the policy holds drop_table"),
    "who proposed it": (by("bob"), Case(ONE, TABLES, proposer="bob"), "bob proposed it, so others have to approve it"),
    "what was rejected": (
        by("bob"), Case(ONE, TABLES, [Vote("alice", "reject", 1)]), "alice rejected it: a new revision can be"),
    "what was rejected by themselves": (
        by("bob"), Case(ONE, TABLES, [Vote("bob", "reject", 1)]), "bob rejected it: a new revision can be approved"),
    "a column more": (
        by("bob"), Case(ONE, TABLES | {("main", "orders"): ORDERS.model_copy(update={"columns": ORDERS.columns[:1]})}),
        "main.orders changed since it was planned: the next analysis plans it anew"),
    "a table that is gone": (by("bob"), Case(ONE, {}), "main.orders changed since it was planned"),
    "a change that says no cost": (
        by("bob"), Case(ONE.model_copy(update={"cost": None}), TABLES), "it does not say what it costs"),
    "one that takes too long": (
        by("bob"), Case(ONE.model_copy(update={"cost": COST.model_copy(update={"build_s": 61})}), TABLES),
        "it takes 61 s to build, and the policy allows 60"),
    "one that is too large": (
        by("bob"), Case(ONE.model_copy(update={"cost": COST.model_copy(update={"extra_bytes": 1_000_001})}), TABLES),
        "it needs 1,000,001 bytes more on disk, and the policy allows 1,000,000"),
    "one that needs too much": (
        by("bob"), Case(ONE.model_copy(update={"cost": COST.model_copy(update={"peak_bytes": 10_000_001})}), TABLES),
        "it needs 10,000,001 bytes while it is built, and the policy allows 10,000,000"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_with_the_reason(case: str) -> None:
    verified, known, why = REFUSED[case]
    found = ruled(verified, known)
    assert (found.verdict, found.vote, found.steps, found.opens) == ("refused", None, 0, None)
    assert why in found.reason


def test_one_that_comes_before_its_suggestion_waits() -> None:
    found = ruled(by("bob"), Case(None, TABLES))
    assert (found.verdict, found.vote) == ("waits", None)
    assert ruled(by("mallory"), Case(None, TABLES)).verdict == "refused"


def test_what_was_measured_too_long_ago_is_refused() -> None:
    assert ruled(by("bob"), at=later(days=7)).verdict == "complete"
    found = ruled(by("bob"), at=later(days=7, seconds=1))
    assert found.reason.startswith("it was measured on 2026-11-29 12:00 UTC, more than 7 days before")
    # of several classes the shortest time
    assert ruled(by("bob", TWO), Case(TWO, TABLES), at=later(days=2, seconds=1)).verdict == "refused"


def test_another_table_voids_nothing() -> None:
    tables = TABLES | {("main", "other"): OTHER.model_copy(update={"columns": []})}
    assert ruled(by("bob"), Case(ONE, tables)).verdict == "complete"


def test_what_one_step_leaves_the_next_finds() -> None:
    assert drift(expected(TWO.steps, done=False), TABLES) == []
    assert drift(expected(TWO.steps[1:], done=False), TABLES) == ["main.orders"]


def test_two_different_persons_are_two_and_one_person_twice_is_one() -> None:
    first = ruled(by("bob", TWO), Case(TWO, TABLES), at=NIGHT)
    assert (first.verdict, first.steps) == ("complete", 1)  # the index needs one
    rebuild = planned(CLUSTER)
    alone = ruled(by("bob", rebuild), Case(rebuild, TABLES), at=NIGHT)
    assert (alone.verdict, alone.reason) == ("counted", "1 of 2 for rebuild have approved it: alice may")
    again = ruled(by("bob", rebuild), Case(rebuild, TABLES, [Vote("bob", "approve", 1)]), at=NIGHT)
    assert again.verdict == "counted"
    both = ruled(by("alice", rebuild), Case(rebuild, TABLES, [Vote("bob", "approve", 1)]), at=NIGHT)
    assert (both.verdict, both.opens) == ("complete", NIGHT)
    other_issuer = by("https://login.example|0042", rebuild)
    same = ruled(other_issuer, Case(rebuild, TABLES, [Vote("alice", "approve", 1)]), at=NIGHT)
    assert same.verdict == "counted"


def test_outside_its_window_it_is_complete_and_opens_later() -> None:
    rebuild = planned(CLUSTER)
    found = ruled(by("alice", rebuild), Case(rebuild, TABLES, [Vote("bob", "approve", 1)]), at=NOON)
    assert (found.verdict, found.opens) == ("complete", later(hours=9))
    assert found.reason == "1 of 1 steps may be done, from 2026-11-29 21:00 UTC on, when the maintenance window opens"


def test_a_freeze_holds_for_every_class() -> None:
    frozen = {"begins": "2026-11-29T00:00Z", "ends": "2026-12-01T08:00Z", "reason": "audit"}
    found = ruled(by("bob"), freezes=[frozen])
    assert (found.verdict, found.opens) == ("complete", datetime.fromisoformat("2026-12-01T08:00Z"))
    for_long = {"begins": "2026-11-29T00:00Z", "ends": "2027-11-01T08:00Z", "reason": "moved"}
    assert ruled(by("bob"), freezes=[for_long]).verdict == "counted"


def test_who_may_for_one_class_may_stop_the_whole_plan() -> None:
    found = ruled(by("bob", TWO, decision="reject", reason="we drop that table soon"), Case(TWO, TABLES))
    assert (found.verdict, found.reason) == ("rejected", "rejected by bob: we drop that table soon")
    assert ruled(by("bob", TWO, decision="defer"), Case(TWO, TABLES)).reason == "deferred by bob"
    assert ruled(by("carol", TWO, decision="reject"), Case(TWO, TABLES)).verdict == "refused"


def test_every_approver_may_comment_and_has_to_say_something() -> None:
    found = ruled(by("carol", decision="comment", score=2, reason="nobody asks for that"))
    assert (found.verdict, found.reason) == ("noted", "noted by carol, 2 of 5: nobody asks for that")
    assert ruled(by("carol", decision="comment", score=5)).reason == "noted by carol, 5 of 5"
    assert ruled(by("carol", decision="comment", reason="fine")).reason == "noted by carol: fine"
    assert ruled(by("carol", decision="comment")).reason == ("the comment says nothing: give it a score or a reason")
    assert ruled(by("mallory", decision="comment", score=1)).verdict == "refused"
    assert ruled(by("bob", decision="reject", score=1)).reason == "rejected by bob, 1 of 5"


def test_a_rejection_needs_no_measurement_that_is_fresh_and_no_table_that_is_there() -> None:
    assert ruled(by("bob", decision="reject"), Case(ONE, {}), at=later(days=90)).verdict == "rejected"


def test_a_prefix_may_be_approved_and_the_rest_later() -> None:
    first = ruled(by("bob", TWO, steps=1), Case(TWO, TABLES))
    assert (first.verdict, first.steps, first.opens) == ("complete", 1, NOON)
    rest = Case(TWO, TABLES, [Vote("bob", "approve", 1)])
    found = ruled(by("alice", TWO), rest)
    assert (found.verdict, found.steps) == ("complete", 1)
    found = ruled(by("bob", TWO), Case(TWO, TABLES, [Vote("bob", "approve", 1), Vote("alice", "approve", 2)]), at=NIGHT)
    assert (found.verdict, found.steps, found.opens) == ("complete", 2, NIGHT)


def test_what_others_let_be_done_before_is_asked_again() -> None:
    """Bob's vote for one step is enough for the second as well, which may have expired or drifted meanwhile."""
    changes = {"classes.index.quorum": 2, "classes.rebuild.quorum": 1}
    case = Case(TWO, TABLES, [Vote("alice", "approve", 2)])
    bob = by("bob", TWO, steps=1)
    assert ruled(bob, case, at=NIGHT, **changes).steps == 2
    late = ruled(bob, case, at=later(days=3), **changes)
    assert (late.verdict, late.steps) == ("complete", 1)
    dear = TWO.model_copy(update={"cost": COST.model_copy(update={"build_s": 601})})
    changes["classes.index.build_s"] = 1000
    assert ruled(bob, Case(dear, TABLES, case.votes), at=NIGHT, **changes).steps == 1


def test_who_lost_the_role_counts_no_more() -> None:
    rebuild = planned(CLUSTER)
    case = Case(rebuild, TABLES, [Vote("bob", "approve", 1)])
    changes = {"approvers.bob.roles": ["analyst"], "approvers.carol.roles": ["owner", "engineer"]}
    assert ruled(by("alice", rebuild), case, at=NIGHT).verdict == "complete"
    assert ruled(by("alice", rebuild), case, at=NIGHT, **changes).verdict == "counted"


VOTES = st.builds(
    Vote, st.sampled_from(["alice", "bob", "carol", "gone"]), st.sampled_from(["approve", "defer"]), st.integers(0, 3)
)
STEPS = planned(INDEX, CLUSTER, INDEX.model_copy(update={"name": "k"}))


@given(st.lists(VOTES, max_size=6), st.sampled_from([None, "alice", "bob"]))
def test_every_agreed_step_has_its_quorum_of_different_persons_who_may(votes: list[Vote], proposer: str | None) -> None:
    """Judged by counting persons, each step by itself."""
    roles = {"alice": {"owner"}, "bob": {"engineer", "owner"}, "carol": {"analyst"}, "gone": set()}
    last = {vote.approver: vote for vote in votes if vote.approver != proposer}
    needs = [({"engineer", "owner"}, 1), ({"owner"}, 2), ({"engineer", "owner"}, 1)]
    enough = [
        sum(vote.decision == "approve" and vote.steps > place and bool(roles[who] & may) for who, vote in last.items())
        >= quorum
        for place, (may, quorum) in enumerate(needs)
    ]
    expected = next((place for place, one in enumerate(enough) if not one), len(enough))
    assert agreed_steps(POLICY_READ, STEPS.steps, votes, proposer)[0] == expected


@given(st.data())
def test_nothing_is_complete_without_a_vote_of_somebody_who_may(data: st.DataObject) -> None:
    who = data.draw(st.sampled_from(["alice", "bob", "carol", "mallory"]))
    suggestion = data.draw(st.sampled_from([ONE, TWO, STEPS, planned(CLUSTER), planned(DROP), planned(INDEX, DROP)]))
    steps = data.draw(st.integers(0, 4))
    votes = data.draw(st.lists(VOTES, max_size=4))
    found = ruled(by(who, suggestion, steps=steps), Case(suggestion, TABLES, votes), at=NIGHT)
    if found.verdict == "complete":
        kinds = [step.action.kind for step in suggestion.steps[: found.steps]]
        assert who in ("alice", "bob")
        assert found.steps <= len(suggestion.steps)
        assert "drop_table" not in kinds
        with_it = [*votes, found.vote or Vote("", "defer", 0)]
        assert found.steps == agreed_steps(POLICY_READ, suggestion.steps, with_it)[0]


def test_the_same_question_has_the_same_answer() -> None:
    for who, at in product(("alice", "bob", "carol"), (NOON, NIGHT)):
        assert ruled(by(who), at=at) == ruled(by(who), at=at)
