"""A replay of measuring spends the seconds that were measured and brings what was measured, by the product's rules."""

import pytest

from inference.distill.dataset import Measured
from inference.distill.labelled import WRITE, Pair
from inference.distill.replaying import (
    Brought,
    Order,
    Tries,
    Try,
    cost_of_all_s,
    known,
    looked,
    promised,
    replay,
    try_of,
)
from schemas.measure.order import FIXED_S, INDEX_S_A_ROW
from tests.unit.test_distill_dataset import FACT, INDEX, SHAPES, WITH_INDEX, change, labels, pair

PRODUCT = Order(promised, looked)
READ, INSERT = SHAPES[0], SHAPES[3]
UNCHANGED = pair(INSERT, 1.0, equal=WRITE)


def tried(pairs: list[Pair], problem: str = "", number: int = 0, domain: str = "d") -> Try:
    """The index of the data set's tests: its query takes 100 s a day, 0.1 s a run, and the insert that it slows 1 s."""
    found = Measured(labels([change(INDEX, problem)], pairs)).tried(INDEX)
    assert found is not None
    return try_of(domain, number, INDEX, WITH_INDEX, found)


def gaining(number: int = 0, domain: str = "d", speedup: float = 4.0) -> Try:
    reads = pair(READ, speedup, before_ms=100.0, glance=2.0)
    return tried([reads, pair(INSERT, 0.5, equal=WRITE)], number=number, domain=domain)


def test_a_first_look_takes_what_building_and_running_took() -> None:
    one = gaining()
    assert one.guess_s == pytest.approx(FIXED_S + INDEX_S_A_ROW * FACT.rows + 4 * 0.1)
    # built in 2 s, and a clear gain needs one pair: before once, and after twice, of which one is not timed
    assert one.look_s == pytest.approx(FIXED_S + 2.0 + 0.1 + 2 * 0.05)
    unclear = tried([pair(READ, 1.4, before_ms=100.0, glance=1.25), UNCHANGED])
    assert unclear.look_s == pytest.approx(FIXED_S + 2.0 + 2 * (0.1 + 2 * 0.08))


def test_measuring_in_full_takes_nine_rounds_and_a_comparison_with_each_exemplar() -> None:
    assert gaining().full_s({}) == pytest.approx(FIXED_S + 2.0 + 3 * (0.1 + 0.025) + 9 * (0.2 + 0.025))


def test_it_brings_what_reads_save_less_what_writes_lose_a_day() -> None:
    assert gaining().gain_s({}) == pytest.approx(75.0 - 1.0)


def test_what_is_not_a_gain_by_the_rules_of_measuring_brings_nothing() -> None:
    small = tried([pair(READ, 1.15, before_ms=100.0, glance=1.15), UNCHANGED])
    noise = tried([pair(READ, 1.5, low=0.9, before_ms=100.0, glance=1.5), UNCHANGED])
    harmful = tried([pair(READ, 4.0, before_ms=100.0, glance=2.0), pair(INSERT, 0.01, equal=WRITE)])
    assert [one.found is not None for one in (small, noise, harmful)] == [True, True, True]
    assert [one.gain_s({}) for one in (small, noise, harmful)] == [0.0, 0.0, 0.0]


def test_a_query_that_is_fast_already_is_not_saved_again() -> None:
    one = gaining()
    [name] = [query.fingerprint for query in one.reads]
    assert one.gain_s({name: 0.25}) == 0.0
    assert one.gain_s({name: 0.5}) == pytest.approx(25.0 - 1.0)
    assert one.full_s({name: 0.5}) == pytest.approx(FIXED_S + 2.0 + 3 * (0.05 + 0.025) + 9 * (0.1 + 0.025))


def test_what_shows_nothing_at_first_sight_ends_there_and_costs_the_counting_too() -> None:
    one = tried([pair(READ, 1.0, before_ms=100.0, glance=1.0), UNCHANGED])
    assert one.found is None
    assert one.look_s == pytest.approx(FIXED_S + 2.0 + 2 * 3 * 0.1 + 2 * 0.1)


def test_what_cannot_be_built_costs_the_trying() -> None:
    one = tried([], "no room")
    assert (one.found, one.look_s) == (None, FIXED_S + 2.0)


def test_other_results_are_found_by_the_comparison_and_not_timed() -> None:
    one = tried([pair(READ, 4.0, before_ms=100.0, glance=2.0, equal="different"), UNCHANGED])
    assert one.found is not None
    assert one.full_s({}) == pytest.approx(FIXED_S + 2.0 + 3 * (0.1 + 0.025))
    assert one.gain_s({}) == 0.0


def test_a_replay_adds_up_by_domain_what_the_budget_reaches() -> None:
    two = [gaining(0, "a"), gaining(1, "b", speedup=2.0)]
    whole = replay(two, PRODUCT, 100.0, 40)
    assert whole.saved_s == {"a": pytest.approx(74.0), "b": pytest.approx(49.0)}
    assert whole.spent_s == pytest.approx(cost_of_all_s(two))
    one_alone = two[0].look_s + two[1].look_s + two[0].full_s({}) + 1.0
    assert replay(two, PRODUCT, one_alone, 40) == Brought({"a": pytest.approx(74.0)}, pytest.approx(one_alone - 1.0))
    assert replay(two, PRODUCT, 1.0, 40) == Brought({}, 0.0)


def test_the_order_decides_what_a_small_budget_reaches() -> None:
    better, worse = gaining(0, "a"), gaining(1, "b", speedup=2.0)
    budget_s = better.look_s + worse.look_s + better.full_s({}) + 1.0
    reverse = Order(lambda tries, _: tries, lambda survivors: survivors)
    assert list(replay([worse, better], reverse, budget_s, 40).saved_s) == ["b"]
    assert list(replay([worse, better], Order(known, known), budget_s, 40).saved_s) == ["a"]


def test_the_same_query_of_two_databases_is_two_queries() -> None:
    twice = replay([gaining(0), gaining(1)], PRODUCT, 100.0, 40)
    again = replay([gaining(0), gaining(0)], PRODUCT, 100.0, 40)
    assert (twice.saved_s, again.saved_s) == ({"d": pytest.approx(148.0)}, {"d": pytest.approx(74.0)})


def test_a_likelier_one_comes_first_and_what_there_is_no_room_for_is_not_tried() -> None:
    unlikely, likely = gaining(0, "a").with_likely(0.2), gaining(1, "b").with_likely(0.9)
    pairs: Tries = [unlikely, likely]
    assert [one.domain for one in promised(pairs, 40)] == ["b", "a"]
    assert [one.domain for one in looked(pairs)] == ["b", "a"]
    assert list(replay(pairs, PRODUCT, 100.0, 1).saved_s) == ["b"]
