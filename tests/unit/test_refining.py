"""A student is trained further on a team's own lists, and judged on those that were held back."""

from pathlib import Path

import numpy as np
import pytest

from inference.distill.dataset import Listed
from inference.distill.distillation import Plan, plan_of
from inference.distill.feedback import Told, listed
from inference.distill.refining import Compared, calibrated, compared, gently, is_better, parts, refined, rehearsed
from inference.distill.training import trained
from inference.evaluation.ranking import Mean
from inference.judgement import ranker
from inference.judgement.network import Network
from inference.judgement.ranker import Student
from schemas.errors import LearningError
from tests.learning import analysis, suggested
from tests.ranking_models import student
from tests.unit.test_training import lists


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Student:
    """It has learned a little of what the lists follow."""
    folder = tmp_path_factory.mktemp("base")
    known = lists(60, "train", 1) + lists(20, "validation", 2)
    trained(known, "student", "1", lambda _: None, Plan(width=32, epochs=3)).save(folder)
    found = ranker.load(folder)
    assert isinstance(found, Student)
    return found


def of_analyses(count: int) -> list[Listed]:
    found = []
    for number in range(count):
        one = analysis(number, customer=10 + number)
        found.append(listed(one, [Told(suggested(one, "Index orders.customer", 0.5))]))
    return found


def test_further_training_makes_it_better_where_it_is_not_good_yet(base: Student) -> None:
    new = refined(base, lists(80, "train", 3), "1.learned", gently(Plan()))
    assert (new.network.config.version, new.trees) == ("1.learned", base.trees)
    held_back = [one for one in lists(60, "train", 4) if one.gains.any()]
    found = compared(base, new, held_back)
    first = found["regret@1"]
    assert first.by.mean == pytest.approx(first.new.mean - first.old.mean)
    assert first.by.high < 0
    assert is_better(found)
    assert not is_better(compared(new, base, held_back))
    assert not is_better(compared(new, new, held_back))


def test_the_same_lists_make_the_same_student(base: Student) -> None:
    known = lists(20, "train", 5)
    one, other = (refined(base, known, "2", gently(Plan())).network.weights for _ in range(2))
    assert all((np.asarray(one[name]) == np.asarray(other[name])).all() for name in one)


def test_the_calibration_becomes_a_part_of_the_last_layer_and_the_base_stays(tmp_path: Path) -> None:
    network = Network.load(student(tmp_path))
    before = {name: np.array(value) for name, value in network.weights.items()}
    config = network.config.model_copy(update={"slope": 2.0, "offset": 0.5})
    old, new = Network(config, network.weights), Network(network.config, calibrated(Network(config, network.weights)))
    some = lists(1, "train", 1)[0].features
    scores = [one.score([some])[0] for one in (Student(it, ranker.load(tmp_path).trees, "") for it in (old, new))]  # type: ignore[attr-defined]
    np.testing.assert_allclose(scores[0].gain, scores[1].gain, rtol=1e-5)
    np.testing.assert_allclose(scores[0].preference, scores[1].preference, rtol=1e-6)
    assert all((before[name] == np.asarray(value)).all() for name, value in network.weights.items())


def test_whole_analyses_are_held_back_whatever_others_there_are() -> None:
    every = of_analyses(60)
    found = parts(every, 0)
    assert len(found.training) + len(found.held_back) == 60
    assert 12 <= len(found.held_back) <= 26
    more = parts([*of_analyses(70)[60:], *every], 0)
    held_back = {one.saved_s.tobytes() + one.features.tobytes() for one in found.held_back}
    assert held_back <= {one.saved_s.tobytes() + one.features.tobytes() for one in more.held_back}
    assert [len(one) for one in parts(every, 1)] != [len(one) for one in found]


def test_with_too_few_analyses_nothing_is_judged() -> None:
    with pytest.raises(
        LearningError, match=r"at least 12 analyses .* there are \d and \d. Learn again after about \d\d more"
    ):
        parts(of_analyses(10), 0)


def test_what_found_nothing_is_learned_from_and_not_held_back() -> None:
    paying, rest = of_analyses(60), []
    for number in range(100, 130):
        one = analysis(number)
        rest.append(listed(one, [Told(suggested(one, "Index orders.customer", 0.0))]))
    found = parts([*paying, *rest], 0)
    assert len(found.held_back) == len(parts(paying, 0).held_back)
    assert 0 < len(found.training) - len(parts(paying, 0).training) < 30


def difference(mean: float, high: float) -> Compared:
    nothing = Mean(0, 0, 0, 1)
    return Compared(nothing, nothing, Mean(mean, mean, high, 12))


@pytest.mark.parametrize(
    ("first", "third", "expected"),
    [
        (difference(-0.1, -0.01), difference(0, 0), True),
        (difference(-0.1, 0.0), difference(-0.1, 0.1), True),
        (difference(-0.1, 0.01), difference(0, 0), False),
        (difference(0.0, 0.0), difference(0, 0), False),
        (difference(-0.1, -0.01), difference(0.01, 0.1), False),
    ],
)
def test_only_what_surely_loses_less_is_better(first: Compared, third: Compared, expected: bool) -> None:
    assert is_better({"regret@1": first, "regret@3": third, "NDCG@3": difference(0, 0)}) is expected


def test_how_the_base_was_trained_is_read_from_beside_it(tmp_path: Path) -> None:
    assert plan_of(tmp_path) == Plan()
    (tmp_path / "training.json").write_text('{"plan": {"tau": 0.1, "hard": 0.0, "seed": 3}}')
    assert plan_of(tmp_path) == Plan(tau=0.1, hard=0.0, seed=3)


def test_without_labels_nothing_is_rehearsed(tmp_path: Path) -> None:
    assert list(rehearsed(tmp_path / "none", 9, 0)) == []
