"""The tables are the same whatever the order and repetition of what was applied; what cannot be read is handed back."""

import gc
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import Record
from schemas.topics import CATALOGS, PATTERNS, READINGS, REQUESTS, SUGGESTIONS, Topic
from store import catalogs, inputs, projection, suggestions
from store.projection import Applied, Arrived
from tests.store_records import (
    CODEC,
    NOON,
    arrived,
    catalog,
    knowledge,
    pattern,
    pattern_batch,
    reading,
    request,
    sketch_of,
    suggestion,
    tables,
)

HOUR = timedelta(hours=1)

patterns = st.builds(
    lambda number, latencies, hours, catalog_hash, route, exemplars, statement: pattern(
        number,
        latencies=latencies,
        hour=NOON + hours * HOUR,
        catalog_hash=catalog_hash,
        routes={route: len(latencies)} if route else {},
        exemplars=exemplars,
        **({"statement": statement} if statement else {}),
    ),
    st.integers(1, 3),
    st.lists(st.integers(0, 10**9), min_size=1, max_size=5),
    st.integers(0, 2),
    st.sampled_from(["", "c1", "c2"]),
    st.sampled_from(["", "home", "report"]),
    st.lists(st.sampled_from("abcdef"), max_size=3),
    st.sampled_from(["", "", "a lie"]),
)
batches = st.lists(
    st.tuples(st.lists(patterns, max_size=4), st.sampled_from(["sales", "risk"]), st.integers(0, 3)),
    min_size=1,
    max_size=8,
)


def projected(*transactions: list[Arrived]) -> dict[str, list[tuple[Any, ...]]]:
    file = knowledge(Path(":memory:"))
    for records in transactions:
        with file.transaction() as tx:
            assert projection.apply(tx, CODEC, records).refused == []
    with file.reading() as tx:
        found = tables(tx)
    file.close()
    return found


@settings(max_examples=12)
@given(
    drawn=batches,
    hashes=st.lists(st.sampled_from("abc"), max_size=3),
    suggested=st.lists(st.tuples(st.integers(1, 2), st.integers(0, 2)), max_size=4),
    chance=st.randoms(use_true_random=False),
)
def test_any_order_repetition_and_division_of_the_inputs_gives_the_same_tables(
    drawn: list[Any], hashes: list[str], suggested: list[tuple[int, int]], chance: random.Random
) -> None:
    made = [
        pattern_batch(number, *found, partition=number % 2, product=product, dropped=dropped)
        for number, (found, product, dropped) in enumerate(drawn)
    ]
    others = [arrived(CATALOGS.name, n, catalog(catalog_hash=one)) for n, one in enumerate(hashes)]
    others += [
        arrived(SUGGESTIONS.name, n, suggestion(number, title=f"title {n}"), partition)
        for n, (number, partition) in enumerate(suggested)
    ]
    others += [
        arrived(READINGS.name, n, reading(number, "timing", version=f"{n}"), partition)
        for n, (number, partition) in enumerate(suggested)
    ]
    in_order = [[arrived(PATTERNS.name, offset, batch)] for offset, batch in enumerate(made)]
    repeated = made + chance.choices(made, k=len(made))
    chance.shuffle(repeated)
    mixed = [arrived(PATTERNS.name, offset, batch) for offset, batch in enumerate(repeated)] + others
    chance.shuffle(mixed)
    cut = chance.randrange(len(mixed) + 1)
    found, expected = projected(mixed[:cut], mixed[cut:]), projected(*in_order, others)
    for one in (found, expected):
        del one["inputs"]  # repetitions are read further
    assert found == expected


def test_nothing_in_the_tables_says_when_it_was_applied() -> None:
    records = [arrived(PATTERNS.name, 0, pattern_batch(0, pattern())), arrived(CATALOGS.name, 0, catalog())]
    assert projected(records) == projected(records)


def test_collecting_goes_on_after_records_were_applied() -> None:
    projected([arrived(PATTERNS.name, 0, pattern_batch(0, pattern()))])
    assert gc.isenabled()
    gc.disable()
    projected([arrived(PATTERNS.name, 0, pattern_batch(0, pattern()))])
    left_off = not gc.isenabled()
    gc.enable()
    assert left_off


def test_the_offsets_are_noted_with_the_rows() -> None:
    file = knowledge(Path(":memory:"))
    with file.transaction() as tx:
        projection.apply(
            tx,
            CODEC,
            [
                arrived(PATTERNS.name, 41, pattern_batch(1, pattern()), partition=3),
                arrived(PATTERNS.name, 40, pattern_batch(0, pattern()), partition=3),
                arrived(CATALOGS.name, 6, b"\x00unreadable"),
            ],
        )
        moved = {place: offset for place, offset in inputs.positions(tx).items() if offset}
    assert moved == {(PATTERNS.name, 3): 42, (CATALOGS.name, 0): 7}


def applied(topic: Topic, record: Record | bytes | None) -> tuple[Applied, dict[str, list[tuple[Any, ...]]]]:
    file = knowledge(Path(":memory:"))
    with file.transaction() as tx:
        result = projection.apply(tx, CODEC, [arrived(topic.name, 0, record)])
        return result, tables(tx)


@pytest.mark.parametrize(
    ("topic", "record", "reason"),
    [
        (PATTERNS, b"\x00\x00\x00\x00\x07what", "schema id 7 is not in the committed map"),
        (PATTERNS, b"", "shorter than the 5 bytes"),
        (PATTERNS, None, "shorter than the 5 bytes"),
        (PATTERNS, catalog(), "expected duckdb_sidecar.PatternBatch, got duckdb_sidecar.CatalogSnapshot"),
        (SUGGESTIONS, catalog(), "expected Suggestion, got CatalogSnapshot"),
        (SUGGESTIONS, suggestion(suggestion_id="7"), "no UUIDs"),
        (SUGGESTIONS, suggestion(window_start=NOON, gain=None, rule="x" * 10, machine=suggestion().machine.model_copy(
            update={"share": float("nan")})), "cannot be kept as JSON"),
        (CATALOGS, catalog(product=""), "names no product or no database"),
        (CATALOGS, catalog(database="d" * 201), "database: more than 200 characters"),
        (REQUESTS, request(requested_by="m" * 201), "requested_by: more than 200 characters"),
        (REQUESTS, request(body=b" " * 32_769), "at most 32768 bytes"),
        (SUGGESTIONS, suggestion(plan_hash="0" * 64), "plan hash is not that of its steps"),
        (PATTERNS, pattern_batch(0, pattern(), database=""), "name no product or no database"),
        (PATTERNS, pattern_batch(0, pattern(errors=-1)), "is negative"),
        (PATTERNS, pattern_batch(0, pattern(count=0)), "has no run"),
        (PATTERNS, pattern_batch(0, pattern(latency=sketch_of([1], [1, 2]))), "not well-formed"),
        (PATTERNS, pattern_batch(0, pattern(latency=sketch_of([1 << 40], [1]))), "not well-formed"),
        (PATTERNS, pattern_batch(0, pattern(latency=sketch_of([1], [-1]))), "not well-formed"),
        (PATTERNS, pattern_batch(0, pattern(), dropped=-1), "impossible"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_handed_back_whole_and_changes_nothing(
    topic: Topic, record: Record | bytes | None, reason: str
) -> None:
    result, found = applied(topic, record)
    ((handed_back, error),) = result.refused
    assert handed_back == arrived(topic.name, 0, record)
    assert reason in str(error)
    assert {name for name, rows in found.items() if rows} == {"inputs", "kafka", "migrations"}


def test_the_record_beside_an_unreadable_one_is_applied() -> None:
    file = knowledge(Path(":memory:"))
    with file.transaction() as tx:
        good = [arrived(PATTERNS.name, offset, pattern_batch(offset, pattern())) for offset in (0, 2)]
        result = projection.apply(tx, CODEC, [good[0], arrived(PATTERNS.name, 1, b"?"), good[1]])
        assert (result.patterns, len(result.refused)) == (2, 1)


def test_a_clock_in_2090_is_survived() -> None:
    far = NOON.replace(year=2090)
    result, found = applied(PATTERNS, pattern_batch(0, pattern(hour=far)))
    assert result.refused == []
    assert found["observed_patterns"][0][4].year == 2090


def test_an_unreadable_record_of_the_query_log_counts_as_seen_and_is_nobodys() -> None:
    _, found = applied(PATTERNS, pattern_batch(17, product="", database=""))
    assert found["applied_sources"] == [("query-log-id", 0, 17, 17)]
    noon = NOON.replace(tzinfo=None)
    assert found["databases"] == [("", "", noon, noon, 0, 0, 0, 1)]


def test_the_newest_catalog_stands_and_a_tombstone_changes_nothing() -> None:
    file = knowledge(Path(":memory:"))
    with file.transaction() as tx:
        projection.apply(
            tx,
            CODEC,
            [
                arrived(CATALOGS.name, 5, catalog(catalog_hash="new")),
                arrived(CATALOGS.name, 4, catalog(catalog_hash="old")),
                arrived(CATALOGS.name, 6, None),
            ],
        )
        newest = catalogs.newest(tx, "sales", "main")
    assert newest == catalog(catalog_hash="new")


def test_of_one_suggestion_and_revision_the_first_body_stands() -> None:
    file = knowledge(Path(":memory:"))
    first, again, next_revision = suggestion(), suggestion(title="forged"), suggestion(revision=2)
    with file.transaction() as tx:
        records = [first, again, next_revision]
        projection.apply(tx, CODEC, [arrived(SUGGESTIONS.name, n, one) for n, one in enumerate(records)])
        assert suggestions.listed(tx) == [first, next_revision]
        decisions = tx.execute(
            "SELECT operation_type, context->>'suggestion_id', suggestion->>'title', approved, executed, outcome "
            "FROM agent_decisions ORDER BY context->>'revision'"
        ).fetchall()
    assert decisions == [("selective_index", first.suggestion_id, "index 1", None, None, None)] * 2
