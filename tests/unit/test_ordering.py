"""What is approved is told to the product once its time has come, once, and taken back when somebody asks."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from schemas.actions import ChangeType
from schemas.approvals import verify
from schemas.canonical import canonical
from schemas.definition import after
from schemas.records import Column, Decision
from schemas.topics import APPROVALS, CATALOGS, OPERATIONS, PATTERNS, RULINGS, SUGGESTIONS
from store import operations, outbox
from store.analyses import Analyse
from streams.access.gatekeeper import Gatekeeper
from streams.access.judging import Judging
from streams.access.ordering import OPEN_FOR
from tests.access import CLUSTER, INDEX, ORDERS, OTHER, TABLES, later, planned
from tests.ordered_store import NOON, ONE, Ordered
from tests.store_records import CODEC, catalog, pattern, pattern_batch

NIGHT = later(hours=9, minutes=30)


@pytest.fixture
def store(tmp_path: Path) -> Ordered:
    made = Ordered(tmp_path)
    made.add(SUGGESTIONS, ONE)
    return made


def refusals(taken: list[Decision]) -> list[str]:
    assert all(message.topic == RULINGS.name for one in taken for message in one.messages)
    bodies = [json.loads(one.body) for one in taken]
    return [body.get("refused") or body["reason"] for body in bodies]


def test_an_approved_plan_becomes_one_signed_order_to_the_process_that_told_of_its_catalog(store: Ordered) -> None:
    assert store.turn() == []
    store.approve("bob")
    order = store.order(store.turn())
    assert (order.kind, order.instance, order.file_id, order.number, order.epoch) == ("apply", "web-1", "file-1", 1, 0)
    assert (order.steps, order.first, order.last, order.plan_hash) == (ONE.steps, 0, 1, ONE.plan_hash)
    assert (order.issued, order.deadline, order.most_s) == (NOON, NOON + OPEN_FOR, 60)
    (given,) = order.approvals
    assert verify(store.gatekeeper.rules.keys, given.approval, given.time).identity == ("people", "bob")
    assert store.turn() == [], "it is told once"
    with store.file.reading() as tx:
        assert [one.state for one in operations.listed(tx)] == ["sent"]
        assert [one.message.topic for one in outbox.pending(tx)][-1] == OPERATIONS.name


def test_what_became_of_it_stands_beside_the_suggestion(store: Ordered) -> None:
    store.approve("bob")
    order = store.order(store.turn())
    assert store.executed() == [None]
    store.answer(order)
    store.answer(order, "stuck")
    assert store.executed() == [True]
    with store.file.reading() as tx:
        assert [one.state for one in operations.listed(tx)] == ["done"], "the first word stands"
        assert operations.done(tx, ONE.suggestion_id, ONE.revision) == 1
    assert store.turn() == []


@pytest.mark.parametrize("state", ["refused", "undone", "stuck"])
def test_what_did_not_pass_is_not_told_again_until_somebody_approves_anew(store: Ordered, state: str) -> None:
    store.approve("bob")
    store.answer(store.order(store.turn()), state)
    assert store.turn() == []
    assert store.executed() == [None]
    store.approve("alice")
    assert store.order(store.turn()).number == 2


def test_what_ran_before_another_change_is_watched_too(store: Ordered) -> None:
    """Under a catalog that is not the newest any more."""
    ran = dict.fromkeys(("hour", "first_seen", "last_seen"), NOON - timedelta(hours=1))
    insert = {"kind": "insert", "statement": "INSERT INTO orders VALUES ($1)"}
    store.add(PATTERNS, pattern_batch(0, pattern(2, **ran), pattern(3, **ran, **insert)))
    store.add(CATALOGS, catalog(tables=[ORDERS, OTHER], catalog_hash="another"))
    store.approve("bob")
    body = json.loads(store.turn()[0].body)
    assert (body["watched"], body["compared"]) == ([pattern(3).fingerprint], [pattern(2).fingerprint])


def test_it_waits_for_its_window(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    rebuild = planned(CLUSTER)
    store.add(SUGGESTIONS, rebuild)
    store.approve("alice", rebuild)
    store.approve("bob", rebuild)
    assert store.turn() == [], "the window is not open"
    assert store.order(store.turn(NIGHT)).last == 1


@pytest.mark.parametrize("columns", [ORDERS.columns[:1], None], ids=["a column less", "it is gone"])
def test_what_drifted_while_its_window_was_awaited_is_not_told(tmp_path: Path, columns: list[Column] | None) -> None:
    store = Ordered(tmp_path)
    rebuild = planned(CLUSTER)
    store.add(SUGGESTIONS, rebuild)
    store.approve("alice", rebuild)
    store.approve("bob", rebuild)
    left = [ORDERS.model_copy(update={"columns": columns})] if columns else []
    store.add(CATALOGS, catalog(tables=[*left, OTHER]))
    assert refusals(store.turn(NIGHT)) == ["main.orders changed since it was planned: the next analysis plans it anew"]
    assert store.turn(NIGHT) == []
    with store.file.reading() as tx:
        assert [one.state for one in operations.listed(tx)] == ["refused"]


def test_what_expired_while_its_window_was_awaited_is_not_told(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    rebuild = planned(CLUSTER)
    store.add(SUGGESTIONS, rebuild)
    store.approve("alice", rebuild)
    store.approve("bob", rebuild)
    late = NIGHT + timedelta(days=2)
    assert refusals(store.turn(late)) == [
        "it was measured on 2026-11-29 12:00 UTC, more than 2 days before: the next analysis measures it anew"
    ]
    assert store.turn(late) == []


def test_of_two_who_approve_at_once_where_one_is_enough_it_is_told_once(store: Ordered) -> None:
    store.add(APPROVALS, *(store.team.approval(who, ONE, NOON) for who in ("bob", "alice")), time=NOON)
    rules = store.gatekeeper.rules
    taken = store.decide(lambda tx, deciding: Judging(tx, CODEC, rules, deciding, NOON).rule(), NOON)
    assert [json.loads(one.body)["verdict"] for one in taken] == ["complete", "complete"]
    order = store.order(store.turn())
    store.approve("alice")
    assert store.turn() == [], "it is at work"
    store.answer(order)
    with store.file.reading() as tx:
        assert operations.ready(tx, NOON) == [], "it is done"


def test_a_new_revision_voids_what_was_approved_of_the_old(store: Ordered) -> None:
    store.approve("bob")
    store.add(SUGGESTIONS, planned(INDEX, revision=ONE.revision + 1))
    assert refusals(store.turn()) == ["revision 4 came meanwhile, and is what can be approved now"]


def test_without_a_key_nothing_is_told_and_nothing_is_lost(store: Ordered) -> None:
    key, store.key = store.key, None
    store.approve("bob")
    assert store.turn() == []
    store.key = key
    assert store.order(store.turn()).number == 1


def test_of_one_database_one_operation_is_under_way(store: Ordered) -> None:
    other = planned(INDEX.model_copy(update={"table": "other"}), suggestion_id="8a2c3b5e-0000-5000-8000-000000000000")
    store.add(SUGGESTIONS, other)
    store.approve("bob")
    store.approve("bob", other)
    first = store.order(store.turn())
    assert first.suggestion_id == ONE.suggestion_id
    assert store.turn(NOON + OPEN_FOR + timedelta(minutes=9)) == []
    store.answer(first)
    second = store.order(store.turn())
    assert (second.suggestion_id, second.number) == (other.suggestion_id, 2)


def test_what_nobody_answered_is_told_to_the_process_that_is_there_now(store: Ordered) -> None:
    store.approve("bob")
    first = store.order(store.turn())
    assert store.turn(NOON + OPEN_FOR + timedelta(minutes=9)) == []
    store.add(CATALOGS, catalog(tables=[ORDERS, OTHER], instance="web-2"))
    second = store.order(store.turn())
    assert (first.instance, second.instance, second.number) == ("web-1", "web-2", 2)
    assert store.turn(NOON + OPEN_FOR + timedelta(minutes=9)) == []
    third = store.order(store.turn(NOON + OPEN_FOR + timedelta(minutes=11)))
    assert (third.instance, third.number) == ("web-2", 3)
    store.answer(first)
    assert store.turn(NOON + timedelta(hours=1)) == [], "it was done after all"


@pytest.mark.parametrize(("state", "told"), [("done", []), ("undone", []), (None, [("web-2", 3)])])
def test_what_a_product_that_died_at_work_says_when_it_is_back_a_day_later_counts(
    store: Ordered, state: str | None, told: list[tuple[str, int]]
) -> None:
    """Where it remembers nothing, it is told anew."""
    store.approve("bob")
    order, tomorrow = store.order(store.turn()), NOON + timedelta(days=1)
    nobody = store.order(store.turn(NOON + timedelta(hours=12)))
    assert (nobody.instance, nobody.number) == ("web-1", 2)
    store.add(CATALOGS, catalog(tables=[ORDERS, OTHER], instance="web-2", time=tomorrow))
    if state:
        store.answer(order, state, at=tomorrow)
    assert [(one.instance, one.number) for one in map(store.order, [store.turn(tomorrow)] if told else [])] == told
    assert store.turn(tomorrow) == []


def test_an_outcome_of_no_operation_is_refused_and_the_earliest_stands(store: Ordered) -> None:
    store.approve("bob")
    order = store.order(store.turn())
    forged: list[dict[str, Any]] = [
        {"operation_id": str(uuid4())}, {"operation_id": "x"}, {"database": "another"}, {"product": "another"},
        {"kind": "revert"}, {"revision": 9},
    ]  # fmt: skip
    for one in forged:
        with pytest.raises(AssertionError):  # `Store.add` lets none be refused
            store.answer(order.model_copy(update=one))
    assert store.executed() == [None]
    store.answer(order, "done", at=NOON + timedelta(minutes=2))
    store.answer(order, "undone", at=NOON + timedelta(minutes=3))
    with store.file.reading() as tx:
        assert [one.state for one in operations.listed(tx)] == ["done"]
    store.answer(order, "undone", at=NOON + timedelta(minutes=1))
    assert store.executed() == [None]


def test_an_approver_who_is_taken_out_meanwhile_counts_no_more(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    rebuild = planned(CLUSTER)
    store.add(SUGGESTIONS, rebuild)
    store.approve("alice", rebuild)
    store.approve("bob", rebuild)
    store.team.write(**{"approvers.bob.roles": ["engineer"], "approvers.carol.roles": ["owner"]})
    store.gatekeeper = Gatekeeper(store.team.file)
    assert refusals(store.turn(NIGHT)) == [
        "the policy was changed since it was approved: 1 of 2 for rebuild have approved it: carol may"
    ]


def test_a_class_that_is_taken_out_meanwhile_voids_the_plan_and_stops_nothing(store: Ordered) -> None:
    store.approve("bob")
    store.team.write(**{"classes.index.actions": ["drop_index"]})
    store.gatekeeper = Gatekeeper(store.team.file)
    assert refusals(store.turn()) == [
        "no class of the policy holds create_index, so nobody may approve it: it can be landed as code"
    ]


def test_what_was_taken_back_has_to_be_approved_anew_by_all(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    rebuild = planned(ChangeType(table="orders", column="id", from_type="BIGINT", to_type="INTEGER"))
    store.add(SUGGESTIONS, rebuild)
    store.approve("alice", rebuild)
    store.approve("bob", rebuild)
    order = store.order(store.turn(NIGHT))
    store.answer(order, at=NIGHT)
    store.answer(store.order(store.roll_back(order.operation_id, NIGHT)), at=NIGHT)
    store.approve("alice", rebuild, NIGHT)
    assert store.turn(NIGHT) == [], "bob's vote was for what was taken back"
    store.approve("bob", rebuild, NIGHT)
    assert store.order(store.turn(NIGHT)).number == 3


def test_what_was_done_is_taken_back_once_by_whoever_asks(store: Ordered) -> None:
    store.approve("bob")
    order = store.order(store.turn())
    assert refusals(store.roll_back(order.operation_id)) == [
        f"operation {order.operation_id} is sent, so there is nothing to take back"
    ]
    store.answer(order)
    back = store.order(store.roll_back(order.operation_id))
    assert (back.kind, back.first, back.last, back.number) == ("revert", 0, 1, 2)
    assert refusals(store.roll_back(order.operation_id)) == [
        "another operation of this database is under way: ask again when it has ended"
    ]
    store.answer(back)
    assert store.executed() == [False]
    assert refusals(store.roll_back(order.operation_id)) == [
        f"operation {order.operation_id} was taken back, or more was done after it: take back that first"
    ]
    assert refusals(store.roll_back(back.operation_id)) == [
        f"operation {back.operation_id} is done, so there is nothing to take back"
    ]
    assert store.turn() == [], "what was taken back is not done again"


@pytest.mark.parametrize(
    ("operation_id", "reason"),
    [
        ("0" * 8 + "-0000-5000-8000-" + "0" * 12, "there is no operation 00000000-0000-5000-8000-000000000000 of "
         "'sales': `sidecar operations` lists them"),
        ("x", "the body of 'rollback' has to be {\"operation_id\": \"...\"}"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_back_is_answered_with_the_reason(store: Ordered, operation_id: str, reason: str) -> None:
    assert refusals(store.roll_back(operation_id)) == [reason]


def test_part_of_a_plan_is_done_and_later_the_rest(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    plan = planned(INDEX, INDEX.model_copy(update={"name": "i2"}))
    store.add(SUGGESTIONS, plan)
    store.approve("bob", plan, steps=1)
    first = store.order(store.turn())
    assert (first.first, first.last) == (0, 1)
    store.answer(first)
    store.add(CATALOGS, catalog(tables=list(after(INDEX, TABLES).values())))
    store.approve("bob", plan, steps=2)
    rest = store.order(store.turn())
    assert (rest.first, rest.last) == (1, 2)
    store.answer(rest)
    back = store.order(store.roll_back(rest.operation_id))
    assert (back.first, back.last) == (1, 2)


def test_a_comment_on_what_is_approved_does_not_hold_it_up(store: Ordered) -> None:
    store.approve("bob")
    store.approve("bob", decision="comment", score=5)
    assert len(store.order(store.turn()).approvals) == 1


def test_ids_are_uuids_made_of_the_journal(store: Ordered) -> None:
    store.approve("bob")
    assert UUID(store.order(store.turn()).operation_id).version == 5


def test_an_order_is_to_be_begun_while_the_window_is_open_and_none_goes_out_in_its_last_minute(tmp_path: Path) -> None:
    """Which ends at five in Berlin, at four in UTC, and is not open again before nine in the evening."""
    closes = later(hours=16)
    for before, deadline in ((timedelta(hours=1), OPEN_FOR), (timedelta(minutes=4), timedelta(minutes=4))):
        folder = tmp_path / str(deadline)
        folder.mkdir()
        store = Ordered(folder, **{"classes.index.windows": ["nights"]})
        store.add(SUGGESTIONS, ONE)
        store.approve("bob", at=closes - before)
        assert store.turn(closes - timedelta(seconds=59)) == []
        assert store.order(store.turn(closes - before)).deadline == closes - before + deadline


def test_whoever_asked_for_it_counts_for_nothing_when_it_is_told(store: Ordered) -> None:
    """As where the request came to be known after the approval."""
    store.approve("bob")
    asked = Analyse(
        analysis_id=ONE.analysis_id, revision=1, epoch=1, reason="", catalog_hash="", window_start=NOON,
        window_end=NOON, deadline=NOON, shapes=1, runs=1, dropped=0, request=None, closes=False, text="an index",
        requested_by="people|bob",
    )  # fmt: skip
    store.decide(lambda _, deciding: deciding.decide("analyse", ONE.product, ONE.database, canonical(asked)), NOON)
    assert refusals(store.turn()) == [
        "the policy was changed since it was approved: 0 of 1 for index have approved it: alice may"
    ]
