"""Approvals before the gate as the control process brings them: each is answered once, and the journal tells it."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from duckdb import DuckDBPyConnection

from schemas.approvals import Verified
from schemas.canonical import canonical
from schemas.records import Decision, Ruling, Suggestion
from schemas.topics import APPROVALS, CATALOGS, RULINGS, SUGGESTIONS
from store import approvals, decisions
from store.analyses import Analyse
from streams.access.gate import Case, Judgement, judge
from streams.access.gatekeeper import Gatekeeper
from streams.access.judging import Judging
from streams.access.policy import Policy
from streams.deciding import Deciding
from tests.access import CLUSTER, INDEX, ORDERS, OTHER, Team, later, planned
from tests.deciding_store import Store
from tests.store_records import CODEC, catalog

NOON = later(hours=1)
NIGHT = later(hours=9, minutes=30)
ONE = planned(INDEX)


class Judged(Store):
    def __init__(self, team: Team | None) -> None:
        super().__init__()
        self.team = team
        self.gatekeeper = Gatekeeper(team.file) if team else None
        self.add(CATALOGS, catalog(tables=[ORDERS, OTHER]))

    def rule(self, now: datetime = NOON) -> list[Ruling]:
        """What is answered."""

        def take(tx: DuckDBPyConnection, deciding: Deciding) -> None:
            rules = self.gatekeeper.look() if self.gatekeeper else None
            Judging(tx, CODEC, rules, deciding, now).rule()

        return [answer(one) for one in self.decide(take, now) if one.messages]

    def approved(self, suggestion: Suggestion) -> list[bool | None]:
        with self.file.reading() as tx:
            return [
                one["approved"]
                for one in decisions.listed(tx)
                if one["context"].get("suggestion_id") == suggestion.suggestion_id and one["suggestion"]
            ]


def answer(decision: Decision) -> Ruling:
    (message,) = decision.messages
    assert (decision.kind, message.topic) == ("rule", RULINGS.name)
    return CODEC.decode_as(Ruling, message.value)


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


@pytest.fixture
def store(team: Team) -> Judged:
    found = Judged(team)
    found.add(SUGGESTIONS, ONE)
    return found


def test_an_approval_that_fits_is_complete_and_answered(store: Judged, team: Team) -> None:
    assert store.approved(ONE) == [None]
    sent = team.approval("bob", ONE, NOON)
    store.add(APPROVALS, sent, time=NOON)
    (ruling,) = store.rule()
    assert (ruling.approval_id, ruling.suggestion_id, ruling.revision, ruling.plan_hash) == (
        sent.event_id, ONE.suggestion_id, 3, ONE.plan_hash)  # fmt: skip
    assert (ruling.verdict, ruling.approver, ruling.steps, ruling.opens) == ("complete", "bob", 1, NOON)
    assert ruling.reason == "1 of 1 steps may be done, now"
    assert store.approved(ONE) == [True]
    assert store.rule() == []
    with store.file.reading() as tx:
        (kept,) = approvals.listed(tx)
    assert (kept["identity"], kept["verdict"], kept["agreed"]) == ("people|bob", "complete", 1)


def test_two_who_come_at_once_are_counted_one_after_the_other(store: Judged, team: Team) -> None:
    rebuild = planned(CLUSTER, suggestion_id="8a2c3b5e-0000-5000-8000-000000000000")
    store.add(SUGGESTIONS, rebuild)
    store.add(APPROVALS, *(team.approval(who, rebuild, NIGHT) for who in ("bob", "alice")), time=NIGHT)
    first, second = store.rule()
    assert (first.verdict, first.reason) == ("counted", "1 of 2 for rebuild have approved it: alice may")
    assert (second.verdict, second.steps, second.opens) == ("complete", 1, NIGHT)


def test_votes_of_earlier_entries_count(store: Judged, team: Team) -> None:
    rebuild = planned(CLUSTER, suggestion_id="8a2c3b5e-0000-5000-8000-000000000000")
    store.add(SUGGESTIONS, rebuild)
    verdicts = []
    for who in ("bob", "bob", "alice"):
        store.add(APPROVALS, team.approval(who, rebuild, NIGHT), time=NIGHT)
        verdicts += [ruling.verdict for ruling in store.rule()]
    assert verdicts == ["counted", "counted", "complete"]


def test_one_that_comes_before_its_suggestion_waits_for_it(team: Team) -> None:
    store = Judged(team)
    store.add(APPROVALS, team.approval("bob", ONE, NOON), time=NOON)
    (ruling,) = store.rule()
    assert (ruling.verdict, ruling.reason) == (
        "waits", f"there is no suggestion {ONE.suggestion_id} yet: it is looked at when it comes")  # fmt: skip
    assert store.rule() == []
    store.add(SUGGESTIONS, ONE)
    (ruling,) = store.rule()
    assert ruling.verdict == "complete"
    assert store.rule() == []


def test_one_whose_suggestion_never_comes_is_refused_when_it_expires(team: Team) -> None:
    store = Judged(team)
    store.add(APPROVALS, team.approval("bob", ONE, NOON), time=NOON)
    assert [one.verdict for one in store.rule()] == ["waits"]
    assert store.rule(NOON + timedelta(minutes=10, seconds=30)) == []
    (ruling,) = store.rule(NOON + timedelta(minutes=10, seconds=31))
    assert (ruling.verdict, ruling.reason) == (
        "refused", f"there is no suggestion {ONE.suggestion_id}, and it has waited long enough for one")  # fmt: skip


def test_those_that_wait_block_nobody_and_are_bounded(
    store: Judged, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.access.judging.AT_ONCE", 50)

    def unknown(number: int) -> str:
        return f"8a2c3b5e-0000-5000-8000-{number:012}"

    sent = [team.approval("bob", ONE, NOON, suggestion_id=unknown(number)) for number in range(60)]
    store.add(APPROVALS, *sent, team.approval("alice", ONE, NOON), time=NOON)
    first = store.rule()
    assert [one.verdict for one in first] == ["waits"] * 20 + ["refused"] * 30
    assert "20 approvals of people|bob wait for theirs already" in first[-1].reason
    second = store.rule()
    assert [one.verdict for one in second] == ["refused"] * 10 + ["complete"]
    assert store.rule() == []


@pytest.mark.parametrize(
    "more",
    [
        {"suggestion_id": "nope"},
        {"suggestion_id": "8A2C3B5E-0000-5000-8000-000000000000"},
        {"product": "\0", "database": "\u202e"},
        {"plan_hash": "x" * 200},
        {"revision": 2**31 - 1, "steps": 2**31 - 1},
    ],
)
def test_whatever_is_signed_is_answered(store: Judged, team: Team, more: dict[str, Any]) -> None:
    store.add(APPROVALS, team.approval("bob", ONE, NOON, **more), time=NOON)
    assert [one.verdict for one in store.rule()] == ["refused"]
    assert store.rule() == []


def test_what_the_gate_stumbles_on_is_refused_and_the_others_are_judged(
    store: Judged, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(policy: Policy, verified: Verified, at: datetime, case: Case) -> Judgement:
        if verified.identity.subject == "alice":
            raise OverflowError
        return judge(policy, verified, at, case)

    monkeypatch.setattr("streams.access.judging.judge", stumble)
    store.add(APPROVALS, *(team.approval(who, ONE, NOON) for who in ("alice", "bob")), time=NOON)
    assert [one.verdict for one in store.rule()] == ["refused", "complete"]


def test_a_deferral_takes_back_what_was_approved(store: Judged, team: Team) -> None:
    approved = []
    for who, decision in (("bob", "approve"), ("alice", "defer"), ("bob", "defer"), ("alice", "approve")):
        store.add(APPROVALS, team.approval(who, ONE, NOON, decision=decision), time=NOON)
        store.rule()
        approved += store.approved(ONE)
    assert approved == [True, True, None, True]


def test_another_plan_under_the_same_id_and_revision_has_no_approval(store: Judged, team: Team) -> None:
    other = planned(CLUSTER, suggestion_id=ONE.suggestion_id)
    late = Judged(team)
    late.add(SUGGESTIONS, ONE, partition=3)
    late.add(APPROVALS, team.approval("bob", ONE, NOON), time=NOON)
    late.rule()
    assert late.approved(ONE) == [True]
    late.add(SUGGESTIONS, other, partition=2)
    assert late.approved(ONE) == [None]


def test_the_same_event_again_is_answered_once_and_its_token_in_another_is_refused(store: Judged, team: Team) -> None:
    sent = team.approval("bob", ONE, NOON, event_id="first")
    stolen = sent.model_copy(update={"event_id": "second"})
    store.add(APPROVALS, sent, sent, stolen, time=NOON)
    assert [(one.approval_id, one.verdict) for one in store.rule()] == [("first", "complete"), ("second", "refused")]
    store.add(APPROVALS, sent, stolen, time=NOON)
    (ruling,) = store.rule()
    assert ruling.reason == "its token came before, in the event first: sign one anew for each decision"


def test_a_rejection_closes_the_plan(store: Judged, team: Team) -> None:
    store.add(APPROVALS, team.approval("alice", ONE, NOON, decision="reject", reason="that table goes"), time=NOON)
    store.add(APPROVALS, team.approval("bob", ONE, NOON), time=NOON)
    first, second = store.rule()
    assert (first.verdict, first.reason) == ("rejected", "rejected by alice: that table goes")
    assert (second.verdict, second.reason) == ("refused", "alice rejected it: a new revision can be approved")
    assert store.approved(ONE) == [False]


def test_a_rejection_by_one_who_may_not_closes_nothing(store: Judged, team: Team) -> None:
    store.add(APPROVALS, team.approval("carol", ONE, NOON, decision="reject"), time=NOON)
    assert [one.verdict for one in store.rule()] == ["refused"]
    with store.file.reading() as tx:
        assert approvals.earlier(tx, ONE.suggestion_id, ONE.revision, ONE.plan_hash) == []
    store.add(APPROVALS, team.approval("bob", ONE, NOON), time=NOON)
    assert [one.verdict for one in store.rule()] == ["complete"]


@pytest.mark.parametrize("at_once", [False, True])
def test_a_comment_changes_no_approval(store: Judged, team: Team, at_once: bool) -> None:
    rebuild = planned(CLUSTER, suggestion_id="8a2c3b5e-0000-5000-8000-000000000000")
    store.add(SUGGESTIONS, rebuild)
    said = [("bob", {}), ("bob", {"decision": "comment", "score": 3}), ("alice", {})]
    verdicts = []
    for who, claims in said:
        store.add(APPROVALS, team.approval(who, rebuild, NIGHT, **claims), time=NIGHT)
        verdicts += [] if at_once else [one.verdict for one in store.rule()]
    assert verdicts + [one.verdict for one in store.rule()] == ["counted", "noted", "complete"]
    assert store.approved(rebuild) == [True]
    store.add(APPROVALS, team.approval("alice", rebuild, NIGHT, decision="comment", reason="why not"), time=NIGHT)
    assert [one.verdict for one in store.rule()] == ["noted"]
    assert store.approved(rebuild) == [True]


def test_beside_a_suggestion_stands_the_mean_of_the_last_scores_of_each(store: Judged, team: Team) -> None:
    def score() -> float | None:
        with store.file.reading() as tx:
            (found,) = [one["feedback_score"] for one in decisions.listed(tx) if one["suggestion"]]
        return found

    assert score() is None
    for who, more, expected in (
        ("bob", {"decision": "comment", "score": 1}, 1.0),
        ("alice", {"decision": "defer", "score": 4}, 2.5),
        ("carol", {"decision": "reject", "score": 5}, 2.5),  # she may not
        ("bob", {"score": 2}, 3.0),
        ("alice", {"decision": "comment", "reason": "well"}, 3.0),
    ):
        store.add(APPROVALS, team.approval(who, ONE, NOON, **more), time=NOON)
        store.rule()
        assert score() == expected
    with store.file.reading() as tx:
        assert [(one["score"], one["text"]) for one in approvals.listed(tx)] == [
            (None, "well"), (2, ""), (5, ""), (4, ""), (1, "")]  # fmt: skip


def test_a_new_revision_begins_without_votes(store: Judged, team: Team) -> None:
    store.add(APPROVALS, team.approval("alice", ONE, NOON, decision="reject"), time=NOON)
    assert [one.verdict for one in store.rule()] == ["rejected"]
    store.add(SUGGESTIONS, ONE.model_copy(update={"revision": 4}))
    store.add(APPROVALS, team.approval("bob", ONE, NOON), time=NOON)
    store.add(APPROVALS, team.approval("bob", ONE, NOON, revision=4), time=NOON)
    assert [one.verdict for one in store.rule()] == ["refused", "complete"]


def test_the_catalog_as_it_is_now_decides_what_drifted(store: Judged, team: Team) -> None:
    store.add(CATALOGS, catalog(tables=[ORDERS.model_copy(update={"columns": []}), OTHER]))
    store.add(APPROVALS, team.approval("bob", ONE, NOON), time=NOON)
    (ruling,) = store.rule()
    assert ruling.reason == "main.orders changed since it was planned: the next analysis plans it anew"


def test_the_brokers_time_is_what_counts(store: Judged, team: Team) -> None:
    """Neither the record's own time nor the control process's clock: it may have been down for a day."""
    in_time = team.approval("bob", ONE, NOON)
    store.add(APPROVALS, in_time, time=NOON + timedelta(minutes=10))
    assert [one.verdict for one in store.rule(NOON + timedelta(days=1))] == ["complete"]
    late = team.approval("bob", ONE, NOON)
    store.add(APPROVALS, late, time=NOON + timedelta(hours=1))
    (ruling,) = store.rule(NOON)
    assert ruling.reason.startswith("it expired at 2026-11-29 13:10:00 UTC, and came at 2026-11-29 14:00:00 UTC")


def test_what_is_forged_is_refused_and_answered(store: Judged, team: Team) -> None:
    forged = team.approval("bob", ONE, NOON)
    changed = forged.model_copy(update={"token": forged.token[:-20] + "A" * 20})
    store.add(APPROVALS, changed, time=NOON)
    (ruling,) = store.rule()
    assert (ruling.approver, ruling.suggestion_id, ruling.verdict) == ("", "", "refused")
    assert ruling.reason == "its signature does not hold: it was forged, or changed on the way"
    assert store.approved(ONE) == [None]


def test_one_of_5_mb_is_refused_in_few_bytes_and_holds_up_no_other(store: Judged, team: Team) -> None:
    sent = team.approval("bob", ONE, NOON)
    large = sent.model_copy(update={"token": sent.token + "A" * 5_000_000, "event_id": "large"})
    store.add(APPROVALS, large, sent, time=NOON)
    refused, passed = store.rule()
    assert (refused.approval_id, refused.verdict, refused.reason) == (
        "large", "refused", "its token is larger than 16384 bytes")  # fmt: skip
    assert (passed.approval_id, passed.verdict) == (sent.event_id, "complete")
    with store.file.reading() as tx:
        ((entry,),) = tx.execute("SELECT decisions FROM journal WHERE kind = 'decision'").fetchall()
    assert len(entry) < 10_000


def test_what_is_no_id_is_no_suggestion(store: Judged, team: Team) -> None:
    store.add(APPROVALS, team.approval("bob", ONE, NOON, suggestion_id="'; DROP TABLE rulings"), time=NOON)
    (ruling,) = store.rule()
    assert ruling.reason == "\"'; DROP TABLE rulings\" is no suggestion's id"


def test_without_a_policy_nobody_may_approve_anything(team: Team) -> None:
    store = Judged(None)
    store.add(SUGGESTIONS, ONE)
    store.add(APPROVALS, team.approval("bob", ONE, NOON), time=NOON)
    (ruling,) = store.rule()
    assert ruling.reason == "no policy is set, so nobody may approve anything: name one by SIDECAR_POLICY"


def test_a_policy_that_changes_holds_at_once_and_one_that_breaks_does_not(
    store: Judged, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.access.gatekeeper.LOOK_S", 0.0)

    def verdict() -> str:
        store.add(APPROVALS, team.approval("bob", ONE, NOON), time=NOON)
        (ruling,) = store.rule()
        return ruling.verdict

    assert verdict() == "complete"
    team.write(**{"approvers.bob.roles": ["analyst"], "approvers.carol.roles": ["engineer", "owner"]})
    assert verdict() == "refused"
    good = team.file.read_text()
    team.file.write_text(good.replace("quorum", "qourum"))
    assert verdict() == "refused"
    team.write()
    assert verdict() == "complete"
    team.write(**{"approvers.bob.roles": ["analyst"], "approvers.carol.roles": ["engineer", "owner"]})
    people = (team.folder / "people.json").read_text()
    (team.folder / "people.json").unlink()
    assert verdict() == "complete"
    (team.folder / "people.json").write_text(people)  # as where the keys come a moment after the policy
    assert verdict() == "refused"


def test_the_journal_names_the_policy_that_it_was_judged_by(store: Judged, team: Team) -> None:
    store.add(APPROVALS, team.approval("bob", ONE, NOON), time=NOON)
    store.rule()
    with store.file.reading() as tx:
        (entry,) = tx.execute("SELECT decisions FROM journal WHERE kind = 'decision'").fetchall()
    (told,) = json.loads(entry[0])
    assert store.gatekeeper is not None
    assert told["body"]["policy"] == store.gatekeeper.rules.digest
    assert (told["body"]["identity"], told["body"]["verdict"]) == ("people|bob", "complete")


def test_whoever_asked_for_it_in_words_cannot_approve_it(store: Judged, team: Team) -> None:
    asked = Analyse(
        analysis_id=ONE.analysis_id, revision=1, epoch=1, reason="", catalog_hash="", window_start=NOON,
        window_end=NOON, deadline=NOON, shapes=1, runs=1, dropped=0, request=None, closes=False,
        text="an index for the orders of a customer", requested_by="people|bob",
    )  # fmt: skip
    store.decide(lambda _, deciding: deciding.decide("analyse", ONE.product, ONE.database, canonical(asked)), NOON)
    store.add(APPROVALS, *(team.approval(who, ONE, NOON) for who in ("bob", "alice")), time=NOON)
    assert [(one.verdict, one.reason) for one in store.rule()] == [
        ("refused", "bob proposed it, so others have to approve it"),
        ("complete", "1 of 1 steps may be done, now"),
    ]
