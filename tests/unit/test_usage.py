"""From the log of five weeks, through what an analysis is asked with, to what is proposed to be dropped."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from duckdb import DuckDBPyConnection

from inference.advisor import advise
from schemas.fingerprint import shape
from schemas.records import AnalysisRequest, Coverage
from schemas.topics import CATALOGS, PATTERNS, REQUESTS, SUGGESTIONS
from store.retention import OTHER
from store.usage import ran
from streams.access.ordering import Ordering
from streams.deciding import Deciding
from streams.scheduling import AnalysisRules, Scheduler
from streams.usage import of_log
from tests.advising import catalog as catalog_of
from tests.advising import column, table, use, view
from tests.deciding_store import Store
from tests.ordered_store import NOON as TOLD
from tests.ordered_store import ONE, Ordered
from tests.store_records import CODEC, NOON, catalog, pattern, pattern_batch, request

DAY = timedelta(days=1)
BEFORE = Coverage(full=True, since=NOON - 100 * DAY)
PAST = BEFORE.model_copy(update={"full": False, "unseen": ["so"]})
BUSY, RARE, DEAD = (table(name, [column("a")]) for name in ("busy", "rare", "dead"))
NOT_DECLARED = "that the log shows every use is not declared"
RULES = AnalysisRules(deadline=timedelta())


class Log(Store):
    """Of a table that is read every third day, for `days` until NOON."""

    def __init__(self, days: int = 36, **values: Any) -> None:
        super().__init__()
        self.add(CATALOGS, self.catalog(**values))
        self.batches = 0
        for day in range(0, days + 1, 3):
            self.run("SELECT max(a) FROM busy", days - day)

    def catalog(self, **values: Any) -> Any:
        return catalog(**{"tables": [BUSY, RARE, DEAD], "coverage": BEFORE} | values)

    def run(self, statement: str, days_ago: float, us: int = 10_000, **values: Any) -> None:
        """`values` go to the batch, a fingerprint to the pattern."""
        at = NOON - days_ago * DAY
        fingerprint = values.pop("fingerprint", shape(statement).id)
        one = pattern(
            fingerprint=fingerprint, statement=statement, kind=shape(statement).kind, latencies=[us],
            hour=at.replace(minute=0), first_seen=at, last_seen=at,
        )  # fmt: skip
        self.batches += 1
        self.add(PATTERNS, pattern_batch(self.batches, one, **values))

    def asked(self, now: datetime = NOON) -> AnalysisRequest:
        def take(tx: DuckDBPyConnection, deciding: Deciding) -> None:
            ordering = Ordering(tx, CODEC, None, None, deciding, now)
            Scheduler(tx, CODEC, RULES, deciding, now, ordering).answer()

        self.add(REQUESTS, request())
        (decision,) = self.decide(take, now)
        assert decision.kind == "analyse", json.loads(decision.body)
        (message,) = decision.messages
        return CODEC.decode_as(AnalysisRequest, message.value)


def drops(asked: AnalysisRequest) -> list[str]:
    """The titles of what is proposed to be dropped."""
    return sorted(one.title for one in advise(asked).candidates if one.rule == "unused")


def test_a_table_that_nothing_names_in_36_days_is_dropped_and_one_that_a_rare_shape_names_is_not() -> None:
    log = Log()
    for number in range(100):
        log.run(f"SELECT a + {'a + ' * number} 1 FROM busy", 1)
    log.run("SELECT min(a) FROM rare", 30, us=1)
    log.run("SELECT max(a) FROM rare", 1, us=1)
    asked = log.asked()
    assert (len(asked.workload), {one.total_us for one in asked.workload}) == (100, {10_000, 30_000})
    assert asked.usage.since == NOON - 35 * DAY
    assert (asked.usage.named, asked.usage.doubt) == (["a", "busy", "rare"], "")
    assert drops(asked) == ["Drop the table dead"]
    [reason] = [one.reason for one in advise(asked).candidates if one.rule == "unused"]
    assert reason == "Nothing read or wrote it in 35 days of full coverage; it takes about 150 MB."


def test_what_was_named_last_more_than_35_days_ago_is_dropped() -> None:
    log = Log(days=60)
    log.run("SELECT a FROM rare", 34.9)
    log.run("SELECT a FROM dead", 35.1)
    assert drops(log.asked()) == ["Drop the table dead"]


@pytest.mark.parametrize("statement", ["PREPARE p AS SELECT a FROM dead", "CREATE OR REPLACE TEMP VIEW v AS FROM dead"])
def test_what_lasts_in_a_session_uses_what_it_named_long_ago(statement: str) -> None:
    log = Log(days=60)
    log.run(statement, 50)
    log.run("CREATE VIEW v AS FROM rare", 50)
    assert drops(log.asked()) == ["Drop the table rare"]


def test_what_the_products_other_databases_name_is_used() -> None:
    log = Log()
    log.run("SELECT a FROM main.rare", 20, database="second")
    log.run("SELECT a FROM dead", 20, product="risk")
    assert drops(log.asked()) == ["Drop the table dead"]
    through = view("v", [column("a")], 'SELECT a\nFROM main."dead"')
    log.add(CATALOGS, log.catalog(database="second", tables=[through]))
    assert drops(log.asked()) == []


def test_a_macro_of_the_database_and_of_another_one_keeps_what_it_names() -> None:
    log = Log(routines=["SELECT a FROM dead"])
    assert drops(log.asked()) == ["Drop the table rare"]
    log.add(CATALOGS, log.catalog(database="second", tables=[], routines=["SELECT a FROM rare"]))
    assert drops(log.asked()) == []


NEEDED = "ago, and 35 are needed to see a month's work"


def _uncovered_once(log: Log) -> None:
    log.add(CATALOGS, log.catalog(coverage=PAST))
    log.asked(NOON - 10 * DAY)
    log.add(CATALOGS, log.catalog())


@pytest.mark.parametrize(
    ("days", "happens", "doubt"),
    [
        (36, lambda log: log.add(CATALOGS, log.catalog(coverage=Coverage())), NOT_DECLARED),
        (
            36,
            lambda log: log.add(
                CATALOGS, log.catalog(coverage=BEFORE.model_copy(update={"full": False, "unseen": ["so"]}))
            ),
            "there is a way past the log: so",
        ),
        (
            36,
            lambda log: log.add(CATALOGS, log.catalog(coverage=Coverage(full=True, since=NOON - 9 * DAY))),
            f"that the log shows every use is declared from 9 days {NEEDED}",
        ),
        (34, lambda log: log.run("SELECT 1", 1), f"the log begins 34 days {NEEDED}"),
        (36, _uncovered_once, f"there was a way past the log, or it was not declared to be full, 10 days {NEEDED}"),
        (
            36,
            lambda log: log.run("SELECT max(a) FROM busy", 20, dropped=1, database="second"),
            f"runs were dropped from the log until 0 days {NEEDED}",
        ),
        (
            36,
            lambda log: log.add(PATTERNS, pattern_batch(999, product="", database="")),
            f"a record of the log could not be read 0 days {NEEDED}",
        ),
        (
            36,
            lambda log: log.run("", 5, fingerprint=OTHER, database="second"),
            f"rare statements were not kept apart until 5 days {NEEDED}",
        ),
    ],
)
def test_nothing_is_dropped_that_may_only_not_have_been_seen(days: int, happens: Any, doubt: str) -> None:
    log = Log(days)
    happens(log)
    asked = log.asked()
    assert (asked.usage.doubt, asked.usage.named) == (doubt, [])
    assert drops(asked) == []
    assert {one.reason for one in advise(asked).refused if one.rule == "unused"} == {
        f"nothing seen used it, but {doubt}"
    }


@pytest.mark.parametrize(("silent", "until"), [((12, 19), None), ((12, 20), 12), ((30, 50), 30), ((36, 60), None)])
def test_a_log_that_was_silent_for_more_than_a_week_may_have_been_off(
    silent: tuple[int, int], until: int | None
) -> None:
    log = Log(days=-1)
    for day in range(80):
        log.run("SELECT 1", day, database="second")
        if not silent[0] < day < silent[1]:
            log.run("SELECT max(a) FROM busy", day)
    assert log.asked().usage.doubt == (f"the log was silent until {until} days {NEEDED}" if until else "")


def test_drops_of_runs_count_until_the_analysis_before_which_they_happened_is_35_days_old() -> None:
    log = Log(days=80)
    log.run("SELECT a FROM busy", 80, dropped=2, database="second")
    log.asked(NOON - 40 * DAY)
    assert log.asked(NOON - 6 * DAY).usage.doubt == f"runs were dropped from the log until 34 days {NEEDED}"
    assert log.asked().usage.doubt == ""
    log.run("SELECT a FROM busy", 0, dropped=1)
    assert log.asked().usage.doubt == f"runs were dropped from the log until 0 days {NEEDED}"


@pytest.mark.parametrize(
    "statement",
    ["FROM query_table('dead')", "SELECT * FROM query ('FROM dead')", "SELECT a FROM 'dead'",
     "SELECT 1 FROM busy JOIN 'dead' USING (a)", "IMPORT DATABASE 'folder'", "COPY FROM DATABASE a TO main"],
)  # fmt: skip
def test_a_statement_that_may_use_anything_keeps_everything(statement: str) -> None:
    log = Log()
    log.run(shape(statement).text, 2, us=10**6)
    what = "a statement that may use anything (query, query_table, FROM '...', IMPORT, COPY DATABASE) ran"
    assert log.asked().usage.doubt == f"{what} 2 days {NEEDED}"


@pytest.mark.parametrize("statement", ["SELECT my_query(a), query FROM busy", "SELECT a FROM 'x.parquet'"])
def test_a_statement_that_only_looks_so_does_not(statement: str) -> None:
    log = Log()
    log.run(shape(statement).text, 2)
    assert log.asked().usage.doubt == ""


def test_shapes_that_do_not_fit_into_the_record_count_as_beside_it() -> None:
    wide = [table(f"t{n}", [column("c" * 1000)]) for n in range(3300)]
    log = Log(tables=[BUSY, *wide])
    for number in range(20):
        log.run(f"SELECT {'x' * 50_000} FROM t{number}", 1, us=1000 + number)
    asked = log.asked()
    read = {one.statement.split()[-1] for one in asked.workload}
    assert 0 < len(read) < 20
    assert set(asked.usage.named) == {f"t{n}" for n in range(20)} - read


def test_what_we_made_ourselves_lately_is_used(tmp_path: Path) -> None:
    def told(store: Ordered, now: datetime) -> list[str]:
        with store.file.reading() as tx:
            return [one.text for one in ran(tx, "sales", "main", now - 35 * DAY)]

    store = Ordered(tmp_path)
    store.add(SUGGESTIONS, ONE)
    store.approve("bob")
    order = store.order(store.turn())
    assert told(store, TOLD) == ONE.steps[0].sql
    assert told(store, TOLD + 36 * DAY) == []
    store.answer(order, "undone")
    assert told(store, TOLD) == []


def test_of_a_whole_log_all_is_known_for_as_long_as_it_is() -> None:
    shapes = [use("SELECT a FROM busy"), use("SELECT a FROM rare")]
    catalog_ = catalog_of([BUSY, RARE, DEAD], coverage=Coverage(full=True, since=NOON - 99 * DAY))

    def found(days: int, dropped: int = 0, **values: Any) -> tuple[list[str], str]:
        of = catalog_.model_copy(update=values)
        usage = of_log(of, shapes, NOON - days * DAY, NOON, dropped).beside(shapes[:1])
        assert usage.since == NOON - days * DAY
        return usage.named, usage.doubt

    assert found(40) == found(35) == (["a", "rare"], "")
    assert found(34) == ([], f"the log begins 34 days {NEEDED}")
    assert found(40, dropped=1) == ([], f"runs were dropped from the log until 0 days {NEEDED}")
    assert found(40, coverage=Coverage()) == ([], NOT_DECLARED)
