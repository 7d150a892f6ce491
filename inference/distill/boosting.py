"""Trains the trees, and writes them as tables of nodes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from ..judgement.features import Features
from ..judgement.trees import Ensemble, Trees

SHAPE: dict[str, Any] = {"max_iter": 200, "learning_rate": 0.05, "max_leaf_nodes": 15, "min_samples_leaf": 20}


def boosted(features: Features, preference: NDArray[np.floating[Any]], gains: NDArray[np.bool_], seed: int) -> Trees:
    """Of [candidate, feature], the preference over doing nothing of each, and whether it gains."""
    regressor = HistGradientBoostingRegressor(**SHAPE, random_state=seed).fit(features, preference)
    classifier = HistGradientBoostingClassifier(**SHAPE, random_state=seed).fit(features, gains)
    return Trees(table_of(regressor), table_of(classifier))


def table_of(model: HistGradientBoostingRegressor | HistGradientBoostingClassifier) -> Ensemble:
    """For features without missing values and categories."""
    trees = [predictor.nodes for (predictor,) in model._predictors]
    firsts = np.cumsum([0, *(len(nodes) for nodes in trees)])
    nodes = np.concatenate(trees)
    own = np.arange(len(nodes))
    leaf = nodes["is_leaf"].astype(bool)
    offset = np.repeat(firsts[:-1], [len(one) for one in trees])
    return Ensemble(
        features=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
        thresholds=np.where(leaf, 0.0, nodes["num_threshold"]),
        left=np.where(leaf, own, nodes["left"] + offset).astype(np.int64),
        right=np.where(leaf, own, nodes["right"] + offset).astype(np.int64),
        values=np.where(leaf, nodes["value"], 0.0),
        roots=firsts[:-1].astype(np.int64),
        depth=int(nodes["depth"].max()),
        base=float(np.ravel(model._baseline_prediction)[0]),
    )
