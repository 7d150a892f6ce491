"""The worker's child with models that are made up: what one does stands in its folder's `does` file.

What stands in a `says` beside that, as JSON, a ranker answers to all lists of a forward, and a language model says.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inference.judgement.features import Features
from inference.judgement.judged import Ranking
from inference.language import speaking
from inference.language.asks import Ask
from inference.worker.child import main
from inference.worker.requests import Said
from schemas.errors import InvalidAnswer, ModelError

COMMAND = (sys.executable, "-P", "-m", "tests.worker_child")


def stub(folder: Path, version: str = "1", **does: float) -> Path:
    """`dies_at` and `grows_at` are values of a first feature at which it does; `takes_s` for each forward.

    With `room_bytes` the system gives it no more than that once it is loaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "does").write_text(json.dumps({"version": version, "takes_s": 0.0, **does}))
    return folder


class Stub:
    """Prefers by the first feature; the gain is the number of lists of the forward, a hundredth each."""

    name = "stub"

    def __init__(self, folder: Path) -> None:
        self.says = folder / "says"
        self.does = json.loads((folder / "does").read_text())
        if "unfit" in self.does:
            raise ModelError("it is unfit")
        self.version = self.does["version"]
        self.kept: list[bytes] = []
        if room := self.does.get("room_bytes"):
            most = room + int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (most, most))

    def score(self, lists: Sequence[Features]) -> list[Ranking]:
        first = {float(one[0, 0]) for one in lists}
        time.sleep(self.does["takes_s"])
        if self.does.get("dies_at") in first:
            os.abort()
        if self.does.get("grows_at") in first:
            self.kept.append(b"x" * (200 << 20))
        if self.says.exists():
            return json.loads(self.says.read_text())  # type: ignore[no-any-return]
        if self.does.get("nan"):
            return [Ranking(np.full(len(one), np.nan), np.full(len(one), np.nan)) for one in lists]
        if self.does.get("short"):
            return [Ranking(np.ones(1), np.ones(1)) for one in lists]
        return [Ranking(one[:, 0].astype(float), np.full(len(one), len(lists) / 100)) for one in lists]


class Talker:
    """Expects to take `expects_bytes`; `takes_s` for each text."""

    name, version, rows = "talker", "1", 1

    def __init__(self, folder: Path, adapter: Path | None) -> None:
        does = json.loads((folder / "does").read_text())
        self.growth_bytes, self.takes_s = does.get("expects_bytes", 0), does["takes_s"]
        self.says = folder / "says"
        self.asked: list[int] = []

    def begin(self, key: int, ask: Ask) -> None:
        self.asked.append(key)

    def step(self) -> dict[int, Said | InvalidAnswer]:
        time.sleep(self.takes_s)
        return {self.asked.pop(): Said(json.loads(self.says.read_text()), 1)}

    def stop(self, key: int) -> None:
        self.asked.remove(key)

    def reset(self) -> None:
        self.asked.clear()


if __name__ == "__main__":
    speaking.load = Talker
    sys.exit(main(sys.argv[1:], "none is needed", Stub))
