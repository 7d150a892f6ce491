"""What batches of patterns come to in the tables, to the last count."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from duckdb import DuckDBPyConnection

from schemas.records import Pattern
from schemas.topics import PATTERNS
from store import databases, projection, workload
from store.knowledge import KnowledgeFile, naive
from store.shapes import confidence
from store.sketch import quantile, sketch
from tests.store_records import CODEC, NOON, SCHEMA, arrived, knowledge, pattern, pattern_batch, sketch_of

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)


@pytest.fixture
def file() -> KnowledgeFile:
    return knowledge(Path(":memory:"))


def apply(file: KnowledgeFile, *patterns: Pattern, **values: Any) -> None:
    """Each as a batch and a transaction of its own."""
    for one in patterns:
        with file.transaction() as tx:
            (held,) = tx.execute("SELECT coalesce(sum(last - first + 1), 0)::BIGINT FROM applied_sources").fetchone()
            batch = pattern_batch(held, one, **values)
            projection.apply(tx, CODEC, [arrived(PATTERNS.name, held, batch)])


def rows(file: KnowledgeFile, query: str) -> list[tuple[Any, ...]]:
    with file.reading() as tx:
        return tx.execute(query).fetchall()


def top(tx: DuckDBPyConnection, catalog_hash: str = SCHEMA, most: int = 100, **window: Any) -> Any:
    since, until = window.get("since", NOON - WEEK), window.get("until", NOON + WEEK)
    return workload.top(tx, "sales", "main", catalog_hash, since, until, most)


def test_runs_of_one_shape_add_up_over_batches(file: KnowledgeFile) -> None:
    counters = {"sampled": 1, "rows_scanned": 10, "row_groups_scanned": 2, "row_groups_total": 4, "cpu_us": 7}
    apply(
        file,
        pattern(latencies=[1000, 3000], errors=1, peak_memory_bytes=50, **counters),
        pattern(latencies=[2000], peak_memory_bytes=40, **counters),
    )
    assert rows(
        file,
        "SELECT period, start, catalog_hash, runs, errors, rows, latency_us, sampled, rows_scanned, "
        "row_groups_scanned, row_groups_total, cpu_us, peak_memory_bytes FROM pattern_hours",
    ) == [("hour", naive(NOON), SCHEMA, 3, 1, 3, 6000, 2, 20, 4, 8, 14, 50)]
    merged = sketch([1000, 2000, 3000])
    assert rows(file, "SELECT latency_zero, latency_keys, latency_counts FROM pattern_hours") == [
        (0, merged.keys, merged.counts)
    ]


def test_an_hour_was_seen_from_its_first_run_to_its_last_whatever_came_first(file: KnowledgeFile) -> None:
    def seen(first: int, last: int) -> Pattern:
        return pattern(first_seen=NOON + timedelta(seconds=first), last_seen=NOON + timedelta(seconds=last))

    apply(file, seen(20, 30), seen(10, 50), seen(40, 45))
    bounds = (naive(NOON + timedelta(seconds=10)), naive(NOON + timedelta(seconds=50)))
    assert rows(file, "SELECT first_seen, last_seen FROM pattern_hours") == [bounds]
    assert rows(file, "SELECT first_observed, last_observed FROM observed_patterns") == [bounds]


def test_hours_and_catalogs_never_mix(file: KnowledgeFile) -> None:
    apply(file, pattern(), pattern(hour=NOON + HOUR), pattern(catalog_hash="c2"), pattern())
    assert rows(file, "SELECT start, catalog_hash, runs FROM pattern_hours ORDER BY ALL") == [
        (naive(NOON), "c1", 2),
        (naive(NOON), "c2", 1),
        (naive(NOON + HOUR), "c1", 1),
    ]
    assert rows(file, "SELECT occurrence_count, first_observed, last_observed FROM observed_patterns") == [
        (4, naive(NOON), naive(NOON + HOUR + timedelta(seconds=1)))
    ]


def test_two_databases_with_one_shape_stay_apart(file: KnowledgeFile) -> None:
    apply(file, pattern())
    apply(file, pattern(), database="other")
    apply(file, pattern(), product="risk", dropped=4)
    apply(file, pattern(), product="", database="")  # a record that could not be read
    with file.reading() as tx:
        found = [(one.product, one.database, one.runs, one.dropped) for one in databases.listed(tx)]
    assert found == [("risk", "main", 1, 4), ("sales", "main", 1, 0), ("sales", "other", 1, 0)]
    assert len(rows(file, "FROM observed_patterns")) == 3


def test_observed_patterns_says_what_was_seen_in_the_specified_columns(file: KnowledgeFile) -> None:
    apply(file, pattern(3, latencies=[5] * 10))
    ((kind, data, count, sure),) = rows(
        file, "SELECT pattern_type, pattern_data, occurrence_count, confidence FROM observed_patterns"
    )
    assert (kind, count, round(sure, 3)) == ("select", 10, 0.479)
    assert data == (
        '{"product": "sales", "database": "main", "fingerprint": "1-00000000000000000000000000000003", '
        '"statement": "SELECT a FROM t3 WHERE b = $1"}'
    )


# The exact lower bounds (half the 2.5 % quantile of chi square with 2n degrees of freedom) over n.
@pytest.mark.parametrize(("runs", "exact"), [(1, 0.0253), (5, 0.3247), (10, 0.4795), (100, 0.8136), (10_000, 0.9805)])
def test_confidence_is_the_lower_end_of_the_rates_interval(runs: int, exact: float) -> None:
    assert confidence(runs) == pytest.approx(exact, abs=0.013)


def test_confidence_grows_with_every_run_and_stays_below_one() -> None:
    values = [confidence(runs) for runs in range(1, 200)]
    assert values == sorted(values)
    assert values[0] > 0
    assert confidence(2**63 - 1) <= 1


def test_sums_stop_at_the_largest_number_instead_of_failing(file: KnowledgeFile) -> None:
    most = 2**63 - 1
    huge = pattern(count=most, latency_us=most, latency=sketch_of([5], [most]), routes={"home": most})
    apply(file, huge, huge, pattern())
    assert rows(file, "SELECT runs, latency_us, latency_counts[1] FROM pattern_hours") == [(most, most, most)]
    assert rows(file, "SELECT occurrence_count FROM observed_patterns") == [(most,)]
    assert rows(file, "SELECT routes['home'] FROM patterns") == [(most,)]


def test_routes_add_up_and_exemplars_stay_few(file: KnowledgeFile) -> None:
    apply(
        file,
        pattern(routes={"home": 2}, exemplars=["a", "b", "c"]),
        pattern(routes={"home": 1, "report": 5}, exemplars=["d", "e", "a"]),
    )
    ((routes, exemplars),) = rows(file, "SELECT routes, exemplars FROM patterns")
    assert routes == {"home": 3, "report": 5}
    assert exemplars == ["d", "c", "b"], "those with the smallest digests"


def test_the_workload_is_the_time_taken_under_the_catalog_in_the_window(file: KnowledgeFile) -> None:
    apply(
        file,
        pattern(1, latencies=[1000] * 99 + [9000], routes={"home": 3}, rows_scanned=5, sampled=1),
        pattern(1, latencies=[1000], hour=NOON + HOUR),
        pattern(2, latencies=[900_000]),
        pattern(3, latencies=[7000], catalog_hash=""),
        pattern(4, latencies=[10**9], catalog_hash="another"),
        pattern(5, latencies=[10**9], hour=NOON - 8 * timedelta(days=1)),
    )
    with file.reading() as tx:
        found = top(tx)
    assert [(one.fingerprint[-1], one.count, one.total_us) for one in found.shapes] == [
        ("2", 1, 900_000),
        ("1", 101, 109_000),
        ("3", 1, 7000),
    ]
    first = found.shapes[1]
    assert (first.routes, first.rows_scanned, first.sampled) == ({"home": 3}, 5, 1)
    assert first.p50_us == pytest.approx(1000, rel=0.01)
    assert first.statement == "SELECT a FROM t1 WHERE b = $1"
    assert found.first_seen == NOON


def test_the_workload_has_the_longest_reads_and_the_longest_writes(file: KnowledgeFile) -> None:
    apply(file, *(pattern(number, latencies=[number * 1000]) for number in range(1, 6)))
    apply(file, *(pattern(number, latencies=[number], kind="insert") for number in range(6, 9)))
    with file.reading() as tx:
        found = top(tx, most=2)
    assert [(one.fingerprint[-1], one.kind) for one in found.shapes] == [
        ("5", "select"),
        ("4", "select"),
        ("8", "insert"),
        ("7", "insert"),
    ]


def test_a_database_without_runs_in_the_window_has_no_workload(file: KnowledgeFile) -> None:
    apply(file, pattern())
    with file.reading() as tx:
        assert top(tx, catalog_hash="another") is None
        assert top(tx, since=NOON + HOUR) is None


def test_quantiles_of_the_merged_sketch_are_those_of_all_runs(file: KnowledgeFile) -> None:
    latencies = [((number * 7919) % 1000 + 1) * 100 for number in range(1000)]
    apply(file, *(pattern(latencies=latencies[start : start + 100]) for start in range(0, 1000, 100)))
    ((zero, keys, counts),) = rows(file, "SELECT latency_zero, latency_keys, latency_counts FROM pattern_hours")
    for q in (0.0, 0.5, 0.95, 1.0):
        exact = sorted(latencies)[int(q * 999)]
        assert quantile(sketch_of(keys, counts, zero), q) == pytest.approx(exact, rel=0.011)
