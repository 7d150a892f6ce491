"""The patterns stay bounded, and nothing that was counted goes missing."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.records import Pattern
from schemas.topics import PATTERNS
from store import projection, retention
from store.knowledge import KnowledgeFile, naive
from store.retention import OLDER, OTHER, Retention
from tests.store_records import CODEC, NOON, arrived, knowledge, pattern, pattern_batch, tables

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MIDNIGHT = NOON.replace(hour=0)
EPOCH = datetime(1970, 1, 1)


def keeping(**values: Any) -> Retention:
    times = {"hours_since": MIDNIGHT - DAY, "days_since": MIDNIGHT - 9 * DAY, "hours_until": MIDNIGHT + 2 * DAY}
    return Retention(**{**times, **values})


@pytest.fixture
def file() -> KnowledgeFile:
    return knowledge(Path(":memory:"))


def add(file: KnowledgeFile, first_source: int, *patterns: Pattern) -> None:
    with file.transaction() as tx:
        batches = [pattern_batch(first_source + n, one) for n, one in enumerate(patterns)]
        projection.apply(tx, CODEC, [arrived(PATTERNS.name, first_source + n, one) for n, one in enumerate(batches)])


def keep(file: KnowledgeFile, **values: Any) -> None:
    with file.transaction() as tx:
        retention.apply(tx, keeping(**values))


def hours(file: KnowledgeFile) -> list[tuple[Any, ...]]:
    with file.reading() as tx:
        return tx.execute(
            "SELECT fingerprint[-1], period, start, catalog_hash, runs, latency_us, list_sum(latency_counts)::BIGINT "
            "FROM pattern_hours JOIN patterns USING (pattern_id) ORDER BY ALL"
        ).fetchall()


def totals(file: KnowledgeFile) -> tuple[Any, ...] | None:
    with file.reading() as tx:
        return tx.execute(
            "SELECT (SELECT sum(runs) FROM pattern_hours)::BIGINT, (SELECT sum(latency_us) FROM pattern_hours)::BIGINT,"
            " (SELECT sum(list_sum(latency_counts)) FROM pattern_hours)::BIGINT,"
            " (SELECT sum(occurrence_count) FROM observed_patterns)::BIGINT"
        ).fetchone()


def test_hours_become_days_and_days_become_totals(file: KnowledgeFile) -> None:
    add(
        file,
        0,
        pattern(latencies=[1]),
        pattern(latencies=[2], hour=NOON - 2 * DAY),
        pattern(latencies=[4], hour=NOON - 2 * DAY + HOUR),
        pattern(latencies=[8], hour=NOON - 2 * DAY, catalog_hash="c2"),
        pattern(latencies=[16], hour=NOON - 20 * DAY),
        pattern(latencies=[32], hour=NOON - 30 * DAY, catalog_hash="c2"),
        pattern(latencies=[64], hour=NOON.replace(year=2090)),
    )
    keep(file)
    day = naive(MIDNIGHT - 2 * DAY)
    assert hours(file) == [
        ("1", "day", day, "c1", 2, 6, 2),
        ("1", "day", day, "c2", 1, 8, 1),
        ("1", "ever", EPOCH, "", 3, 112, 3),
        ("1", "hour", naive(NOON), "c1", 1, 1, 1),
    ]


def test_what_comes_late_joins_its_day_the_next_time(file: KnowledgeFile) -> None:
    add(file, 0, pattern(latencies=[1], hour=NOON - 2 * DAY))
    keep(file)
    add(file, 1, pattern(latencies=[2], hour=NOON - 2 * DAY))
    assert [row[1] for row in hours(file)] == ["day", "hour"]
    keep(file)
    assert hours(file) == [("1", "day", naive(MIDNIGHT - 2 * DAY), "c1", 2, 3, 2)]


def test_the_rarest_shapes_become_one_row_and_nothing_is_lost(file: KnowledgeFile) -> None:
    add(file, 0, *(pattern(number, latencies=[number]) for number in range(1, 7)))
    before = totals(file)
    keep(file, fingerprints=4)
    with file.reading() as tx:
        kept = tx.execute("SELECT fingerprint[-1] FROM patterns ORDER BY ALL").fetchall()
        other = tx.execute(
            "SELECT pattern_type, pattern_data->>'fingerprint', occurrence_count FROM observed_patterns "
            "WHERE pattern_type = 'other'"
        ).fetchall()
    assert kept == [(")",), ("3",), ("4",), ("5",), ("6",)]
    assert other == [("other", OTHER, 2)]
    assert totals(file) == before


def test_a_shape_that_comes_again_after_it_was_given_up_is_kept_apart_again(file: KnowledgeFile) -> None:
    add(file, 0, *(pattern(number, latencies=[number]) for number in range(1, 4)))
    keep(file, fingerprints=2)
    add(file, 3, pattern(1, latencies=[100]))
    keep(file, fingerprints=2)
    assert [(row[0], row[4], row[5]) for row in hours(file)] == [(")", 2, 3), ("1", 1, 100), ("3", 1, 3)]


def test_shapes_of_one_database_do_not_push_out_those_of_another(file: KnowledgeFile) -> None:
    with file.transaction() as tx:
        batches = [pattern_batch(0, *(pattern(number, latencies=[9]) for number in range(5)))]
        batches.append(pattern_batch(1, pattern(7, latencies=[1]), database="small"))
        projection.apply(tx, CODEC, [arrived(PATTERNS.name, n, one) for n, one in enumerate(batches)])
    keep(file, fingerprints=2)
    with file.reading() as tx:
        found = tx.execute("SELECT database, count(*) FROM patterns GROUP BY database ORDER BY ALL").fetchall()
    assert found == [("main", 3), ("small", 1)]


def test_catalogs_of_long_ago_become_one(file: KnowledgeFile) -> None:
    add(
        file,
        0,
        *(pattern(catalog_hash=f"c{n}", last_seen=NOON + timedelta(seconds=n), latencies=[1]) for n in range(5)),
        pattern(catalog_hash="", latencies=[1]),
    )
    keep(file, catalogs=2)
    assert [(row[3], row[4]) for row in hours(file)] == [("", 1), (OLDER, 3), ("c3", 1), ("c4", 1)]


def test_the_least_taken_routes_become_one(file: KnowledgeFile) -> None:
    add(file, 0, pattern(routes={"a": 1, "b": 5, "c": 2, "d": 9}), pattern(routes={OTHER: 1}))
    keep(file, routes=3)
    with file.reading() as tx:
        assert tx.execute("SELECT routes FROM patterns").fetchall() == [({"d": 9, "b": 5, OTHER: 4},)]


def test_it_can_be_done_again_without_a_change(file: KnowledgeFile) -> None:
    add(file, 0, *(pattern(n % 5, hour=NOON - n * DAY / 2, catalog_hash=f"c{n % 3}") for n in range(30)))
    keep(file, fingerprints=3, catalogs=2)
    with file.reading() as tx:
        once = tables(tx)
    keep(file, fingerprints=3, catalogs=2)
    with file.reading() as tx:
        assert tables(tx) == once


@pytest.mark.parametrize(
    ("patterns", "values", "expected"),
    [
        ([pattern()], {}, False),
        ([pattern(hour=NOON - 2 * DAY)], {}, True),
        ([pattern(hour=NOON + 3 * DAY)], {}, True),
        ([pattern(n) for n in range(5)], {"fingerprints": 4}, False),
        ([pattern(n) for n in range(6)], {"fingerprints": 4}, True),
        ([pattern(catalog_hash=f"c{n}") for n in range(6)], {"catalogs": 4}, True),
        ([pattern(routes={"a": 1, "b": 1, "c": 1})], {"routes": 2}, True),
    ],
)
def test_it_is_overdue_only_when_there_is_something_to_do(
    file: KnowledgeFile, patterns: list[Pattern], values: dict[str, int], expected: bool
) -> None:
    add(file, 0, *patterns)
    with file.transaction() as tx:
        assert retention.overdue(tx, keeping(**values)) is expected
        retention.apply(tx, keeping(**values))
        assert retention.overdue(tx, keeping(**values)) is False
