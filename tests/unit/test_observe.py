"""`observe`: what it makes of one record of the query log."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import Codec
from schemas.errors import RecordError
from schemas.fingerprint import shape
from schemas.ids import derived_id
from schemas.records import (
    PatternBatch,
    Position,
    Profile,
    QueryEvent,
    QueryLogBatch,
    QueryLogEvent,
    QueryShape,
    Record,
    Request,
)
from schemas.topics import PATTERNS, key_of
from store.sketch import LARGEST_US, sketch
from streams.agents.observe import EXEMPLARS, LARGEST_COUNT, OTHER_ROUTES, ROUTES, Observe
from streams.agents.steps import Input

CODEC = Codec()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACE = ("p.query-log", "an-id", 3, 41)
SOURCE = Position(topic="p.query-log", topic_id="an-id", partition=3, offset=41)
ONE = "SELECT a FROM t WHERE b = $1"
TWO = "SELECT count(*) FROM t"


def event(shape: int = 0, **changes: Any) -> QueryEvent:
    return QueryEvent(**{"shape": shape, "offset_us": 0, "latency_us": 1000, "rows": 1, **changes})


def batch(events: list[QueryEvent], **changes: Any) -> QueryLogBatch:
    shapes = [QueryShape(fingerprint="claimed", statement=text, kind="claimed") for text in (ONE, TWO)]
    values: dict[str, Any] = {
        "product": "sales", "database": "main", "instance": "web-1", "event_id": "e", "time": NOON,
        "catalog_hash": "c1", "duckdb_version": "2.0.0", "dropped": 0, "shapes": shapes, "events": events,
    }  # fmt: skip
    return QueryLogBatch(**{**values, **changes})


def single(**changes: Any) -> QueryLogEvent:
    values: dict[str, Any] = {
        "product": "sales", "database": "main", "instance": "go-1", "event_id": "e", "time": NOON,
        "statement": "select a from t where b = 42", "latency_us": 7, "rows": 2,
    }  # fmt: skip
    return QueryLogEvent(**{**values, **changes})


def came(record: Record | bytes | None, received: datetime = NOON) -> Input:
    value = CODEC.encode(record) if isinstance(record, Record) else record
    return Input(*PLACE, round(received.timestamp() * 1000), b"key", value)


def observed(record: Record, received: datetime = NOON) -> tuple[PatternBatch, dict[str, int]]:
    outcome = Observe(CODEC)(came(record, received))
    (output,) = outcome.outputs
    assert outcome.refused is None
    assert (output.topic, output.key) == (PATTERNS.name, key_of("sales", "main"))
    return CODEC.decode_as(PatternBatch, output.value), dict(outcome.counts)


def test_the_runs_of_a_shape_are_summed_exactly() -> None:
    profile = Profile(
        rows_scanned=10,
        row_groups_scanned=1,
        row_groups_total=4,
        intermediate_bytes=9,
        peak_memory_bytes=500,
        cpu_us=30,
    )
    found, counts = observed(
        batch(
            [
                event(latency_us=1000, rows=5, route="/a", profile=profile),
                event(latency_us=3000, rows=-1, route="/b", offset_us=2_000_000),
                event(latency_us=2000, rows=7, route="/a", offset_us=-1_000_000 + 1_000_000, error="Binder Error"),
                event(1, latency_us=50, rows=1, profile=profile.model_copy(update={"peak_memory_bytes": 90})),
                event(1, latency_us=60, rows=1, profile=profile),
            ],
            dropped=3,
        )
    )
    by_id = {pattern.fingerprint: pattern for pattern in found.patterns}
    assert set(by_id) == {shape(ONE).id, shape(TWO).id}
    one = by_id[shape(ONE).id]
    assert one.model_dump() == {
        "fingerprint": shape(ONE).id,
        "statement": shape(ONE).text,
        "kind": "select",
        "hour": NOON,
        "catalog_hash": "c1",
        "count": 3,
        "errors": 1,
        "rows": 12,
        "latency_us": 6000,
        "latency": sketch([1000, 3000, 2000]).model_dump(),
        "first_seen": NOON,
        "last_seen": NOON + timedelta(seconds=2),
        "routes": {"/a": 2, "/b": 1},
        "sampled": 1,
        "rows_scanned": 10,
        "row_groups_scanned": 1,
        "row_groups_total": 4,
        "cpu_us": 30,
        "peak_memory_bytes": 500,
        "exemplars": [],
    }
    two = by_id[shape(TWO).id]
    assert (two.count, two.sampled, two.rows_scanned, two.cpu_us, two.peak_memory_bytes) == (2, 2, 20, 60, 500)
    assert (found.dropped, found.readable, found.instance) == (3, True, "web-1")
    assert counts == {"events": 5, "dropped": 3}


def test_the_id_and_the_time_are_of_the_inputs_place_so_a_redelivery_makes_the_same_bytes() -> None:
    record = batch([event()])
    first = Observe(CODEC)(came(record)).outputs
    assert Observe(CODEC)(came(record)).outputs == first
    found = CODEC.decode_as(PatternBatch, first[0].value)
    assert (found.event_id, found.source, found.time) == (derived_id(SOURCE, "observe/1"), SOURCE, NOON)


def test_runs_before_and_after_the_hour_are_apart() -> None:
    found, _ = observed(batch([event(offset_us=-1), event(offset_us=0), event(offset_us=1)]))
    assert [(p.hour, p.count) for p in found.patterns] == [(NOON - timedelta(hours=1), 1), (NOON, 2)]


def test_two_spellings_of_one_shape_meet_in_one_pattern() -> None:
    shapes = [
        QueryShape(fingerprint="a", statement="select a from t where b = 1", kind="select"),
        QueryShape(fingerprint="b", statement="SELECT a\nFROM t -- hm\nWHERE b = $1", kind="select"),
    ]
    found, _ = observed(batch([event(0), event(1), event(1)], shapes=shapes))
    assert [(p.fingerprint, p.count) for p in found.patterns] == [(shape(ONE).id, 3)]


def test_a_claimed_fingerprint_is_not_believed() -> None:
    found, _ = observed(batch([event()]))
    assert [p.fingerprint for p in found.patterns] == [shape(ONE).id]


def test_a_single_event_is_stripped_of_its_literals() -> None:
    found, counts = observed(single())
    (pattern,) = found.patterns
    assert (pattern.statement, pattern.count, pattern.rows, pattern.latency_us) == (shape(ONE).text, 1, 2, 7)
    assert "42" not in pattern.statement
    assert counts["events"] == 1


def test_exemplars_travel_only_where_a_producer_sends_them_and_are_bounded() -> None:
    found, _ = observed(single(exemplars=[f"select {n}" for n in range(9)]))
    assert found.patterns[0].exemplars == [f"select {n}" for n in range(EXEMPLARS)]


def test_a_file_is_another_in_another_database() -> None:
    here, _ = observed(single(statement="select * from '/data/x.parquet'"))
    there = Observe(CODEC)(came(single(statement="select * from '/data/x.parquet'", database="other")))
    other = CODEC.decode_as(PatternBatch, there.outputs[0].value)
    assert "/data" not in here.patterns[0].statement
    assert here.patterns[0].statement != other.patterns[0].statement


@pytest.mark.parametrize(
    "claimed",
    [datetime(2090, 1, 1, tzinfo=UTC), datetime(1971, 1, 1, tzinfo=UTC), NOON + timedelta(minutes=6)],
)
def test_a_clock_that_is_far_off_gives_way_to_kafkas(claimed: datetime) -> None:
    found, counts = observed(batch([event(), event()], time=claimed))
    (pattern,) = found.patterns
    assert (pattern.hour, pattern.first_seen, pattern.last_seen, pattern.count) == (NOON, NOON, NOON, 2)
    assert counts["clock"] == 2


def test_a_log_that_comes_days_later_keeps_its_times() -> None:
    found, counts = observed(batch([event()]), received=NOON + timedelta(days=6))
    assert found.patterns[0].hour == NOON
    assert "clock" not in counts


def test_impossible_figures_are_brought_inside_and_counted() -> None:
    lie = Profile(
        rows_scanned=-5,
        row_groups_scanned=2**62,
        row_groups_total=0,
        intermediate_bytes=0,
        peak_memory_bytes=-1,
        cpu_us=1,
    )
    found, counts = observed(
        batch(
            [
                event(latency_us=-1),
                event(latency_us=2**62),
                event(rows=2**62),
                event(rows=-(2**62)),
                event(profile=lie),
            ],
            dropped=-9,
        )
    )
    (pattern,) = found.patterns
    assert pattern.latency_us == LARGEST_US + 3 * 1000
    assert (pattern.rows, pattern.latency.zero) == (LARGEST_COUNT + 3, 1)
    assert (pattern.rows_scanned, pattern.row_groups_scanned, pattern.peak_memory_bytes) == (0, LARGEST_COUNT, 0)
    assert found.dropped == 0
    assert counts == {"events": 5, "dropped": 0, "latency": 2, "count": 5}


def test_of_many_routes_the_most_taken_are_kept_and_the_rest_is_one() -> None:
    rare = [event(route=f"/rare-{n:03}") for n in range(ROUTES + 10)]
    found, _ = observed(batch([*rare, event(route="/often"), event(route="/often")]))
    assert found.patterns[0].routes == {
        "/often": 2,
        **{f"/rare-{n:03}": 1 for n in range(ROUTES - 1)},
        OTHER_ROUTES: 11,
    }


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (batch([event(2)]), "an event is of shape 2, but the record has 2"),
        (batch([event(-1)]), "an event is of shape -1, but the record has 2"),
        (batch([], product=""), "product has 0 characters"),
        (batch([], database="x" * 201), "database has 201 characters"),
        (
            Request(
                product="p", database="d", instance="", event_id="e", time=NOON, kind="k", body=b"", requested_by="x"
            ),
            "Request has no place in the query log",
        ),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(record: Record, reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        Observe(CODEC)(came(record))


def test_an_unreadable_record_still_leaves_one_empty_batch() -> None:
    (output,) = Observe(CODEC).instead(came(b"junk"))
    found = CODEC.decode_as(PatternBatch, output.value)
    assert (found.readable, found.patterns, found.source) == (False, [], SOURCE)
    assert (found.event_id, output.topic, output.key) == (derived_id(SOURCE, "observe/1"), PATTERNS.name, b"key")


@given(
    st.lists(
        st.builds(
            event,
            shape=st.integers(0, 1),
            offset_us=st.integers(-(10**13), 10**13),
            latency_us=st.integers(-(2**63), 2**63 - 1),
            rows=st.integers(-(2**63), 2**63 - 1),
        )
    )
)
def test_every_run_is_counted_once_whatever_it_claims(events: list[QueryEvent]) -> None:
    found, counts = observed(batch(events))
    assert sum(p.count for p in found.patterns) == len(events) == counts["events"]
    for pattern in found.patterns:
        assert pattern.latency.zero + sum(pattern.latency.counts) == pattern.count
        assert pattern.hour <= pattern.first_seen <= pattern.last_seen < pattern.hour + timedelta(hours=1)
        assert len({(p.fingerprint, p.hour) for p in found.patterns}) == len(found.patterns)
