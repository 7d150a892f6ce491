"""The demo's child processes: each in a session of its own, told to stop in order, killed if it does not."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from schemas.errors import SidecarError

STOP_S = 15


class Process:
    """Writes its output to `log`. Standard input is a pipe that closes when the demo ends, however it ends."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self._child = subprocess.Popen(  # noqa: S603 - our own command
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,  # Ctrl-C is for the demo, which stops its children in order
            )

    def tell(self, **what: object) -> None:
        """A line of JSON to its standard input."""
        if self._child.stdin:
            self._child.stdin.write(json.dumps(what).encode() + b"\n")
            self._child.stdin.flush()

    def find(self, pattern: str) -> str:
        """The first text of its log that fits. Raises SidecarError where none does."""
        if (found := re.search(pattern, self.log.read_text(errors="replace"))) is None:
            raise SidecarError(f"{self.name} has not said {pattern}")
        return found[0]

    def said(self, text: str) -> bool:
        return text in self.log.read_text(errors="replace")

    def check(self) -> None:
        """Raises SidecarError with the end of its log when it is not running any more."""
        if (code := self._child.poll()) is not None:
            last = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
            raise SidecarError(f"{self.name} ended with exit code {code}; the end of its log:\n{last}")

    def stop(self) -> None:
        if self._child.stdin:
            self._child.stdin.close()
        if self._child.poll() is None:
            self._child.terminate()
        try:
            self._child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
