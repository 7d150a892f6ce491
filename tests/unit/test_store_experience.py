"""What came of each rule's suggestions, counted from the tables."""

from pathlib import Path
from typing import Any

import pytest

from schemas.definition import after
from schemas.records import Experience
from schemas.topics import CATALOGS, SUGGESTIONS
from store import experience
from tests.access import CLUSTER, INDEX, TABLES, planned
from tests.ordered_store import Ordered
from tests.store_records import catalog
from tests.unit.test_automatic import Trusted, change
from tests.unit.test_priors import NOTHING
from tests.unit.test_verifying import Verified, promised, verdict


def of(store: Ordered, product: str = "sales") -> list[Experience]:
    with store.file.reading() as tx:
        return experience.of(tx, product)


def counted(rule: str = "selective_index", here: bool = True, **counts: Any) -> Experience:
    return Experience(rule=rule, here=here, **NOTHING | counts)


def test_verdicts_count_by_what_was_promised_and_by_product(tmp_path: Path) -> None:
    for place, latency_us, expected in (
        ("kept", 4_000, {"kept": 1}), ("short", 7_000, {"short": 1}), ("worse", 30_000, {"worse": 1})
    ):  # fmt: skip
        (tmp_path / place).mkdir()
        store = Verified(tmp_path / place, promised())
        assert of(store) == []
        for slot in range(8):
            store.run(slot, latency_us)
        verdict(store.judge(8))
        assert of(store) == [counted(**expected)]
        assert of(store, "other") == [counted(here=False, **expected)]


def test_what_nobody_could_tell_or_compare_counts_nothing(tmp_path: Path) -> None:
    for place, slots in (("open", 1), ("alone", 8)):
        (tmp_path / place).mkdir()
        store = Verified(tmp_path / place, promised())
        if slots == 8:
            with store.file.transaction() as tx:
                tx.execute("DELETE FROM watched_patterns WHERE NOT affected")
        for slot in range(slots):
            store.run(slot, 30_000)
        assert verdict(store.judge(slots, days=1)).verdict == ("worse" if slots == 8 else "inconclusive")
        assert of(store) == []


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([("confirmed", True)], {"kept": 1}),
        ([("confirmed", False)], {"short": 1}),
        ([("confirmed", False), ("confirmed", True)], {"kept": 1}),
        ([("confirmed", True), ("confirmed", False)], {"short": 1}),
        ([("confirmed", True), ("worse", False)], {"worse": 1}),
        ([("worse", False), ("confirmed", True)], {"worse": 1}),
    ],
)
def test_a_plan_that_is_done_in_parts_counts_once_by_its_last_part_unless_one_made_things_worse(
    tmp_path: Path, told: list[tuple[Any, bool]], expected: dict[str, int]
) -> None:
    store = Trusted(tmp_path)
    store.add(SUGGESTIONS, plan := change(1, INDEX, INDEX.model_copy(update={"name": "k"})))
    for steps, (found, as_promised) in enumerate(told, start=1):
        store.approve("bob", plan, steps=steps)
        store.judge(plan, store.done(plan), found, as_promised)
        store.add(CATALOGS, catalog(tables=list(after(INDEX, TABLES).values())))
    assert of(store) == [counted(**expected)]


def test_a_suggestion_is_rejected_once_and_of_each_approver_the_last_score_counts(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    other = planned(CLUSTER, rule="clustering", suggestion_id="8a2c3b5e-0000-5000-8000-000000000000")

    for revision in (3, 4):
        again = planned(INDEX, revision=revision)
        store.add(SUGGESTIONS, again)
        store.approve("bob", again, decision="reject", score=revision - 2)
    store.add(SUGGESTIONS, other)
    store.approve("alice", other, decision="comment", score=5)
    store.approve("carol", other, decision="comment", score=4)
    store.approve("carol", other, decision="reject", score=1)
    assert of(store) == [
        counted("clustering", scored=2, score_sum=9), counted(rejected=1, scored=1, score_sum=2)
    ]  # fmt: skip
