"""What changes promised and what came, counted from the tables."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection

from schemas.canonical import canonical
from schemas.definition import after
from schemas.fingerprint import shape
from schemas.measure.statistics import t_quantile
from schemas.topics import CATALOGS, PATTERNS, SUGGESTIONS
from store.processor_time import IDLE, Carried, spared
from store.report import UNLABELLED, Cost, Month, Ratio, Report, Route, Saved, report
from store.watches import Judge
from tests.access import INDEX, ORDERS, OTHER, TABLES, planned
from tests.ordered_store import NOON, Ordered
from tests.store_records import catalog, pattern, pattern_batch
from tests.unit.test_ordering_as_code import REWRITE, REWRITTEN, SUMMARIES, seen
from tests.unit.test_verifying import Verified, promised, verdict

HOUR = timedelta(hours=1)
BEFORE, SINCE = range(-5, 0), range(1, 6)
"""Hours, from the change on."""
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

    def sampled(self, hours: Iterable[float], cpu_ms: int, number: int = 1, samples: int = 2, runs: int = 100) -> None:
        """In each of these hours from the change on, so many samples took so much in the mean; all runs took 8 ms."""
        for hour in hours:
            shape = pattern(
                number, latencies=[8_000] * runs, sampled=samples, cpu_us=1000 * samples * cpu_ms,
                **at(NOON + hour * HOUR)
            )  # fmt: skip
            self.batches += 1
            self.add(PATTERNS, pattern_batch(self.batches, shape))

    def spent(self) -> tuple[Saved | None, str]:
        (change,) = self.report().changes
        return change.processor, change.processor_unknown

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
    assert [(one.processor, one.processor_changes, one.changes) for one in found.months] == [(Saved(), 0, 1)] * 2
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
    assert month == Month(NOVEMBER, saved(0.48), cost, saved(0.48 - 1.507), changes=1)
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
    for number, hour in enumerate((*BEFORE, *range(2, 7))):
        took = {"sampled": 1, "cpu_us": 9_000 if hour < 0 else 2_000, **at(NOON + hour * HOUR)}
        of = pattern(1, **took) if hour < 0 else pattern(4, latencies=[8_000] * 10, **new, **took)
        store.add(PATTERNS, pattern_batch(3 + number, of))
    with store.file.reading() as tx:
        # before is what the old statement took: of 1 + 10 + 5 x 10 runs
        assert [one.processor for one in report(tx).changes] == [saved(61 * 0.007)]


def test_processor_seconds_are_those_of_sampled_runs_before_and_after_for_all_runs_since(tmp_path: Path) -> None:
    store = judged(tmp_path)
    store.sampled(BEFORE, 30)
    store.sampled(SINCE, 10)
    # the 80 runs of the hour in which it was judged count too; of the insert, a fiftieth of the time, nobody knows
    (change,) = store.report().changes
    assert (change.processor, change.processor_unknown) == (saved(580 * 0.02), "")
    (month,) = store.report().months
    assert (month.processor, month.processor_changes, month.changes) == (saved(580 * 0.02), 1, 1)
    assert month.net == saved(month.saved.seconds - 1.507), "of time alone"


def test_what_other_queries_take_more_or_less_is_no_doing_of_the_change_but_what_another_affects_tells_nothing(
    tmp_path: Path,
) -> None:
    store = judged(tmp_path)
    for hours, own, other in ((BEFORE, 30, 10), (SINCE, 10, 20)):
        store.sampled(hours, own)
        store.sampled(hours, other, number=2)
    assert store.spent() == (saved(580 * (2 * 0.03 - 0.01)), "")
    with store.file.transaction() as tx:
        other_change(tx, {"watched": [pattern(2).fingerprint], "compared": []})
        first = Carried(store.done.operation_id, "sales", "main", NOON, None)
        found = spared(tx, [first, first._replace(operation_id="another")])
    assert [one.by_month for one in found.values()] == [
        {NOVEMBER: (pytest.approx(580 * 0.02), 0)}, {NOVEMBER: (pytest.approx(580 * -0.01), 0)}
    ]  # fmt: skip


def other_change(tx: DuckDBPyConnection, of: dict[str, object]) -> None:
    """As the one that was carried out, but for this."""
    tx.execute(
        """
        INSERT INTO agent_decisions BY NAME
        SELECT * REPLACE (uuid() AS decision_id, json_merge_patch(context, ?) AS context)
        FROM agent_decisions WHERE operation_type = 'apply'
        """,
        [json.dumps({"operation_id": "another", **of})],
    )


def test_hours_that_differ_leave_processor_seconds_in_doubt(tmp_path: Path) -> None:
    store = judged(tmp_path)
    for hour, samples, cpu_ms in ((-5, 3, 20), (-4, 1, 40), (-3, 1, 40), (-2, 1, 20), (-1, 2, 40)):
        store.sampled([hour], cpu_ms, samples=samples)
    store.sampled(SINCE, 10)
    # 240 ms in 8 samples; the hours are 30, 10, 10, 10 and 20 ms from what that would give them
    error = t_quantile(4) * 580 * (5 / 4 * 1600 / 8**2) ** 0.5 / 1000
    assert store.spent()[0] == Saved(*(pytest.approx(11.6 + one) for one in (0, -error, error)))
    for number, cpu_ms in enumerate((10, 10, 10, 20, 20)):
        store.sampled([number - 5], 10, number=2)
        store.sampled([number + 1], cpu_ms, number=2, samples=1)
    # the others' 14 ms, with hours 4, 4, 4, 6 and 6 ms from it, were 10: all the same hours count, so the error adds
    of_others = 5 / 4 * 120 / 5**2 / 14**2
    error = t_quantile(4) * 580 * (of_others * 42**2 + 1.4**2 * 31.25) ** 0.5 / 1000
    assert store.spent()[0] == Saved(*(pytest.approx(580 * 0.032 + one) for one in (0, -error, error)))


def test_with_too_few_sampled_runs_processor_seconds_are_unknown_and_it_is_said_why(tmp_path: Path) -> None:
    store = judged(tmp_path)
    too_few = (
        "{} of the time since was of queries of which runs were sampled in 5 hours or days of the week before and of "
        "that after, and 90% are needed"
    )
    store.sampled(BEFORE, 30)
    store.sampled(SINCE[:4], 10)
    assert store.spent() == (None, too_few.format("0%"))
    (month,) = store.report().months
    assert (month.processor, month.processor_changes, month.changes) == (Saved(), 0, 1)
    store.sampled([SINCE[4]], 10)
    store.sampled([6], 10, number=3, samples=0, runs=40)
    # 4.32 s of the query, and 0.4 s of the insert, of which nobody knows
    assert store.spent() == (saved(11.6), "")
    store.sampled([6], 10, number=3, samples=0, runs=30)
    assert store.spent() == (None, too_few.format("87%"))
    with store.file.transaction() as tx:
        tx.execute("DELETE FROM pattern_hours WHERE start >= ?", [NOON.replace(tzinfo=None)])
    assert store.spent() == (None, IDLE)


def test_working_days_are_enough_once_hours_are_no_longer_kept(tmp_path: Path) -> None:
    store = judged(tmp_path)
    days = {"before": range(-6, -1), "since": range(1, 6)}  # NOON is on a Sunday
    store.sampled([24 * day for day in days["before"]], 30)
    store.sampled([24 * day for day in days["since"]], 10)
    for beyond in (-8, 8):
        store.sampled([24 * beyond], 1000, runs=100)
    with store.file.transaction() as tx:
        tx.execute("UPDATE pattern_hours SET period = 'day', start = date_trunc('day', start)")
    found = store.report()
    assert [(one.month, one.processor) for one in found.months] == [
        (DECEMBER, saved(500 * 0.02)), (NOVEMBER, saved(100 * 0.02))
    ]  # fmt: skip
    assert found.changes[0].processor == saved(600 * 0.02)
    assert store.report(NOVEMBER).changes[0].processor == saved(100 * 0.02)


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
