"""What a ranker is told of candidates."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.advisor import advise
from inference.advisor.workload import Workload
from inference.judgement.features import FEATURES, features
from schemas.records import AnalysisRequest
from tests.advising import column, index, key, request, table, use

EVENTS = table(
    "events",
    [
        column("id", distinct=3_000_000),
        column("customer", distinct=300_000),
        column("day", "DATE", distinct=1_000),
        column("code", "VARCHAR", distinct=50, holds="integer", null_share=0.25),
    ],
    constraints=[key("id")],
    indexes=[index("code")],
)
BY_CUSTOMER = use(
    "SELECT * FROM events WHERE customer = 7",
    count=1000,
    p50_us=20_000,
    p95_us=40_000,
    sampled=4,
    rows_scanned=12_000_000,
)
BY_MONTH = use("SELECT count(*) FROM events WHERE strftime(day, '%Y-%m') = '2026-01'")
WRITE = use("INSERT INTO events VALUES (1, 2, DATE '2026-01-01', '3')", count=99, p50_us=1000, p95_us=1000)


def asked(**more: Any) -> AnalysisRequest:
    return request([EVENTS], [BY_CUSTOMER, BY_MONTH, WRITE], **more)


def told(one: AnalysisRequest) -> dict[tuple[str, str], dict[str, float]]:
    """By rule and title."""
    candidates = advise(one).candidates
    rows = features(Workload(one), candidates)
    named = [dict(zip(FEATURES, map(float, row), strict=True)) for row in rows]
    return {(a.rule, a.title): row for a, row in zip(candidates, named, strict=True)}


def test_an_index_is_described_by_its_column_its_queries_and_the_writes() -> None:
    row = next(row for (rule, _), row in told(asked(days=2)).items() if rule == "selective index")
    some = {
        "action create_index": 1,
        "action cluster": 0,
        "equality physical": 1,
        "actions": 1,
        "gaining": np.log10(2),
        "runs a day": np.log10(501),
        "microseconds a run": np.log10(20_001),
        "spread": np.log10(3),
        "profiled": 1,
        "rows scanned a run": np.log10(3_000_001),
        "share scanned": 1,
        "rows scanned for one returned": np.log10(1 + 3_000_000 / 1.01),
        "share of time by equality": 1,
        "share of time by range": 0,
        "table rows": np.log10(3_000_001),
        "table indexes": 1,
        "table constraints": 1,
        "column integer": 1,
        "column text": 0,
        "distinct": np.log10(300_001),
        "rows for a value": np.log10(11),
        "indexed": 0,
        "unique": 0,
        "inserts a day": np.log10(50.5),
        "updates a day": 0,
    }
    assert {name: row[name] for name in some} == pytest.approx(some, abs=1e-5)


def test_a_rewrite_is_described_by_what_its_query_filters() -> None:
    row = next(row for (rule, _), row in told(asked()).items() if rule == "strftime to range")
    some = {"action rewrite": 1, "column known": 1, "column time": 1, "profiled": 0, "rows scanned a run": 0}
    assert {name: row[name] for name in some} == some
    assert row["share of time by expression"] == 1


def test_places_are_those_of_the_promises_and_candidates_keep_their_order() -> None:
    one = asked()
    candidates = advise(one).candidates
    assert len(candidates) >= 3
    rows = features(Workload(one), candidates)
    again = features(Workload(one), candidates[::-1])
    np.testing.assert_array_equal(rows, again[::-1])
    places = rows[:, FEATURES.index("place")]
    promised = [one.promised_s for one in candidates]
    assert np.argsort(places, kind="stable").tolist() == sorted(
        range(len(candidates)), key=lambda n: (-promised[n], candidates[n].candidate_id)
    )
    assert (places.min(), places.max()) == (0, 1)


@given(
    st.integers(-1, 10**12),
    st.integers(0, 10**12),
    st.floats(0, 1),
    st.sampled_from([0, 1, 10**9]),
    st.integers(0, 10**9),
)
def test_whatever_the_catalog_says_the_features_are_finite(
    distinct: int, rows: int, share: float, count: int, scanned: int
) -> None:
    odd = table("t", [column("a", distinct=distinct, null_share=share), column("d", "DATE", ordered=-1.0)], rows=rows)
    shapes = [
        use("SELECT * FROM t WHERE a = 1", count=count, sampled=1, rows_scanned=scanned),
        use("SELECT sum(a) FROM t WHERE year(d) = 2026"),
    ]
    one = request([odd], shapes)
    found = features(Workload(one), advise(one).candidates)
    assert found.shape[1] == len(FEATURES)
    assert np.isfinite(found).all()


def test_of_no_candidates_there_is_no_row() -> None:
    assert features(Workload(request([], [])), []).shape == (0, len(FEATURES))
