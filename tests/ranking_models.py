"""A ranking model that knows nothing, as a folder."""

from pathlib import Path

import mlx.core as mx
import numpy as np

from inference.judgement.network import INPUTS, Config, Network, shapes
from inference.judgement.ranker import TREES
from inference.judgement.trees import Ensemble, Trees


def student(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    leaf, none = np.zeros(1, np.int64), np.zeros(1)
    same = Ensemble(leaf, none, leaf, leaf, none, leaf, depth=0, base=0.5)
    Trees(same, same).save(folder / TREES)
    keys = mx.random.split(mx.random.key(3), 32)
    weights = {
        name: 0.2 * mx.random.normal(shape, key=key)
        for key, (name, shape) in zip(keys, shapes(INPUTS, 8).items(), strict=False)
    }
    Network(Config(name="student", version="7", width=8), weights).save(folder)
    return folder
