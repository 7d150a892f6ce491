"""The default is chosen by models that have not seen the domains that they judge."""

from collections.abc import Sequence

import numpy as np
import pytest

from inference.distill import boosting
from inference.distill.distillation import Plan
from inference.distill.examples import Example
from inference.distill.training import Told, Trained, trained
from inference.evaluation import contenders
from inference.evaluation.contenders import held_out
from inference.evaluation.ranking_report import DOMAINS, FOLDS, chosen
from inference.judgement.ranker import Student, TreesAlone
from tests.unit.test_training import lists

PLAN = Plan(width=8, epochs=2)
LISTS = 12
"""Of a domain."""
POOR = 3
"""Domains in which nothing pays."""


def known(paying: int) -> list[Example]:
    """Named so that the domains in which nothing pays would all come first."""
    found = [
        one._replace(domain=f"domain {row // LISTS:02}")
        for row, one in enumerate(lists(LISTS * (POOR + paying), "train", 1))
    ]
    poor = [one._replace(speedups=one.speedups**0, saved_s=0 * one.saved_s) for one in found[: LISTS * POOR]]
    return poor + found[LISTS * POOR :]


def test_each_domain_is_judged_once_by_models_that_learned_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Sequence[Example], Trained]] = []

    def recorded(examples: Sequence[Example], name: str, version: str, told: Told, plan: Plan | None) -> Trained:
        made.append((examples, trained(examples, name, version, told, plan)))
        return made[-1][1]

    monkeypatch.setitem(boosting.SHAPE, "max_iter", 5)
    monkeypatch.setattr(contenders, "trained", recorded)
    some = known(DOMAINS)
    told: list[str] = []
    rules, trees, student = held_out(some, PLAN, told.append)
    assert [one.name for one in (rules, trees, student)] == ["rules", "trees", "student"]
    assert told[::2] == [f"part {part} of {FOLDS} of the domains is left out" for part in range(1, 6)]
    parts = [
        {split: {one.domain for one in examples if one.split == split} for split in ("train", "validation", "test")}
        for examples, _ in made
    ]
    assert all(found.plan == PLAN for _, found in made)
    assert sorted(name for part in parts for name in part["test"]) == sorted({one.domain for one in some})
    assert [part["test"] for part in parts[1:]] == [part["validation"] for part in parts[:-1]]
    paying = {one.domain for one in some if one.saved_s.max() > 0}
    for part in parts:
        assert not part["test"] & (part["train"] | part["validation"])
        assert len(part["test"] & paying) >= 2
    for row, one in enumerate(some):
        [found] = [found for examples, found in made if examples[row].split == "test"]
        [of_trees] = TreesAlone(found.trees, "", "").score([one.features])
        [of_student] = Student(found.network, found.trees, "").score([one.features])
        np.testing.assert_array_equal(trees.scores[row], of_trees.preference)
        np.testing.assert_allclose(student.scores[row], of_student.preference, rtol=1e-4, atol=1e-5)
        assert rules.scores[row] is one.promised_s
    assert f"by regret@1 on the {DOMAINS} domains for training and for validation" in chosen(
        some, [rules, trees, student]
    )


def test_with_fewer_domains_nothing_is_trained() -> None:
    assert held_out(known(DOMAINS - 1), PLAN, pytest.fail) == []
