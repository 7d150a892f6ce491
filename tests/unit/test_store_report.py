"""What changes promised and what came, counted from the tables."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from schemas.canonical import canonical
from schemas.definition import after
from schemas.fingerprint import shape
from schemas.topics import CATALOGS, PATTERNS, SUGGESTIONS
from store.report import UNLABELLED, Cost, Month, Ratio, Report, Route, Saved, report
from store.watches import Judge
from tests.access import INDEX, ORDERS, OTHER, TABLES, planned
from tests.ordered_store import NOON, Ordered
from tests.store_records import catalog, pattern, pattern_batch
from tests.unit.test_ordering_as_code import REWRITE, REWRITTEN, SUMMARIES, seen
from tests.unit.test_verifying import Verified, promised, verdict

HOUR = timedelta(hours=1)
NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)


class Reported(Verified):
    def ran(self, at: datetime, latency_us: int, runs: int = 10, **routes: int) -> None:
        """The affected query, in the hour of that time."""
        hour = at.replace(minute=0, second=0, microsecond=0)
        shape = pattern(
            1, latencies=[latency_us] * runs, hour=hour, first_seen=at, last_seen=at, routes={**routes}
        )  # fmt: skip
        self.batches += 1
        self.add(PATTERNS, pattern_batch(self.batches, shape))

    def report(self, month: date | None = None, product: str | None = None) -> Report:
        with self.file.reading() as tx:
            return report(tx, month, product)


def judged(folder: Path, affected_us: int = 4_000) -> Reported:
    """Of 10 ms and 1 ms of the insert came so much and 1 ms, in eight slots of ten runs each."""
    store = Reported(folder, promised())
    for slot in range(8):
        store.run(slot, affected_us)
    verdict(store.judge(8))
    return store


def at(time: datetime) -> dict[str, datetime]:
    return {"hour": time.replace(minute=0), "first_seen": time, "last_seen": time}


def saved(seconds: float) -> Saved:
    """Where every slot was alike, so that there is no doubt."""
    return Saved(*[pytest.approx(seconds)] * 3)


def test_what_was_saved_is_what_the_runs_since_would_have_taken_longer(tmp_path: Path) -> None:
    store = judged(tmp_path)
    # (10 + 1 - 4 - 1) ms x 10 runs x 8 slots
    assert store.report().months[0].saved == saved(0.48)
    store.ran(NOON + 30 * HOUR, 8_000, runs=100)
    store.ran(NOON + 40 * HOUR, 8_000, runs=100)
    found = store.report()
    # 11 / 5 as long without the change, so 1.2 times the 800 ms more
    assert [(one.month, one.saved) for one in found.months] == [
        (DECEMBER, saved(0.96)), (NOVEMBER, saved(0.48 + 0.96))
    ]  # fmt: skip
    (change,) = found.changes
    assert (change.verdict, change.saved) == ("confirmed", saved(0.48 + 2 * 0.96))
    assert (change.promised, change.came) == (Ratio(2.5, 2.0, 3.0), Ratio(*[pytest.approx(2.3, rel=0.02)] * 3))
    assert (change.rule, change.title, change.broken) == ("selective_index", "index 1", None)
    december = store.report(DECEMBER)
    assert (len(december.months), december.months[0].saved, december.changes[0].saved) == (1, saved(0.96), saved(0.96))
    assert store.report(date(2026, 10, 1)).changes == []
    assert store.report(product="sales") == replace(found, product="sales")
    assert store.report(product="other") == replace(found, product="other", months=[], changes=[], routes=[])


def test_what_slowed_the_whole_machine_is_no_loss(tmp_path: Path) -> None:
    store = Reported(tmp_path, promised())
    for slot in range(8):
        store.run(slot, 8_000, 40_000, 2_000)
    verdict(store.judge(8))
    # twice 11 ms would it have been, and 10 ms it was
    assert store.report().months[0].saved == saved(80 * 0.012)


def test_what_uneven_slots_leave_in_doubt_is_an_interval(tmp_path: Path) -> None:
    store = Reported(tmp_path, promised())
    for slot in range(12):
        store.run(slot, 4_000 if slot % 2 else 6_000)
    verdict(store.judge(12))
    found = store.report().months[0].saved
    assert found.seconds == pytest.approx(12 * 0.11 - 6 * 0.05 - 6 * 0.07)
    assert 0 < found.low < found.seconds - 0.05 < found.seconds + 0.05 < found.high


def test_the_sidecars_own_time_is_taken_off(tmp_path: Path) -> None:
    store = judged(tmp_path)
    # the operation took 1.5 s, and held two writers for 3.5 ms at the most
    cost = Cost(operated_s=1.5, operations=1, waited_s=pytest.approx(0.007))
    (month,) = store.report().months
    assert month == Month(NOVEMBER, saved(0.48), cost, saved(0.48 - 1.507))
    with store.file.transaction() as tx:
        for number in range(3):
            tx.execute(
                "INSERT INTO analyses SELECT ?, 'sales', 'main', ?, 1, 1, ?, ?, '', '', ?, ?, 1, 1, 0, true, '', ''",
                [f"8a2c3b5e-0000-5000-8000-00000000000{number}", number, *[NOON.replace(tzinfo=None)] * 4],
            )
    for number, measured_s in enumerate((9.0, None)):
        analysis = f"8a2c3b5e-0000-5000-8000-00000000000{number}"
        for revision in (4, 5):
            told = promised().model_copy(
                update={"analysis_id": analysis, "measured_s": measured_s, "revision": 2 * revision + number}
            )
            store.add(SUGGESTIONS, told)
    (month,) = store.report().months
    assert (month.cost.measured_s, month.cost.analyses, month.cost.untold) == (pytest.approx(9.1), 3, 2)
    assert month.net == saved(0.48 - 1.507 - 9.1)


def test_what_got_worse_counts_against_it_until_it_is_taken_back(tmp_path: Path) -> None:
    store = Reported(tmp_path, promised())
    for slot in range(8):
        store.run(slot, 30_000)
    taken = store.judge(8)
    store.answer(store.order([one for one in taken if one.kind == "operate"]), at=NOON + 2.5 * HOUR)
    for hours in (1, 2, 3):
        store.ran(NOON + hours * HOUR, 31_000, runs=100)
    (change,) = store.report().changes
    # 11 / 31 of the time before: of 31 ms a run 20 are too many, in the first hour and the whole one after
    assert (change.verdict, change.saved) == ("worse", saved(-8 * 0.2 - 2.0))
    assert (change.taken_back, change.broken) == (NOON + 2.5 * HOUR, "it made things worse, taken back")
    assert store.report(DECEMBER).changes == []


def test_what_is_taken_back_of_a_plan_leaves_the_steps_before(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    plan = planned(INDEX, INDEX.model_copy(update={"name": "k"}))
    store.add(SUGGESTIONS, plan)
    done = []
    for steps in (1, 2):
        store.approve("bob", plan, steps=steps)
        done.append(store.order(store.turn()))
        store.answer(done[-1])
        store.add(CATALOGS, catalog(tables=list(after(INDEX, TABLES).values())))
    for number, expected in ((1, [None, NOON + HOUR]), (0, [NOON + 2 * HOUR, NOON + HOUR])):
        store.answer(store.order(store.roll_back(done[number].operation_id)), at=NOON + (2 - number) * HOUR)
        with store.file.reading() as tx:
            assert [one.taken_back for one in report(tx).changes] == expected
    store.add(CATALOGS, catalog(tables=[ORDERS, OTHER]))
    store.approve("bob", plan, at=NOON + 3 * HOUR)
    store.answer(store.order(store.turn(NOON + 3 * HOUR)), at=NOON + 3 * HOUR)
    with store.file.reading() as tx:
        assert [one.taken_back for one in report(tx).changes][2] is None


def test_a_promise_that_was_not_kept_is_named(tmp_path: Path) -> None:
    (change,) = judged(tmp_path, 7_000).report().changes
    assert (change.verdict, change.broken) == ("confirmed", "less than promised")


def test_what_nobody_knows_is_not_counted(tmp_path: Path) -> None:
    store = Reported(tmp_path, promised())
    store.run(0, 4_000)
    (change,) = store.report().changes
    assert (change.verdict, change.reason, change.saved, change.came) == ("open", "it is still watched", None, None)
    for slot in range(1, 8):
        store.run(slot, 4_000 if slot % 2 else 30_000)
    verdict(store.judge(8, days=1))
    found = store.report()
    (change,) = found.changes
    assert (change.verdict, change.saved, change.broken) == ("inconclusive", None, None)
    assert change.reason.startswith("not enough to tell in a day: ")
    assert (found.months[0].saved, found.routes) == (Saved(), [])


def test_what_was_saved_is_shared_out_by_label(tmp_path: Path) -> None:
    store = judged(tmp_path)
    # of the query there were 90 runs before, 8 of the hour of which did not count
    store.ran(NOON + HOUR, 4_000, runs=90, **{"GET /orders": 60, "GET /": 10})
    found = store.report().routes
    assert [one.route for one in found] == [UNLABELLED, "GET /orders", "GET /"]
    of_query = (0.32 + 0.36) * 1.2
    of_insert = 0.08 * 1.2
    assert found == [
        Route(UNLABELLED, saved(of_query * 110 / 180 + of_insert)),
        Route("GET /orders", saved(of_query * 60 / 180)),
        Route("GET /", saved(of_query * 10 / 180)),
    ]


def test_of_a_rewrite_the_runs_of_the_new_statement_count_and_of_the_old_one_none(tmp_path: Path) -> None:
    store = Ordered(tmp_path, **{"classes.summaries": SUMMARIES})
    plan = planned(REWRITE, queries=promised().queries)
    store.add(SUGGESTIONS, plan)
    store.add(PATTERNS, pattern_batch(0, pattern(1, **at(NOON - HOUR))))
    store.approve("bob", plan)
    new = {"fingerprint": shape(REWRITTEN).id, "statement": REWRITTEN}
    store.add(PATTERNS, pattern_batch(1, pattern(4, **new, **at(NOON + HOUR / 2))))
    outcome = seen(store, store.turn(NOON + HOUR))
    later = at(NOON + 2 * HOUR)
    store.add(PATTERNS, pattern_batch(2, pattern(4, latencies=[8_000] * 10, **new, **later), pattern(1, **later)))
    found = Judge(
        operation_id=outcome.operation_id, suggestion_id=plan.suggestion_id, revision=plan.revision,
        verdict="confirmed", reason="", speedup=2, low=2, high=2, slots=8, promised=2, promised_low=2, promised_high=2,
        as_promised=True, time_ratio=3, time_low=3, time_high=3,
    )  # fmt: skip
    store.decide(lambda _, deciding: deciding.decide("judge", "sales", "main", canonical(found)))
    with store.file.reading() as tx:
        # 1 ms + 80 ms, that would have been three times as many
        assert [one.saved for one in report(tx).changes] == [saved(0.162)]


def test_days_count_once_hours_are_no_longer_kept_and_an_empty_file_has_nothing(tmp_path: Path) -> None:
    store = judged(tmp_path)
    store.ran(NOON + 30 * HOUR, 8_000, runs=100)
    with store.file.transaction() as tx:
        tx.execute("UPDATE pattern_hours SET period = 'day', start = date_trunc('day', start)")
    found = store.report()
    # the day of the change began before it
    assert found.months[0].saved == saved(0.96)
    with store.file.transaction() as tx:
        tx.execute("UPDATE pattern_hours SET period = 'ever', start = 'epoch'")
        assert report(tx).months[0].saved == Saved()
        for table in ("outcomes", "operations"):
            tx.execute(f"DELETE FROM {table}")
        empty = report(tx)
    assert (empty.months, empty.changes, empty.routes) == ([], [], [])
