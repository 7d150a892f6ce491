"""What rankers are trained on and judged by: one example is one list of candidates."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..judgement.features import Features

Split = Literal["train", "validation", "test"]
Numbers = NDArray[np.float64]


class Example(NamedTuple):
    """A workload on a database with its candidates, and what each was measured to bring if it alone is done.

    `speedups` are before / after of the time of the whole workload, writes included, and 1 where that is not told
    from nothing; `saved_s` the same in seconds a day. `promised_s` is what the rules expect, and `screened_s` what a
    first look at each would say. Doing nothing has a speedup of 1 and is no row.
    """

    domain: str
    split: Split
    features: Features
    speedups: Numbers
    saved_s: Numbers
    promised_s: Numbers
    screened_s: Numbers

    @property
    def gains(self) -> NDArray[np.bool_]:
        return np.asarray(self.speedups > 1)
