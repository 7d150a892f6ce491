"""Trees as tables of nodes, beside the library that trains them."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from inference.distill.boosting import boosted, table_of
from inference.judgement.features import FEATURES
from inference.judgement.trees import Ensemble, Trees
from schemas.errors import ModelError


def data(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, len(FEATURES))).astype(np.float32)
    return features, np.where(features[:, 3] > 0.5, 2.0, 0.0) + features[:, 7] * (features[:, 1] < 0)


def test_the_tables_say_what_the_library_says() -> None:
    features, target = data(2000, 1)
    fresh, _ = data(500, 2)
    regressor = HistGradientBoostingRegressor(max_iter=30, max_depth=5).fit(features, target)
    classifier = HistGradientBoostingClassifier(max_iter=20).fit(features, target > 1)
    np.testing.assert_allclose(table_of(regressor).score(fresh), regressor.predict(fresh), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(table_of(classifier).score(fresh), classifier.decision_function(fresh), rtol=1e-6)


def test_a_value_at_the_threshold_goes_left() -> None:
    split = Ensemble(
        features=np.array([3, 0, 0]),
        thresholds=np.array([0.5, 0.0, 0.0]),
        left=np.array([1, 1, 2]),
        right=np.array([2, 1, 2]),
        values=np.array([0.0, -1.0, 1.0]),
        roots=np.array([0]),
        depth=1,
        base=10.0,
    )
    rows = np.zeros((3, len(FEATURES)), np.float32)
    rows[:, 3] = 0.25, 0.5, 0.75
    assert split.score(rows).tolist() == [9.0, 9.0, 11.0]


def test_trees_that_were_saved_say_the_same(tmp_path: Path) -> None:
    features, target = data(800, 3)
    trees = boosted(features, target, target > 1, seed=0)
    trees.save(tmp_path / "trees.npz")
    preference, gain = Trees.load(tmp_path / "trees.npz").score(features)
    np.testing.assert_array_equal(preference, trees.preference.score(features))
    assert ((gain > 0) & (gain < 1)).all()
    assert np.corrcoef(preference, target)[0, 1] > 0.9
    assert ((gain > 0.5) == (target > 1)).mean() > 0.95


def test_what_holds_no_trees_is_refused_with_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "trees.npz"
    leaf = Ensemble(*(np.zeros(1, kind) for kind in (int, float, int, int, float, int)), 0, 0.0)
    Trees(leaf, leaf._replace(left=np.array([5]))).save(file)
    with pytest.raises(ModelError, match="holds trees that lead nowhere"):
        Trees.load(file)
    Trees(leaf, leaf._replace(values=np.array([np.nan]))).save(file)
    with pytest.raises(ModelError, match="values that are no numbers"):
        Trees.load(file)
    np.savez(file, about=np.array([99, 1]))
    with pytest.raises(ModelError, match="by other features than this release"):
        Trees.load(file)
    np.savez(file, about=np.array([1, len(FEATURES)]))
    with pytest.raises(ModelError, match="holds no trees: "):
        Trees.load(file)
    file.write_bytes(b"no zip")
    with pytest.raises(ModelError, match="holds no trees: "):
        Trees.load(file)
    with pytest.raises(ModelError, match="No such file"):
        Trees.load(tmp_path / "missing.npz")
