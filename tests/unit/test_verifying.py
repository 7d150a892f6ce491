"""What a change brought is compared with what was promised, and what made things worse is taken back by itself."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from duckdb import DuckDBPyConnection

from schemas.records import Decision, Gain, QueryResult, Suggestion, Verdict
from schemas.topics import OPERATIONS, PATTERNS, SUGGESTIONS, VERDICTS
from store import decisions, watches
from streams.access.ordering import Ordering
from streams.deciding import Deciding
from streams.verifying import AGAIN, ATTEMPTS, LATE, SETTLES, WATCH_FOR, Verifying
from tests.access import INDEX, planned
from tests.ordered_store import NOON, Ordered
from tests.store_records import CODEC, pattern, pattern_batch

UNSEEN = timedelta(days=30)
SLOT = timedelta(seconds=30)


def promised(low: float = 2.0) -> Suggestion:
    query = QueryResult(
        fingerprint=pattern(1).fingerprint, before_ms=1, after_ms=1, speedup=1, low=1, high=1, k=8, aa_low=1, aa_high=1,
        equal="equal",
    )  # fmt: skip
    gain = Gain(
        speedup=2.5, low=low, high=3.0, k=8, before_ms=1, after_ms=1, saved_s_per_day=1, measured_on="", unproved=False
    )  # fmt: skip
    return planned(INDEX, queries=[query], gain=gain)


class Verified(Ordered):
    """A change was done. Before, the affected query took 10 ms, another one 20 ms, and an insert 1 ms."""

    def __init__(self, folder: Path, suggestion: Suggestion) -> None:
        super().__init__(folder)
        self.batches = 0
        self.run(-8, 10_000, 20_000, 1_000)
        self.add(SUGGESTIONS, suggestion)
        self.approve("bob", suggestion)
        self.done = self.order(self.turn())
        self.answer(self.done)

    def run(self, slot: int, affected_us: int, other_us: int = 20_000, insert_us: int = 1_000) -> None:
        """Each shape runs ten times in a slot after the change, or before, where that is negative."""
        at = NOON + SETTLES + slot * SLOT + SLOT / 2
        times = {"first_seen": at, "last_seen": at, "hour": at.replace(minute=0, second=0, microsecond=0)}
        insert = {"kind": "insert", "statement": "INSERT INTO Orders VALUES ($1)"}
        shapes = [
            pattern(1, latencies=[affected_us] * 10, **times),
            pattern(2, latencies=[other_us] * 10, **times),
            pattern(3, latencies=[insert_us] * 10, **times, **insert),
        ]
        self.batches += 1
        self.add(PATTERNS, pattern_batch(self.batches, *shapes))

    def judge(self, slots: int, **more: float) -> list[Decision]:
        """Once so many slots have passed."""
        now = NOON + SETTLES + slots * SLOT + LATE + timedelta(**more)

        def take(tx: DuckDBPyConnection, deciding: Deciding) -> None:
            ordering = Ordering(tx, CODEC, self.gatekeeper.rules, self.key, deciding, now)
            Verifying(tx, CODEC, deciding, now, ordering, UNSEEN).judge(absence=False)

        return self.decide(take, now)

    def outcome(self) -> dict[str, Any]:
        with self.file.reading() as tx:
            (found,) = [one["outcome"] for one in decisions.listed(tx) if one["suggestion"]]
        return found or {}


def verdict(taken: list[Decision]) -> Verdict:
    (decision,) = [one for one in taken if one.kind == "judge"]
    (message,) = decision.messages
    assert message.topic == VERDICTS.name
    return CODEC.decode_as(Verdict, message.value)


def test_what_got_faster_is_confirmed_beside_its_promise(tmp_path: Path) -> None:
    store = Verified(tmp_path, promised())
    for slot in range(5):
        store.run(slot, 4_000)
    assert store.judge(5) == []
    store.run(5, 4_000)
    taken = store.judge(6)
    one = verdict(taken)
    # the insert, a tenth of the weight, is as fast as before
    assert (one.verdict, one.slots, one.as_promised, one.taking_back) == ("confirmed", 6, True, False)
    assert one.speedup == pytest.approx(2.3, rel=0.02)
    assert (one.promised, one.promised_low, one.promised_high) == (2.5, 2.0, 3.0)
    assert [one.kind for one in taken] == ["judge"]
    assert (store.outcome()["verdict"], store.outcome()["promised"]) == ("confirmed", 2.5)
    assert store.judge(9) == [], "it is judged once"
    with store.file.reading() as tx:
        assert tx.execute("SELECT count(*) FROM watched_slots").fetchall() == [(0,)]


def test_what_got_worse_is_taken_back_by_itself_and_told(tmp_path: Path) -> None:
    store = Verified(tmp_path, promised())
    for slot in range(8):
        store.run(slot, 30_000)
    taken = store.judge(8)
    one = verdict(taken)
    assert (one.verdict, one.as_promised, one.taking_back) == ("worse", False, True)
    assert one.reason.endswith("; it is being taken back")
    (message,) = next(decision for decision in taken if decision.kind == "operate").messages
    assert message.topic == OPERATIONS.name
    back = store.order([decision for decision in taken if decision.kind == "operate"])
    assert (back.kind, back.first, back.last, back.number) == ("revert", 0, 1, 2)
    store.answer(back)
    assert store.executed() == [False]
    assert store.judge(20) == []
    with store.file.reading() as tx:
        assert watches.still_worse(tx, ATTEMPTS, NOON + timedelta(days=1)) == [], "it was taken back"


def test_writes_that_got_slower_than_the_reads_got_faster_are_worse(tmp_path: Path) -> None:
    store = Verified(tmp_path, promised())
    for slot in range(8):
        store.run(slot, 10_000, insert_us=3_000_000)
    assert verdict(store.judge(8)).verdict == "worse"


def test_what_slows_the_whole_machine_is_no_fault_of_the_change(tmp_path: Path) -> None:
    store = Verified(tmp_path, promised())
    for slot in range(40):
        store.run(slot, 30_000, 60_000, 3_000)
    assert store.judge(40) == []
    later = store.judge(40, days=2)
    one = verdict(later)
    assert (one.verdict, one.slots) == ("inconclusive", 40)
    assert one.speedup == pytest.approx(1, rel=0.02)
    assert one.reason.startswith("not enough to tell in a day: the affected queries take 1/1.00 of the time")


def test_what_never_ran_is_said_to_be_unknown_after_a_day(tmp_path: Path) -> None:
    store = Verified(tmp_path, promised())
    assert store.judge(0, seconds=(WATCH_FOR - LATE - SETTLES).total_seconds()) == []
    one = verdict(store.judge(0, days=1))
    assert (one.verdict, one.slots, one.as_promised) == ("inconclusive", 0, None)
    assert one.reason == (
        "none of the affected queries ran in a day, so nobody knows, 2.50x was promised (2.00 to 3.00)"
    )


def test_runs_of_before_the_change_and_of_the_slot_that_is_not_over_do_not_count(tmp_path: Path) -> None:
    store = Verified(tmp_path, promised())
    store.run(-1, 1_000)
    for slot in range(9):
        store.run(slot, 4_000)
    assert verdict(store.judge(8)).slots == 8


def test_without_anything_to_compare_with_it_is_said_and_nothing_is_taken_back(tmp_path: Path) -> None:
    for folder, latency_us, slots, found in (("f", 4_000, 8, "confirmed"), ("s", 30_000, 8, "worse")):
        (tmp_path / folder).mkdir()
        store = Verified(tmp_path / folder, promised())
        with store.file.transaction() as tx:
            tx.execute("DELETE FROM watched_patterns WHERE NOT affected")
        for slot in range(slots):
            store.run(slot, latency_us)
        if found == "worse":
            assert store.judge(slots) == []
        one = verdict(store.judge(slots, days=0 if found == "confirmed" else 1))
        assert one.reason.endswith("; nothing else ran to compare it with")
        assert (one.verdict, one.taking_back) == (found, False)


def test_what_the_product_did_not_take_back_it_is_told_again_a_few_times(tmp_path: Path) -> None:
    store = Verified(tmp_path, promised())
    for slot in range(8):
        store.run(slot, 30_000)
    told = [one for one in store.judge(8) if one.kind == "operate"]
    for attempt in range(1, ATTEMPTS):
        store.answer(store.order(told), "undone")
        minutes = attempt * AGAIN / timedelta(minutes=1)
        assert store.judge(8, minutes=minutes - 0.1) == []
        told = store.judge(8, minutes=minutes)
        assert [one.kind for one in told] == ["operate"]
    store.answer(store.order(told), "undone")
    assert store.judge(8, days=1) == []


def test_what_cannot_be_taken_back_is_said_not_to_be(tmp_path: Path) -> None:
    store = Verified(tmp_path, promised())
    for slot in range(8):
        store.run(slot, 30_000)
    store.key = None
    one = verdict(store.judge(8))
    assert (one.verdict, one.taking_back) == ("worse", False)
    assert one.reason.endswith(
        "; it is not taken back now: the control process has no key for orders: set SIDECAR_OPERATION_KEY"
    )


def test_slots_are_sums_whatever_the_order_of_the_batches(tmp_path: Path) -> None:
    contents = []
    for turn, order in enumerate([(0, 1, 2, 3), (3, 1, 0, 2)]):
        (tmp_path / str(turn)).mkdir()
        store = Verified(tmp_path / str(turn), promised())
        for number in order:
            store.run(number // 2, 4_000 + number)
        with store.file.reading() as tx:
            contents.append(tx.execute("SELECT * EXCLUDE (operation_id) FROM watched_slots ORDER BY ALL").fetchall())
    assert contents[0] == contents[1]
    assert len(contents[0]) == 4
