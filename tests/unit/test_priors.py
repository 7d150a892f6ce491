"""What came of a rule's suggestions moves how much its promise counts, and nothing else does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.language.reading import REASONS
from inference.priors import factors
from schemas.records import Experience

NOTHING = {"kept": 0, "short": 0, "worse": 0, "rejected": 0, "scored": 0, "score_sum": 0}


def experience(here: bool = True, rule: str = "index", **counts: Any) -> Experience:
    return Experience(rule=rule, here=here, **NOTHING | counts)


def factor(*found: Experience) -> float:
    return factors(found)["index"]


def test_without_an_outcome_nothing_moves() -> None:
    assert factors([]) == {}
    assert factor(experience()) == 1
    assert factor(experience(), experience(False)) == 1


def test_each_outcome_counts_by_its_weight() -> None:
    # 2 (4 x 1/2 + for) / (4 + for + against)
    assert factor(experience(kept=1)) == 2 * 3 / 5
    assert factor(experience(worse=1)) == 2 * 2 / 5
    assert factor(experience(short=1)) == 1
    assert factor(experience(rejected=1)) == 2 * 2 / 4.5
    assert factor(experience(scored=1, score_sum=5)) == 2 * 2.5 / 4.5
    assert factor(experience(scored=1, score_sum=1)) == 2 * 2 / 4.5
    assert factor(experience(scored=2, score_sum=6)) == 1


@pytest.mark.parametrize("reason", REASONS)
def test_a_rejection_for_the_moment_says_nothing_of_the_rule(reason: str) -> None:
    of_moment = reason in {"timing", "done", "obsolete", "ownership"}
    assert factor(experience(rejected=1, reasons={reason: 1})) == (1 if of_moment else 2 * 2 / 4.5)
    # the second was not read
    assert factor(experience(rejected=2, reasons={reason: 1})) == (2 * 2 / 4.5 if of_moment else 2 * 2 / 5)


def test_other_products_say_where_a_product_begins_and_its_own_outcomes_soon_outweigh_them() -> None:
    # the mean of Beta(1, 1) and seven of eight is 8 / 10
    others = experience(False, kept=7, worse=1)
    assert factor(others) == 2 * 0.8
    assert factor(others, experience(worse=4)) == 2 * (4 * 0.8) / 8
    assert factor(others, experience(worse=4)) < 1 < factor(others, experience(worse=2))


def test_rules_are_apart() -> None:
    assert factors([experience(kept=1), experience(rule="ENUM", worse=1)]) == {"index": 6 / 5, "ENUM": 4 / 5}


counts = st.integers(0, 50)


@given(counts, counts, counts, counts, st.lists(st.integers(1, 5), max_size=9))
def test_it_stays_between_none_and_twice_and_more_of_the_good_is_more(
    kept: int, short: int, worse: int, rejected: int, scores: list[int]
) -> None:
    found = {"kept": kept, "short": short, "worse": worse, "rejected": rejected}
    found |= {"scored": len(scores), "score_sum": sum(scores)}
    here = factor(experience(**found))
    assert 0 < here < 2
    assert here < factor(experience(**found | {"kept": kept + 1}))
    assert here > factor(experience(**found | {"worse": worse + 1}))
    assert here > factor(experience(**found | {"rejected": rejected + 1}))
