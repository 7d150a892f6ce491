"""The worker's child with rankers that are made up: what one does stands in its folder's `does` file."""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inference.judgement.features import Features
from inference.judgement.judged import Ranking
from inference.worker.child import main
from schemas.errors import ModelError

COMMAND = (sys.executable, "-P", "-m", "tests.worker_child")


def stub(folder: Path, version: str = "1", **does: float) -> Path:
    """`dies_at` and `grows_at` are values of a first feature at which it does; `takes_s` for each forward."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "does").write_text(json.dumps({"version": version, "takes_s": 0.0, **does}))
    return folder


class Stub:
    """Prefers by the first feature; the gain is the number of lists of the forward, a hundredth each."""

    name = "stub"

    def __init__(self, folder: Path) -> None:
        self.does = json.loads((folder / "does").read_text())
        if "unfit" in self.does:
            raise ModelError("it is unfit")
        self.version = self.does["version"]
        self.kept: list[bytes] = []

    def score(self, lists: Sequence[Features]) -> list[Ranking]:
        first = {float(one[0, 0]) for one in lists}
        time.sleep(self.does["takes_s"])
        if self.does.get("dies_at") in first:
            os.abort()
        if self.does.get("grows_at") in first:
            self.kept.append(b"x" * (200 << 20))
        if self.does.get("nan"):
            return [Ranking(np.full(len(one), np.nan), np.full(len(one), np.nan)) for one in lists]
        if self.does.get("short"):
            return [Ranking(np.ones(1), np.ones(1)) for one in lists]
        return [Ranking(one[:, 0].astype(float), np.full(len(one), len(lists) / 100)) for one in lists]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], "none is needed", Stub))
