"""Lists of a team's own analyses: what measuring, production and people said of each candidate."""

from math import exp

import pytest

from inference.distill.dataset import Choice, Listed
from inference.distill.examples import example
from inference.distill.feedback import Told, listed, worth
from inference.judgement.features import FEATURES
from schemas.records import Considered
from tests.learning import analysis, candidate, considered, suggested

BY_CUSTOMER, ITEM, SOLD, DAY = (
    "Index orders.customer",
    "Index items.item",
    "Summary of items by sold",
    "Cluster orders by day",
)
OF = analysis()


def choice(of: Listed, title: str) -> Choice | None:
    return next((one for one in of.choices if one.candidate and one.candidate.title == title), None)


def saved(of: Listed, title: str) -> float | None:
    one = choice(of, title)
    return one.saved_s if one else None


def of_others(*others: Considered) -> Listed:
    return listed(OF, [Told(suggested(OF, BY_CUSTOMER, 0.5, considered=list(others)))])


def test_of_a_suggestion_counts_what_was_measured_and_the_rest_is_not_known() -> None:
    found = listed(OF, [Told(suggested(OF, BY_CUSTOMER, 0.5))])
    assert (found.domain, found.split, found.name) == ("shop/main", "train", OF.analysis_id)
    assert (len(found.choices), found.unmeasured, found.pays) == (2, 6, True)  # with doing nothing
    one = choice(found, BY_CUSTOMER)
    assert one is not None
    assert (one.saved_s, one.build_s, one.extra_bytes) == (0.5, 10, 1000)
    assert exp(one.log_speedup) == pytest.approx(4.01 / 3.51)


@pytest.mark.parametrize(
    ("came", "expected"),
    [(2.0, 0.5), (1.25, 0.2), (0.5, -1.0)],
)
def test_what_came_in_production_stands_for_what_was_measured(came: float, expected: float) -> None:
    told = Told(suggested(OF, BY_CUSTOMER, 0.9), came)
    assert saved(listed(OF, [told]), BY_CUSTOMER) == pytest.approx(expected)  # of one second a day, without the insert


def test_people_move_what_a_gain_is_worth_and_not_what_a_loss_is() -> None:
    one = suggested(OF, BY_CUSTOMER, 0.8)
    said = {(False, 5): 0.8, (False, 1): 0.4, (False, 3): 0.6, (True, None): 0.4, (True, 1): 0.2}
    for (is_unwanted, score), expected in said.items():
        assert worth(0.8, Told(one, None, is_unwanted, score)) == pytest.approx(expected)
    assert worth(-0.8, Told(one, None, True, 1)) == -0.8
    assert saved(listed(OF, [Told(one, None, True)]), BY_CUSTOMER) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("verdict", "speedup", "expected"),
    [
        ("no gain", 1.1, 0.0),
        ("different results", 0.0, 0.0),
        ("not measurable", 0.0, 0.0),
        ("refused", 0.0, 0.0),
        ("harm", 0.5, -1.0),
        ("harm", 0.0, -0.2),
        ("inconclusive", 1.4, None),
        ("not reached", 0.0, None),
    ],
)
def test_of_what_was_not_suggested_the_verdict_counts(verdict: str, speedup: float, expected: float | None) -> None:
    found = saved(of_others(considered(OF, ITEM, verdict, speedup)), ITEM)
    assert found == (expected if expected is None else pytest.approx(expected))


def test_what_was_measured_on_top_of_a_change_to_its_queries_says_nothing_of_it_alone() -> None:
    assert set(candidate(OF, DAY).affected) > {*candidate(OF, BY_CUSTOMER).affected[:1]}
    assert saved(of_others(considered(OF, DAY)), DAY) is None
    assert saved(of_others(considered(OF, DAY, "different results")), DAY) == 0.0
    first, second = suggested(OF, DAY, 1.5), suggested(OF, BY_CUSTOMER, 0.5, after=[DAY])
    both = listed(OF, [Told(first), Told(second)])
    assert (saved(both, DAY), saved(both, BY_CUSTOMER)) == (1.5, None)
    apart = listed(OF, [Told(first), Told(suggested(OF, ITEM, 0.7, after=[DAY]))])
    assert (saved(apart, DAY), saved(apart, ITEM)) == (1.5, 0.7)


def test_a_change_of_which_a_part_was_left_out_is_known_by_its_name() -> None:
    part = suggested(OF, BY_CUSTOMER, 0.5, suggestion_id="8a2c3b5e-0000-5000-8000-000000000000")
    assert saved(listed(OF, [Told(part)]), BY_CUSTOMER) == 0.5
    assert saved(listed(OF, [Told(part.model_copy(update={"title": "Index nothing"}))]), BY_CUSTOMER) is None


def test_no_more_is_saved_than_there_was() -> None:
    one = choice(listed(OF, [Told(suggested(OF, BY_CUSTOMER, 99.0))]), BY_CUSTOMER)
    assert one is not None
    assert one.saved_s == pytest.approx(0.99 * 4.01)


def test_where_there_is_nothing_to_do_what_was_considered_makes_the_list() -> None:
    nothing = suggested(OF, ITEM, 0.0, kind="nothing", considered=[considered(OF, ITEM), considered(OF, SOLD)])
    found = listed(OF, [Told(nothing)])
    assert (saved(found, ITEM), saved(found, SOLD), found.pays, len(found.choices)) == (0.0, 0.0, False, 3)


def test_a_list_is_an_example_with_the_features_that_a_ranker_sees() -> None:
    one = example(of_others(considered(OF, ITEM)))
    assert one.features.shape == (2, len(FEATURES))
    assert sorted(one.saved_s) == [0.0, 0.5]
    assert sorted(one.promised_s) == [pytest.approx(0.75)] * 2
