"""Who ranks, from a folder: the student with its trees, or the trees alone."""

import json
import re
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from inference.distill.boosting import boosted
from inference.judgement import ranker
from inference.judgement.features import FEATURES, Features
from inference.judgement.network import CONFIG, INPUTS, Config, Network, shapes
from inference.judgement.ranker import TREES, Ranker
from schemas.errors import ModelError


def features(rows: int, seed: int) -> Features:
    return np.random.default_rng(seed).normal(size=(rows, len(FEATURES))).astype(np.float32)


@pytest.fixture(scope="module", params=["ranking", "trees"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp(request.param)
    known = features(300, 1)
    boosted(known, known[:, 0].astype(float), known[:, 1] > 0, seed=0).save(made / TREES)
    if request.param == "trees":
        (made / CONFIG).write_text(json.dumps({"kind": "trees", "name": "trees", "version": "7"}))
    else:
        weights = {
            name: 0.2 * mx.random.normal(shape, key=mx.random.key(3)) for name, shape in shapes(INPUTS, 8).items()
        }
        Network(Config(name="student", version="7", width=8), weights).save(made)
    return made


@pytest.fixture
def loaded(folder: Path) -> Ranker:
    return ranker.load(folder)


def test_lists_are_scored_together_as_alone_and_in_their_order(loaded: Ranker) -> None:
    assert re.fullmatch("7[+][0-9a-f]{8}", loaded.version)
    lists = [features(9, 2), features(0, 3), features(24, 4), features(1, 5)]
    together = loaded.score(lists)
    assert [len(one.preference) for one in together] == [9, 0, 24, 1]
    for one, found in zip(lists, together, strict=True):
        (alone,) = loaded.score([one])
        np.testing.assert_allclose(found.preference, alone.preference, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(found.gain, alone.gain, rtol=1e-3)
        assert ((found.gain > 0) & (found.gain < 1)).all()


def test_of_no_list_and_of_empty_ones_nothing_is_said(loaded: Ranker) -> None:
    assert loaded.score([]) == []
    assert [len(one.gain) for one in loaded.score([features(0, 1), features(0, 1)])] == [0, 0]


def test_the_student_hears_the_trees(folder: Path) -> None:
    student = ranker.load(folder)
    some = features(5, 6)
    if isinstance(student, ranker.TreesAlone):
        assert student.score([some])[0].preference.shape == (5,)
        return
    before = student.score([some])[0].preference
    known = features(300, 8)
    others = boosted(known, -9 * known[:, 0].astype(float), known[:, 1] > 0, seed=0)
    after = ranker.Student(Network.load(folder), others, "").score([some])[0].preference
    assert np.abs(before - after).max() > 1e-3


def test_a_folder_that_is_no_ranker_is_refused_with_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no model: .*No such file"):
        ranker.load(tmp_path)
    (tmp_path / CONFIG).write_text('{"model_type": "llama"}')
    with pytest.raises(ModelError, match=r"config.json is not that of a ranker: its kind is neither ranking nor trees"):
        ranker.load(tmp_path)
    (tmp_path / CONFIG).write_text('{"kind": "trees"}')
    with pytest.raises(ModelError, match=r"trees.npz holds no trees: .*No such file"):
        ranker.load(tmp_path)
