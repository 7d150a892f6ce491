"""What people land as code is waited for, and counts as done when the catalog and the log show it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from schemas.actions import Aggregate, CreateSummary, Named, Rewrite
from schemas.definition import after
from schemas.expressions import ColumnRef
from schemas.fingerprint import shape
from schemas.records import CatalogSnapshot, Column, Decision, Outcome, QueryResult, Table
from schemas.topics import CATALOGS, OUTCOMES, PATTERNS, RULINGS, SUGGESTIONS
from store import approvals, operations
from streams.access.gatekeeper import Gatekeeper
from streams.access.ordering import LANDS_WITHIN, NO_KEY
from tests.access import INDEX, ORDERS, OTHER, TABLES, planned
from tests.ordered_store import NOON, ONE, Ordered
from tests.store_records import CODEC, catalog, pattern, pattern_batch

WHY = "dbt makes its tables, and would make them anew as they were"
REWRITTEN = "SELECT n FROM totals WHERE c = $1"
REWRITE = Rewrite(fingerprint=pattern(1).fingerprint, statement=REWRITTEN)
TOTALS = CreateSummary(
    table="orders", name="totals", alias="o",
    group_by=[Named(name="c", expression=ColumnRef(table="o", name="customer"))],
    aggregates=[Aggregate(name="n", function="count")],
)  # fmt: skip
SUMMARIES = {
    "actions": ["create_summary", "rewrite"], "roles": ["engineer"], "build_s": 60, "extra_bytes": 10**6,
    "peak_bytes": 10**7,
}  # fmt: skip
LATER = NOON + timedelta(hours=1)


def looks(*tables: Table, as_code: str = WHY) -> CatalogSnapshot:
    return catalog(tables=[*tables, OTHER], as_code=as_code)


WITH_INDEX = after(INDEX.model_copy(update={"name": "__dbt_1"}), TABLES)["main", "orders"]


@pytest.fixture
def store(tmp_path: Path) -> Ordered:
    made = Ordered(tmp_path)
    made.add(SUGGESTIONS, ONE)
    made.add(CATALOGS, looks(ORDERS))
    return made


def seen(store: Ordered, taken: list[Decision]) -> Outcome:
    """The one that was decided, and brought back by Kafka."""
    (decision,) = taken
    (message,) = decision.messages
    assert (decision.kind, message.topic, message.key) == ("operate", OUTCOMES.name, b"sales/main")
    outcome = CODEC.decode_as(Outcome, message.value)
    store.add(OUTCOMES, outcome, time=NOON)
    return outcome


def refused(taken: list[Decision]) -> list[str]:
    assert all(message.topic == RULINGS.name for one in taken for message in one.messages)
    return [json.loads(one.body).get("refused") or json.loads(one.body)["reason"] for one in taken]


def test_whoever_approves_is_told_how_to_land_it_and_why(store: Ordered) -> None:
    store.approve("bob")
    with store.file.reading() as tx:
        assert approvals.listed(tx)[0]["reason"] == (
            f"1 of 1 steps may be done, now. Land it as code, by `sidecar code {ONE.suggestion_id[:13]}`: {WHY}"
        )


def test_without_a_key_for_orders_everything_is_landed_as_code_and_who_approves_is_told(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    store.key = None
    store.add(SUGGESTIONS, ONE)
    store.approve("bob")
    with store.file.reading() as tx:
        assert approvals.listed(tx)[0]["reason"].endswith(f"`sidecar code {ONE.suggestion_id[:13]}`: {NO_KEY}")
    store.add(CATALOGS, looks(WITH_INDEX, as_code=""))
    assert seen(store, store.turn()).last == 1


def test_it_is_done_when_the_catalog_shows_it_under_whatever_name(store: Ordered) -> None:
    store.approve("bob")
    assert store.turn() == []
    store.add(CATALOGS, looks(WITH_INDEX))
    outcome = seen(store, store.turn(LATER))
    assert (outcome.kind, outcome.state, outcome.first, outcome.last) == ("apply", "done", 0, 1)
    assert outcome.reason == "landed as code: its catalog and its log show it"
    assert store.executed() == [True]
    assert store.turn(LATER) == []
    with store.file.reading() as tx:
        (told,) = operations.listed(tx)
        assert (told.state, told.as_code) == ("done", True)
    assert refused(store.roll_back(told.operation_id)) == [
        f"it was landed as code: take it back so, by `sidecar code {ONE.suggestion_id[:13]} --back`"
    ]


def test_a_newer_revision_does_not_end_the_waiting(store: Ordered) -> None:
    store.approve("bob")
    store.add(SUGGESTIONS, planned(INDEX, revision=ONE.revision + 1))
    assert store.turn() == []
    store.add(CATALOGS, looks(WITH_INDEX))
    assert seen(store, store.turn()).revision == ONE.revision


def test_another_change_of_the_table_ends_it_only_where_it_cannot_be_landed_any_more(store: Ordered) -> None:
    store.approve("bob")
    column = Column(name="more", type="BIGINT", nullable=True)
    store.add(CATALOGS, looks(ORDERS.model_copy(update={"columns": [*ORDERS.columns, column]})))
    assert store.turn() == []
    store.add(CATALOGS, looks(ORDERS.model_copy(update={"columns": [ORDERS.columns[0], column]})))
    assert refused(store.turn()) == ["'orders' has no column 'customer': the next analysis plans anew"]
    assert store.turn() == []


def test_of_several_indexes_one_may_come_before_the_other_under_names_of_its_own(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    other = INDEX.model_copy(update={"name": "i2", "columns": ["id"]})
    plan = planned(INDEX, other)
    store.add(SUGGESTIONS, plan)
    store.add(CATALOGS, looks(ORDERS))
    store.approve("bob", plan)
    store.add(CATALOGS, looks(WITH_INDEX))
    assert store.turn() == []
    both = {("main", "orders"): WITH_INDEX}
    store.add(CATALOGS, looks(after(other.model_copy(update={"name": "__dbt_2"}), both)["main", "orders"]))
    assert seen(store, store.turn()).last == 2


def test_what_ran_before_the_change_is_watched_and_compared_though_its_catalog_is_another_now(store: Ordered) -> None:
    ran = dict.fromkeys(("hour", "first_seen", "last_seen"), NOON - timedelta(hours=1))
    insert = {"kind": "insert", "statement": "INSERT INTO orders VALUES ($1)"}
    store.add(PATTERNS, pattern_batch(0, pattern(2, **ran), pattern(3, **ran, **insert)))
    store.approve("bob")
    store.add(CATALOGS, looks(WITH_INDEX).model_copy(update={"catalog_hash": "after"}))
    taken = store.turn()
    body = json.loads(taken[0].body)
    assert (body["watched"], body["compared"]) == ([pattern(3).fingerprint], [pattern(2).fingerprint])


def test_a_rewrite_that_another_caller_runs_already_has_not_landed_while_the_old_one_runs(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    store.team.write(**{"classes.summaries": SUMMARIES})
    store.gatekeeper = Gatekeeper(store.team.file)
    plan = planned(REWRITE)
    store.add(SUGGESTIONS, plan)
    earlier = dict.fromkeys(("hour", "first_seen", "last_seen"), NOON - timedelta(hours=1))
    later = dict.fromkeys(("hour", "first_seen", "last_seen"), NOON + timedelta(hours=1))
    new = {"fingerprint": shape(REWRITTEN).id, "statement": REWRITTEN}
    store.add(PATTERNS, pattern_batch(0, pattern(4, **new, **earlier), pattern(1, **earlier)))
    store.approve("bob", plan)
    store.add(PATTERNS, pattern_batch(1, pattern(4, **new, **later)))
    with store.file.transaction() as tx:
        tx.execute("UPDATE observed_patterns SET last_observed = ? WHERE pattern_data->>'fingerprint' = ?",
                   [(NOON + timedelta(hours=1)).replace(tzinfo=None), pattern(1).fingerprint])  # fmt: skip
    assert store.turn(LATER) == []
    with store.file.transaction() as tx:
        tx.execute("UPDATE observed_patterns SET last_observed = ? WHERE pattern_data->>'fingerprint' = ?",
                   [(NOON - timedelta(hours=1)).replace(tzinfo=None), pattern(1).fingerprint])  # fmt: skip
    assert seen(store, store.turn(LATER)).last == 1


def test_what_nobody_lands_is_not_waited_for_for_ever(store: Ordered) -> None:
    store.approve("bob")
    assert store.turn(NOON + LANDS_WITHIN) == []
    assert refused(store.turn(NOON + LANDS_WITHIN + timedelta(seconds=1))) == [
        "it was not landed within 90 days, and is waited for no longer"
    ]


def test_of_a_mixed_plan_the_product_makes_the_table_and_people_the_rewrite(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    store.team.write(**{"classes.summaries": SUMMARIES})
    store.gatekeeper = Gatekeeper(store.team.file)
    affected = QueryResult(
        fingerprint=REWRITE.fingerprint, before_ms=1, after_ms=1, speedup=1, low=1, high=1, k=8, aa_low=1, aa_high=1,
        equal="equal",
    )  # fmt: skip
    plan = planned(TOTALS, REWRITE, queries=[affected])
    store.add(SUGGESTIONS, plan)
    insert = {"kind": "insert", "statement": "INSERT INTO orders VALUES ($1)"}
    ran = dict.fromkeys(("hour", "first_seen", "last_seen"), NOON - timedelta(hours=1))
    store.add(PATTERNS, pattern_batch(0, pattern(1, **ran), pattern(2, **ran), pattern(3, **ran, **insert)))
    store.approve("bob", plan)
    taken = store.turn()
    order = store.order(taken)
    assert (order.first, order.last) == (0, 1)
    body = json.loads(taken[0].body)
    assert (body["watched"], body["compared"], body["replaced"]) == ([], [], {}), "its gain rests on the rewrite"
    store.answer(order)
    assert store.judge(NOON + timedelta(days=9)) == [], "so there is nothing to judge"
    totals = after(TOTALS, TABLES)["main", "totals"]
    store.add(CATALOGS, looks(ORDERS, totals, as_code=""))
    assert store.turn() == [], "the rewrite has not run"
    ran["last_seen"] = NOON + timedelta(minutes=1)
    new = pattern(4, fingerprint=shape(REWRITTEN).id, statement=REWRITTEN, **ran)
    store.add(PATTERNS, pattern_batch(1, new))
    taken = store.turn(LATER)
    body = json.loads(taken[0].body)
    assert (body["watched"], body["replaced"]) == ([], {shape(REWRITTEN).id: REWRITE.fingerprint})
    outcome = seen(store, taken)
    assert (outcome.first, outcome.last) == (1, 2)
    with store.file.reading() as tx:
        before = tx.execute(
            "SELECT before_us, affected FROM watched_patterns WHERE operation_id = ? AND affected",
            [outcome.operation_id],
        ).fetchall()
    assert before == [(1000, True)], "what the old statement took"
    assert store.turn(LATER) == []


def test_what_was_taken_back_does_not_go_on_by_itself(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    store.team.write(**{"classes.summaries": SUMMARIES})
    store.gatekeeper = Gatekeeper(store.team.file)
    plan = planned(TOTALS, REWRITE)
    store.add(SUGGESTIONS, plan)
    store.approve("bob", plan)
    order = store.order(store.turn())
    store.answer(order)
    store.add(CATALOGS, looks(ORDERS, after(TOTALS, TABLES)["main", "totals"], as_code=""))
    store.answer(store.order(store.roll_back(order.operation_id)))
    store.add(CATALOGS, looks(ORDERS, as_code=""))
    assert store.turn() == []
