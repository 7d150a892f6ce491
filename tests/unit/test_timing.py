"""The time within which a part of the requests was answered."""

import pytest

from inference.worker.timing import Times


@pytest.mark.parametrize(
    ("part", "ms"), [(0.01, 1.0), (0.5, 50.0), (0.95, 95.0), (0.955, 96.0), (0.99, 99.0), (1.0, 100.0)]
)
def test_it_is_the_nearest_rank(part: float, ms: float) -> None:
    assert Times([float(one) for one in range(1, 101)]).at(part) == ms


def test_of_one_time_each_part_is_that_one() -> None:
    assert [Times([7.0]).at(part) for part in (0.0, 0.5, 1.0)] == [7.0, 7.0, 7.0]
