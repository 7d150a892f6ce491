"""A change that does nothing is rarely called better or worse, however often one looks; one that does, soon."""

from collections.abc import Callable, Sequence
from math import exp, log
from random import Random

import pytest

from inference.outcome import ERROR_RATE, LEAST, MATERIAL, Came, evidence, judge, time_ratio


def ever(shifts: Sequence[float]) -> str:
    """The first verdict of somebody who looks after every slot."""
    for seen in range(1, len(shifts) + 1):
        if (verdict := judge(shifts[:seen], None).verdict) != "open":
            return verdict
    return "open"


def gauss(rng: Random) -> float:
    return rng.gauss(0, 0.3)


def heavy(rng: Random) -> float:
    """With outliers of a factor of a hundred, on one side."""
    return abs(rng.gauss(0, 0.1)) * (100 if rng.random() < 0.1 else 1) * rng.choice([-1, 1])


@pytest.mark.parametrize("noise", [gauss, heavy])
@pytest.mark.parametrize("shift", [0.0, MATERIAL, -MATERIAL])
def test_a_change_of_no_matter_is_called_one_no_more_often_than_the_error_rate(
    noise: Callable[[Random], float], shift: float
) -> None:
    rng = Random(1)  # noqa: S311
    called = [ever([shift + noise(rng) for _ in range(100)]) for _ in range(150)]
    assert sum(one != "open" for one in called) / 150 <= ERROR_RATE


@pytest.mark.parametrize(("factor", "verdict"), [(0.5, "confirmed"), (2.0, "worse")])
@pytest.mark.parametrize("noise", [gauss, heavy])
def test_a_change_by_two_is_told_within_forty_slots(
    noise: Callable[[Random], float], factor: float, verdict: str
) -> None:
    rng = Random(2)  # noqa: S311
    called = [ever([log(factor) + noise(rng) for _ in range(40)]) for _ in range(100)]
    assert called.count(verdict) / 100 > 0.95


def test_six_slots_of_one_mind_are_enough_and_five_are_not() -> None:
    assert judge([-1.0] * 5, None).verdict == "open"
    assert judge([-1.0] * 6, None).verdict == "confirmed"
    assert judge([1.0] * 5, None).verdict == "open"
    assert judge([1.0] * 6, None).verdict == "worse"


def test_one_slot_of_another_mind_takes_six_more() -> None:
    assert judge([1.0, *[-1.0] * 11], None).verdict == "open"
    assert judge([1.0, *[-1.0] * 12], None).verdict == "confirmed"


def test_evidence_is_the_averaged_likelihood_ratio() -> None:
    def integral(k: int, n: int, parts: int = 2_000) -> float:
        ps = [0.5 + (i + 0.5) / parts / 2 for i in range(parts)]
        always = 2**n if k == n else 0
        return (always + sum((2 * p) ** k * (2 * (1 - p)) ** (n - k) for p in ps) / parts) / 2

    for k, n in [(0, 0), (0, 5), (3, 5), (5, 5), (20, 31)]:
        assert evidence(k, n) == pytest.approx(integral(k, n), rel=1e-4)
    assert evidence(6000, 6000) > 1e300


def test_what_came_is_a_median_with_its_interval_beside_the_promise() -> None:
    shifts = [-log(n) for n in range(2, 13)]
    assert judge(shifts, 2.0) == Came(
        "confirmed", pytest.approx(7), pytest.approx(3), pytest.approx(11), 11, True
    )  # fmt: skip
    assert judge(shifts, 11.1).as_promised is False
    assert judge(shifts, 10.9).as_promised is True
    assert judge(shifts[: LEAST - 1], 2.0).as_promised is None
    assert judge([], 2.0) == Came("open", 1.0, 1.0, 1.0, 0, None)
    assert exp(MATERIAL) == pytest.approx(1.05)


def test_time_is_a_ratio_of_sums_less_what_the_others_took_longer() -> None:
    """Before, ten and ten; now one and ten, while all others take twice as long: 40 become 11."""
    assert time_ratio([(11, 20, 60, 30)] * LEAST) == pytest.approx((40 / 11,) * 3)
    assert time_ratio([(11, 20, 60, 30)] * (LEAST - 1)) is None
    assert time_ratio([(0, 20, 1, 1)] * LEAST) == pytest.approx((120,) * 3)


def test_the_interval_of_the_time_ratio_holds_the_truth_as_often_as_it_says() -> None:
    rng = Random(3)  # noqa: S311
    held = 0
    for _ in range(400):
        drawn = [
            (round(rng.lognormvariate(9, 0.5)), 20_000, round(rng.lognormvariate(9, 0.5)), 9_000) for _ in range(10)
        ]
        found = time_ratio(drawn)
        assert found is not None
        held += found.low <= 20_000 / 9_000 <= found.high
    assert held / 400 == pytest.approx(0.95, abs=0.03)
