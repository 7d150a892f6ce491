"""The student learns from lists what was measured, and the trees beside it."""

from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from inference.distill import boosting, training
from inference.distill.distillation import Plan
from inference.distill.domains import Split
from inference.distill.examples import Example
from inference.distill.training import HARD, TAUS, trained
from inference.evaluation.ranking import Judged, regret
from inference.judgement import ranker
from inference.judgement.features import FEATURES
from inference.judgement.ranker import Ranker

A, B = FEATURES.index("promised share"), FEATURES.index("unique")

USED = [A, B, 0, 1, 2]


def lists(count: int, split: Split, seed: int) -> list[Example]:
    """What pays is a product of two features, which no order by one of them shows; in a third of the lists nothing."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(count):
        features = np.zeros((random.integers(8, 13), len(FEATURES)), np.float32)
        features[:, USED] = random.normal(size=(len(features), len(USED)))
        logs = np.where(features[:, A] * features[:, B] > 1, 0.5 * features[:, A] * features[:, B], 0.0)
        speedups = np.exp(logs if number % 3 else np.zeros(len(features)))
        promised = np.abs(features[:, A]).astype(float)
        found.append(
            Example(f"{split} {number % 4}", split, features, speedups, 100 * (1 - 1 / speedups), promised, promised)
        )
    return found


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return lists(240, "train", 1) + lists(60, "validation", 2)


@pytest.fixture(scope="module")
def student(examples: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Ranker:
    told: list[str] = []
    found = trained(examples, "student", "1", told.append, Plan(width=64, epochs=60))
    assert told == [f"tau 0.3, hard 0.3: regret@1 {found.regret:.3f} on validation after {found.epochs} epochs"]
    folder = tmp_path_factory.mktemp("student")
    found.save(folder)
    return ranker.load(folder)


def test_a_student_orders_lists_that_it_has_not_seen(student: Ranker) -> None:
    test = lists(60, "test", 3)
    scores = [one.preference for one in student.score([one.features for one in test])]
    paying = [
        Judged(one.domain, one.saved_s, score) for one, score in zip(test, scores, strict=True) if one.gains.any()
    ]
    by_one_feature = [Judged(one.domain, one.saved_s, one.promised_s) for one in test if one.gains.any()]
    assert np.mean([regret(one, 1) for one in paying]) < 0.25
    assert np.mean([regret(one, 1) for one in by_one_feature]) > 0.5


def test_the_same_examples_make_the_same_model(examples: list[Example], tmp_path: Path) -> None:
    plan = Plan(width=8, epochs=3)
    for name in ("one", "other"):
        trained(examples[::10], "student", "1", lambda _: None, plan).save(tmp_path / name)
    for file in ("config.json", "weights.safetensors"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_without_a_plan_it_is_the_one_that_loses_least_on_validation(
    examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = examples[::7]
    monkeypatch.setitem(boosting.SHAPE, "max_iter", 5)
    small = partial(Plan, width=8, epochs=6, rate=1e-2)
    plans = [small(tau=tau, hard=hard) for tau, hard in product(TAUS, HARD)]
    each = [trained(some, "student", "1", lambda _: None, plan) for plan in plans]
    regrets = [one.regret for one in each]
    assert regrets.index(min(regrets)) > 0, "else the first would do"
    monkeypatch.setattr(training, "Plan", small)
    told: list[str] = []
    found = trained(some, "student", "1", told.append)
    assert (found.plan, found.regret) == (plans[regrets.index(min(regrets))], min(regrets))
    assert [line.partition(" on ")[0] for line in told] == [
        f"tau {one.plan.tau:g}, hard {one.plan.hard:g}: regret@1 {one.regret:.3f}" for one in each
    ]


def test_the_probability_of_a_gain_is_calibrated(student: Ranker) -> None:
    test = lists(120, "test", 4)
    said = np.concatenate([one.gain for one in student.score([one.features for one in test])])
    gains = np.concatenate([one.gains for one in test])
    assert said.mean() == pytest.approx(gains.mean(), abs=0.03)
    sure = said > 0.5
    assert gains[sure].mean() == pytest.approx(said[sure].mean(), abs=0.12)
