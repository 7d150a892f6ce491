"""What an order of candidates is worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.evaluation.ranking import (
    Judged,
    difference,
    figures,
    is_false_gain,
    is_harmful,
    lost_s,
    mean,
    ndcg,
    regret,
)

SAVED = [0.0, 40.0, -10.0, 100.0, 0.0, 20.0, 0.0, 0.0]


def judged(scores: list[float], saved: list[float] = SAVED, domain: str = "d") -> Judged:
    return Judged(domain, np.array(saved), np.array(scores, float))


def test_regret_is_what_is_lost_of_the_best_by_measuring_the_first_alone() -> None:
    second_best_first = judged([0, 9, 8, 1, 7, 2, 0, 0])
    assert (regret(second_best_first, 1), regret(second_best_first, 3), regret(second_best_first, 5)) == (0.6, 0.6, 0.0)
    assert lost_s(second_best_first, 1) == 60
    assert regret(judged([0, 0, 9, 1, 0, 0, 0, 0]), 1) == 1.0, "what is measured as harmful is not taken"


def test_ndcg_counts_what_each_of_the_first_three_saves() -> None:
    assert ndcg(judged([0, 8, 0, 9, 0, 7, 0, 0])) == 1.0
    discounts = 1 / np.log2([2, 3, 4])
    worst = judged([9, 3, 8, 1, 7, 2, 0, 0])
    assert ndcg(worst) == 0.0
    mixed = judged([0, 9, 8, 7, 1, 2, 0, 0])
    assert ndcg(mixed) == pytest.approx((40 + 100 * discounts[2]) / (100 + 40 * discounts[1] + 20 * discounts[2]))


def test_a_gain_is_false_where_nothing_pays_and_something_is_preferred_to_nothing() -> None:
    nothing = [0.0, -5.0, 0, 0, 0, 0, 0, 0]
    assert is_false_gain(judged([-1.0] * 8, nothing)) == 0
    assert is_false_gain(judged([-1.0] * 7 + [0.1], nothing)) == 1
    assert is_harmful(judged([0.0, 2.0, 1, 0, 0, 0, 0, 0], nothing)) == 1
    assert is_harmful(judged([-3.0, -0.1, -1, -1, -1, -1, -1, -1], nothing)) == 0, "doing nothing is preferred"


def test_each_figure_is_asked_where_it_means_something() -> None:
    nothing = judged([1.0] * 8, [0.0] * 8, "b")
    short = judged([1.0] * 7, [100.0] * 7)
    found = figures([judged([0, 9, 8, 1, 7, 2, 0, 0]), nothing, short])
    assert found == {
        "regret@1": {"d": [0.6]},
        "regret@3": {"d": [0.6]},
        "lost seconds a day @1": {"d": [60.0]},
        "lost seconds a day @3": {"d": [60.0]},
        "NDCG@3": {"d": [pytest.approx(ndcg(judged([0, 9, 8, 1, 7, 2, 0, 0])))]},
        "false gains": {"b": [1.0]},
        "harmful": {"d": [0.0], "b": [0.0]},
    }


def test_domains_count_the_same_and_the_bootstrap_draws_domains() -> None:
    found = mean({"a": [0.0] * 100, "b": [1.0]})
    assert (found.mean, found.low, found.high, found.domains) == (0.5, 0.0, 1.0, 2)
    same = mean({str(n): [0.25, 0.75] for n in range(12)})
    assert (same.mean, same.low, same.high) == (0.5, 0.5, 0.5)
    pair = difference({"a": [0.5], "b": [0.75]}, {"a": [0.25], "b": [0.5]})
    assert (pair.mean, pair.low, pair.high) == (0.25, 0.25, 0.25)


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(-5, 5)), min_size=8, max_size=30))
def test_no_order_beats_the_one_by_what_was_measured(rows: list[tuple[float, float]]) -> None:
    saved, scores = (list(column) for column in zip(*rows, strict=True))
    one, best = judged(scores, saved), judged(saved, saved)
    if one.pays and one.saved_s.max() > 1e-3:
        assert 0 == regret(best, 1) <= regret(one, 3) <= regret(one, 1) <= 1
        assert 0 <= ndcg(one) <= ndcg(best) + 1e-9
        assert ndcg(best) == pytest.approx(1)
