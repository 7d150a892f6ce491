"""What is to be dropped is put out of sight first, comes back if anybody asks for it, and is gone after its time."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from schemas.actions import DropColumn, DropTable, RenameColumn, RenameTable
from schemas.definition import after
from schemas.orders import Order
from schemas.records import Decision, Verdict
from schemas.topics import CATALOGS, PATTERNS, SUGGESTIONS, VERDICTS
from store import approvals
from tests.access import ORDERS, TABLES, planned
from tests.ordered_store import NOON, Ordered
from tests.store_records import CODEC, catalog, pattern, pattern_batch

HIDDEN = RenameTable(table="other", to="other to drop")
PLAN = planned(HIDDEN, DropTable(table="other to drop"))
COLUMN = RenameColumn(table="orders", column="customer", to="customer to drop")
OF_COLUMN = planned(COLUMN, DropColumn(table="orders", column="customer to drop"))
DROPS = {
    "actions": ["drop_table", "rename_table", "drop_column", "rename_column"], "roles": ["engineer"], "build_s": 60,
    "extra_bytes": 10**6, "peak_bytes": 10**7, "drop_after_days": 20,
}  # fmt: skip
DAY = timedelta(days=1)


class Dropped(Ordered):
    """The first step is done."""

    def __init__(self, folder: Path, plan: Any = PLAN, first: Any = HIDDEN) -> None:
        super().__init__(folder, **{"classes.drops": DROPS})
        self.plan = plan
        self.add(SUGGESTIONS, plan)
        self.approve("bob", plan)
        self.first = self.order(self.turn())
        self.answer(self.first)
        self.add(CATALOGS, catalog(tables=list(after(first, TABLES).values())))
        self.batches = 0

    def run(self, statement: str, at: datetime, errors: int = 0) -> None:
        ran = {"hour": at.replace(minute=0), "first_seen": at, "last_seen": at}
        self.batches += 1
        one = pattern(self.batches, statement=statement, errors=errors, **ran)
        self.add(PATTERNS, pattern_batch(self.batches, one))


def verdict(taken: list[Decision]) -> tuple[str, str, bool]:
    (message,) = [message for one in taken for message in one.messages if message.topic == VERDICTS.name]
    found = CODEC.decode_as(Verdict, message.value)
    return found.verdict, found.reason, found.taking_back


def test_whoever_approves_both_steps_is_told_that_the_second_waits(tmp_path: Path) -> None:
    store = Dropped(tmp_path)
    assert (store.first.first, store.first.last) == (0, 1)
    with store.file.reading() as tx:
        assert approvals.listed(tx)[0]["reason"] == (
            "2 of 2 steps may be done, now. What is dropped is out of sight for 20 days first, and comes back if missed"
        )


def test_a_drop_of_what_is_in_sight_is_not_approved(tmp_path: Path) -> None:
    store = Ordered(tmp_path, **{"classes.drops": DROPS})
    others = (
        planned(DropTable(table="other")),
        planned(HIDDEN, RenameTable(table="orders", to="x"), DropTable(table="other to drop")),
        planned(COLUMN, DropColumn(table="orders", column="id")),
    )
    for number, plan in enumerate(others):
        one = plan.model_copy(update={"suggestion_id": str(UUID(int=number, version=5))})
        store.add(SUGGESTIONS, one)
        store.approve("bob", one)
    with store.file.reading() as tx:
        said = sorted((one["suggestion_id"], one["verdict"], one["reason"]) for one in approvals.listed(tx))
    why = "its step {} drops what the step before it has not put out of sight: land it as code"
    assert [(verdict, reason) for _, verdict, reason in said] == [
        ("refused", why.format("drop_table")),
        ("refused", why.format("drop_table")),
        ("refused", why.format("drop_column")),
    ]


def test_what_nobody_missed_is_dropped_after_its_time_and_not_before(tmp_path: Path) -> None:
    store = Dropped(tmp_path)
    store.run("SELECT 1 FROM orders", NOON + DAY, errors=1)
    assert store.judge(NOON + 20 * DAY) == []
    assert store.turn(NOON + 20 * DAY) == []
    late = NOON + 20 * DAY + timedelta(seconds=1)
    assert verdict(store.judge(late)) == ("confirmed", "nobody asked for it in 20 days out of sight", False)
    drop = store.order(store.turn(late))
    assert (drop.kind, drop.first, drop.last) == ("apply", 1, 2)
    store.answer(drop, at=late)
    assert verdict(store.judge(late)) == ("confirmed", "it is gone, as was promised", False)
    assert store.turn(late) == []
    assert [json.loads(one.body)["reason"] for one in store.roll_back(drop.operation_id, late)] == [
        "its step drop_table has no way back, as it said before it was approved"
    ]


def test_what_is_asked_for_while_its_drop_waits_comes_back(tmp_path: Path) -> None:
    store = Dropped(tmp_path)
    late = NOON + 21 * DAY
    assert verdict(store.judge(late))[0] == "confirmed"
    store.run("SELECT max(customer) FROM other", late, errors=1)
    back = store.order(store.turn(late))
    assert (back.kind, back.first, back.last) == ("revert", 0, 1)
    store.answer(back, at=late)
    store.add(CATALOGS, catalog(tables=list(TABLES.values())))
    assert store.turn(late + 30 * DAY) == []


def test_a_drop_that_was_told_to_a_process_that_died_is_told_again(tmp_path: Path) -> None:
    store = Dropped(tmp_path)
    late = NOON + 21 * DAY
    store.judge(late)
    lost = store.order(store.turn(late))
    hidden = list(after(HIDDEN, TABLES).values())
    store.add(CATALOGS, catalog(tables=hidden, instance="web-2"))
    again = store.order(store.turn(late))
    assert ((lost.first, lost.instance), (again.first, again.instance)) == ((1, "web-1"), (1, "web-2"))


def test_it_comes_back_even_where_the_product_was_away_for_long(tmp_path: Path) -> None:
    store = Dropped(tmp_path)
    store.run("SELECT max(customer) FROM other", NOON + DAY, errors=1)
    assert verdict(store.judge(NOON + DAY))[2] is True
    for hours in range(1, 48):
        assert [one.kind for one in store.judge(NOON + DAY + timedelta(hours=hours))] == []
    hidden = list(after(HIDDEN, TABLES).values())
    store.add(CATALOGS, catalog(tables=hidden, instance="web-2", time=NOON + 3 * DAY))
    again = store.order(store.judge(NOON + 3 * DAY))
    assert (again.kind, again.instance) == ("revert", "web-2")


@pytest.mark.parametrize(
    ("statement", "errors"), [("SELECT max(customer) FROM Other", 1), ('DELETE FROM "other to drop"', 0)]
)
def test_what_somebody_asks_for_comes_back_by_itself(tmp_path: Path, statement: str, errors: int) -> None:
    store = Dropped(tmp_path)
    store.run(statement, NOON + DAY, errors)
    assert store.judge(NOON + DAY, absence=False) == [], "it is not looked for every time"
    taken = store.judge(NOON + DAY)
    assert verdict(taken) == ("worse", f"it was asked for: {statement}; it is being taken back", True)
    back: Order = store.order(taken[:1])
    assert (back.kind, back.first, back.last) == ("revert", 0, 1)
    store.answer(back, at=NOON + DAY)
    store.add(CATALOGS, catalog(tables=list(TABLES.values())))
    assert store.turn(NOON + 30 * DAY) == []


def test_who_succeeds_with_a_table_of_its_name_or_ran_before_has_not_missed_it(tmp_path: Path) -> None:
    store = Dropped(tmp_path)
    store.run("SELECT a FROM other", NOON - DAY, errors=1)
    store.run("SELECT b FROM other", NOON + DAY)
    assert store.judge(NOON + DAY) == []


def test_a_statement_that_failed_before_and_succeeds_since_has_not_missed_it(tmp_path: Path) -> None:
    store = Dropped(tmp_path)
    for at, errors in ((NOON - DAY, 1), (NOON + DAY, 0)):
        ran = {"hour": at.replace(minute=0), "first_seen": at, "last_seen": at}
        one = pattern(1, statement="SELECT a FROM other", errors=errors, **ran)
        store.add(PATTERNS, pattern_batch(100 + errors, one))
    assert store.judge(NOON + DAY) == []


def test_a_column_is_missed_by_who_fails_with_its_name_and_its_tables(tmp_path: Path) -> None:
    store = Dropped(tmp_path, OF_COLUMN, COLUMN)
    store.run("SELECT customer FROM another", NOON + DAY, errors=1)
    store.run("SELECT id FROM orders", NOON + DAY, errors=1)
    assert store.judge(NOON + DAY) == []
    store.run("UPDATE orders SET customer = $1", NOON + DAY, errors=1)
    assert verdict(store.judge(NOON + DAY))[0] == "worse"


def test_who_changes_what_is_out_of_sight_keeps_it(tmp_path: Path) -> None:
    store = Dropped(tmp_path)
    hidden = after(HIDDEN, TABLES)["main", "other to drop"]
    changed = hidden.model_copy(update={"columns": hidden.columns[:1]})
    late = NOON + 21 * DAY
    store.judge(late)
    store.add(CATALOGS, catalog(tables=[ORDERS, changed]))
    assert [json.loads(one.body)["refused"] for one in store.turn(late)] == [
        "main.other to drop changed since it was planned: the next analysis plans it anew"
    ]
