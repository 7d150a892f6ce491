"""What its class has earned is approved by itself, one change at a time, and nothing else is."""

import json
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from schemas.actions import ChangeType, DropTable
from schemas.canonical import canonical
from schemas.definition import after
from schemas.records import AnalysisRequest, Decision, Ruling, Suggestion
from schemas.topics import CATALOGS, PATTERNS, RULINGS, SUGGESTIONS
from store import journal, record
from store.watches import Judge
from streams.access import automatic
from streams.access.automatic import earned
from streams.control import ControlSettings, Health, Turning
from streams.scheduling import AnalysisRules
from tests.access import CLUSTER, DROP, INDEX, TABLES, later, planned
from tests.ordered_store import NOON, Ordered
from tests.store_records import CODEC, catalog, pattern, pattern_batch
from tests.unit.test_dropping import DROPS, HIDDEN
from tests.unit.test_ordering_as_code import REWRITE, SUMMARIES, TOTALS
from tests.unit.test_verifying import promised

Verdict = Literal["confirmed", "worse", "inconclusive"]
GAIN = promised().gain
AUTOMATIC = {"automatic": {"classes": ["index"], "verified": 2}}
NIGHT = later(hours=10)
TYPE = ChangeType(table="orders", column="id", from_type="BIGINT", to_type="INTEGER")


def change(number: int, *bodies: Any, **more: Any) -> Suggestion:
    identity = f"8a2c3b5e-0000-5000-8000-{number:012}"
    return planned(*(bodies or (INDEX,)), **{"suggestion_id": identity, "gain": GAIN} | more)


class Trusted(Ordered):
    def __init__(self, folder: Path, **changes: Any) -> None:
        super().__init__(folder, **AUTOMATIC | changes)

    def done(self, on: Suggestion) -> str:
        """What is approved is carried out; the operation's id."""
        order = self.order(self.turn())
        assert order.suggestion_id == on.suggestion_id
        self.answer(order)
        return order.operation_id

    def tried(
        self, number: int, verdict: Verdict = "confirmed", as_promised: bool | None = True, body: Any = INDEX,
        compared: bool = True,
    ) -> str:  # fmt: skip
        """A change that a person approves, carried out and judged; the operation's id."""
        on = change(number, body)
        self.add(SUGGESTIONS, on)
        self.approve("bob", on)
        operation_id = self.done(on)
        self.judge(on, operation_id, verdict, as_promised, compared)
        return operation_id

    def judge(
        self, on: Suggestion, operation_id: str, verdict: Verdict = "confirmed", kept: bool | None = True,
        compared: bool = True,
    ) -> None:  # fmt: skip
        body = Judge(
            operation_id=operation_id, suggestion_id=on.suggestion_id, revision=on.revision, verdict=verdict,
            reason="", speedup=2, low=2, high=2, slots=8, promised=2, promised_low=2, promised_high=2,
            as_promised=kept, compared=compared,
        )  # fmt: skip
        self.decide(lambda _, deciding: deciding.decide("judge", "sales", "main", canonical(body)))

    def itself(self, now: datetime = NOON) -> list[Decision]:
        """What is approved by itself."""
        return self.decide(lambda tx, one: automatic.rule(tx, CODEC, self.gatekeeper.rules, one, now), now)


def test_after_enough_gains_in_a_row_a_change_is_approved_by_itself_and_says_why(tmp_path: Path) -> None:
    store = Trusted(tmp_path)
    first = store.tried(1)
    store.add(SUGGESTIONS, change(9))
    assert store.itself() == []
    second = store.tried(2)
    (decision,) = store.itself()
    (message,) = decision.messages
    ruling = CODEC.decode_as(Ruling, message.value)
    assert (message.topic, ruling.approver, ruling.verdict, ruling.steps) == (RULINGS.name, "automatic", "complete", 1)
    assert ruling.reason == (
        "automatic, after 2 changes in a row that brought what was promised: 1 of 1 steps may be done, now"
    )
    body = json.loads(decision.body)
    assert (body["evidence"], body["policy"]) == ([first, second], store.gatekeeper.rules.digest)
    assert store.itself() == [], "it is decided"
    order = store.order(store.turn())
    assert (order.suggestion_id, order.approvals) == (change(9).suggestion_id, [])


@pytest.mark.parametrize(
    ("verdict", "as_promised", "compared"),
    [
        ("inconclusive", None, True),
        ("worse", False, True),
        ("confirmed", False, True),
        ("confirmed", True, False),
        ("taken back", True, True),
    ],
)
def test_whatever_was_not_seen_to_bring_what_was_promised_breaks_the_row(
    tmp_path: Path, verdict: Any, as_promised: bool | None, compared: bool
) -> None:
    store = Trusted(tmp_path)
    first = store.tried(1)
    if verdict == "taken back":
        store.answer(store.order(store.roll_back(first)))
    else:
        store.tried(2, verdict, as_promised, compared=compared)
    store.tried(3)
    store.add(SUGGESTIONS, change(9))
    assert store.itself() == []
    store.tried(4)
    assert len(store.itself()) == 1


@pytest.mark.parametrize("how", [{"pinned": True}, {"as_code": "dbt makes its tables"}])
def test_where_people_have_to_sign_or_to_land_it_nothing_is_approved_by_itself(
    tmp_path: Path, how: dict[str, Any]
) -> None:
    store = Trusted(tmp_path)
    store.tried(1)
    store.tried(2)
    store.add(SUGGESTIONS, change(9))
    store.add(CATALOGS, catalog(tables=list(TABLES.values()), **how))
    assert store.itself() == []
    store.add(CATALOGS, catalog(tables=list(TABLES.values())))
    assert len(store.itself()) == 1


def test_what_came_of_another_class_is_its_own_matter(tmp_path: Path) -> None:
    store = Trusted(tmp_path, **{"classes.rebuild.quorum": 1, "classes.rebuild.windows": []})
    store.tried(1)
    store.tried(2, "worse", False, CLUSTER)
    store.tried(3)
    store.add(SUGGESTIONS, change(9))
    assert len(store.itself()) == 1


def test_only_the_steps_that_were_carried_out_count(tmp_path: Path) -> None:
    store = Trusted(tmp_path)
    store.add(SUGGESTIONS, both := change(1, INDEX, CLUSTER))
    store.approve("bob", both, steps=1)
    operation_id = store.done(both)
    store.judge(both, operation_id)
    with store.file.reading() as tx:
        assert record.gains_in_a_row(tx, "sales", ["drop_index", "create_index"]) == [operation_id]
        assert record.gains_in_a_row(tx, "sales", ["cluster"]) == []


def test_one_change_of_a_database_at_a_time_until_it_is_judged(tmp_path: Path) -> None:
    store = Trusted(tmp_path)
    store.tried(1)
    store.tried(2)
    ones = [change(8, position=1), change(9, position=2)]
    store.add(SUGGESTIONS, *ones)
    assert len(store.itself()) == 1
    assert store.itself() == []
    operation_id = store.done(ones[0])
    assert store.itself() == []
    store.judge(ones[0], operation_id)
    assert len(store.itself()) == 1
    store.done(ones[1])


@pytest.mark.parametrize(
    ("bodies", "approved"),
    [((TOTALS, REWRITE), 1), ((HIDDEN, DropTable(table=HIDDEN.to)), 1), ((INDEX, REWRITE), 0)],
    ids=["people land the rest", "it is out of sight", "it is judged by the log"],
)
def test_what_may_take_weeks_to_be_judged_holds_up_no_other_change(
    tmp_path: Path, bodies: tuple[Any, ...], approved: int
) -> None:
    store = Trusted(tmp_path, **{"classes.summaries": SUMMARIES, "classes.drops": DROPS})
    store.tried(1)
    store.tried(2)
    store.add(SUGGESTIONS, on := change(8, *bodies))
    store.approve("bob", on)
    store.done(on)
    store.add(SUGGESTIONS, change(9, revision=4))
    assert len(store.itself()) == approved


def test_what_a_person_rejected_or_was_ever_tried_is_left_to_people(tmp_path: Path) -> None:
    store = Trusted(tmp_path)
    store.tried(1)
    store.tried(2)
    rejected = change(9)
    store.add(SUGGESTIONS, rejected)
    store.approve("bob", rejected, decision="reject")
    again = [change(number, revision=4) for number in (9, 1)]
    store.add(SUGGESTIONS, *again)
    assert store.itself() == []
    store.add(SUGGESTIONS, deferred := change(7, revision=4))
    store.approve("bob", deferred, decision="defer")
    assert store.itself() == []
    store.add(SUGGESTIONS, commented := change(6, revision=4))
    store.approve("bob", commented, decision="comment", score=5)
    assert len(store.itself()) == 1


def test_what_an_older_analysis_suggested_is_not_done_by_itself(tmp_path: Path) -> None:
    store = Trusted(tmp_path)
    store.tried(1)
    store.tried(2)
    store.add(SUGGESTIONS, change(9), change(8, revision=4, kind="nothing"))
    assert store.itself() == []


def test_what_the_gate_is_against_is_not_approved(tmp_path: Path) -> None:
    store = Trusted(tmp_path)
    store.tried(1)
    store.tried(2)
    store.add(SUGGESTIONS, change(9))
    assert store.itself(later(days=8)) == [], "it expired"
    store.add(CATALOGS, catalog(tables=list(after(INDEX, TABLES).values())))
    assert store.itself() == [], "the table changed"
    store.add(CATALOGS, catalog(tables=list(TABLES.values())))
    assert len(store.itself()) == 1


MISSING: dict[str, tuple[Suggestion, str]] = {
    "nothing to do": (planned(gain=GAIN), "the policy lets nothing be done by itself"),
    "no way back": (change(9, DROP), "it cannot be taken back"),
    "nothing measured": (change(9, gain=None), "its gain is not proved"),
    "a sample": (change(9, gain=GAIN and GAIN.model_copy(update={"unproved": True})), "its gain is not proved"),
    "another class": (change(9, INDEX, TYPE), "change_type is not done by itself"),
    "another product": (change(9, product="other"), "index has 0 of 2 verified gains in a row"),
    "earned": (change(9), ""),
}


@pytest.mark.parametrize("case", MISSING)
def test_what_is_missing_is_said(tmp_path: Path, case: str) -> None:
    store = Trusted(tmp_path)
    store.tried(1)
    store.tried(2)
    with store.file.reading() as tx:
        assert earned(tx, store.gatekeeper.rules.policy, MISSING[case][0]).missing == MISSING[case][1]


def test_what_waits_for_its_window_is_void_when_its_class_loses_its_record(tmp_path: Path) -> None:
    store = Trusted(tmp_path, **{"classes.index.windows": ["nights"]})
    operations = []
    for number in (1, 2):
        store.add(SUGGESTIONS, on := change(number))
        store.approve("bob", on, at=NIGHT)
        order = store.order(store.turn(NIGHT))
        store.answer(order, at=NIGHT)
        store.judge(on, order.operation_id)
        operations.append(order.operation_id)
    store.add(SUGGESTIONS, change(9))
    assert len(store.itself(NOON)) == 1
    assert store.turn(NOON) == []
    store.answer(store.order(store.roll_back(operations[1], NOON)))
    (void,) = store.turn(NIGHT)
    assert json.loads(void.body)["refused"] == (
        "it was approved by itself, but index has 0 of 2 verified gains in a row"
    )


def test_the_control_process_asks_each_tick_and_tells_analyses_what_is_muted(tmp_path: Path) -> None:
    store = Trusted(tmp_path)
    mute = '[[mutes]]\nrule = "ENUM"\nby = "alice"\nreason = "no"\n'
    store.team.file.write_text(f"{store.team.file.read_text()}\n{mute}")
    store.tried(1)
    store.tried(2)
    store.add(SUGGESTIONS, change(9))
    store.add(PATTERNS, pattern_batch(0, pattern(latencies=[1000] * 10, hour=NOON)))
    settings = ControlSettings(Path(), {}, analysis=AnalysisRules(min_runs=10), policy=store.team.file)
    with store.file.transaction() as tx:
        follower: Any = SimpleNamespace(file=store.file, codec=CODEC, journal=SimpleNamespace(head=journal.head(tx)))
        quiet = SimpleNamespace(turn=lambda *_: None)
        turning = Turning(settings, follower, None, quiet, lambda: NOON, "", Health())  # type: ignore[arg-type]
        taken = {one.kind: one for one in turning._decide(tx, tick=True)}
        assert "rule" not in {one.kind for one in turning._decide(tx, tick=False)}
    assert json.loads(taken["rule"].body)["approver"] == "automatic"
    asked = CODEC.decode_as(AnalysisRequest, taken["analyse"].messages[0].value)
    assert [(one.rule, one.reason) for one in asked.mutes] == [("ENUM", "muted by alice: no")]


def test_without_a_policy_or_a_word_of_it_nothing_is_approved_by_itself(tmp_path: Path) -> None:
    store = Trusted(tmp_path)
    store.tried(1)
    store.tried(2)
    store.add(SUGGESTIONS, change(9))
    assert store.decide(lambda tx, one: automatic.rule(tx, CODEC, None, one, NOON)) == []
    store.team.write()
    store.gatekeeper = type(store.gatekeeper)(store.team.file)
    assert store.itself() == []
