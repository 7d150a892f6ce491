"""`sidecar run` as a process of its own, told by its environment and watched by its log and over HTTP."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

RUN = "import sys; from streams import app, settings; app.run(settings.load(), sys.argv[1])"
PATIENCE_S = 60


class StreamsProcess:
    """Settings by their names, without the prefix of the variables."""

    def __init__(self, folder: Path, role: str = "streams", **settings: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / f"{time.monotonic_ns()}.log"
        given = {"http_port": 0, "log_format": "json", "data_folder": folder / "data", **settings}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SIDECAR_")}
        variables = {f"SIDECAR_{name.upper()}": str(value) for name, value in given.items()}
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", RUN, role], cwd=folder, env=kept | variables, stdout=output, stderr=output
            )
        self.pid = self._process.pid

    @property
    def output(self) -> str:
        return self._log.read_text()

    def lines(self) -> Iterator[dict[str, Any]]:
        for line in self.output.splitlines():
            if line.startswith("{"):
                yield json.loads(line)

    def waited(self, event: str) -> dict[str, Any]:
        """The log's first line of this event."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for line in self.lines():
                if line["event"] == event:
                    return line
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"{event!r} was never logged:\n{self.output[-8000:]}")

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.waited("listening")["http"] + path, timeout=PATIENCE_S)

    def metric(self, sample: str) -> float:
        """The value of a sample as Prometheus would name it, with its labels; 0 where there is none yet."""
        found = [line for line in self.get("/metrics").text.splitlines() if line.startswith(f"{sample} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    def ready(self) -> Self:
        self.waited("running")
        return self

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal and waits; returns the exit code."""
        self._process.send_signal(by)
        return self.ended()

    def ended(self) -> int:
        return self._process.wait(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        if error:
            print(self.output[-8000:])  # noqa: T201 - pytest shows it with the failure
