"""What rankers are trained on and judged by: one example is one list of candidates, as numbers."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..advisor.workload import Workload
from ..judgement.features import DAY_S, Features, features
from .dataset import Listed, lists
from .domains import SPLITS, Split

Numbers = NDArray[np.float64]


class Example(NamedTuple):
    """A workload on a database with its candidates, and what each was measured to bring if it alone is done.

    `speedups` are before / after of the time of the whole workload, writes included, and 1 where that is not told
    from nothing; `saved_s` the same in seconds a day. `promised_s` is what the rules expect of each a day, and
    `glanced_s` what a first look at it says. Doing nothing has a speedup of 1 and is no row. `taught` is what a teacher
    prefers, in log-odds over doing nothing, None where that is what was measured.
    """

    domain: str
    split: Split
    features: Features
    speedups: Numbers
    saved_s: Numbers
    promised_s: Numbers
    glanced_s: Numbers
    taught: Numbers | None = None

    @property
    def gains(self) -> NDArray[np.bool_]:
        return np.asarray(self.speedups > 1)


def examples(folder: Path, splits: Collection[Split] = SPLITS) -> Iterator[Example]:
    """Of the files of labels in it, some seconds for each."""
    return map(example, lists(folder, splits))


def example(of: Listed) -> Example:
    choices = [choice for choice in of.choices if choice.candidate]
    candidates = [choice.candidate for choice in choices if choice.candidate]
    workload = Workload(of.request)
    days = workload.window_s / DAY_S
    return Example(
        of.domain,
        of.split,
        features(workload, candidates),
        np.exp([choice.log_speedup for choice in choices]),
        np.array([choice.saved_s for choice in choices]),
        np.array([one.promised_s / days for one in candidates]),
        np.array([choice.glanced_s for choice in choices]),
    )
