"""A role of the sidecar as a process that can be killed and started again."""

import os
import random
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil

GROUP = "recovery."
PATIENCE_S = 180
SIDECAR = "import sys; from streams import app, settings; app.run(settings.load(), sys.argv[1])"


class Role:
    """A role of the sidecar in a process of its own, watched by its metrics."""

    def __init__(self, name: str, progress: str, servers: str, folder: Path, **more: str) -> None:
        """`progress` is the metric that grows as the role gets on; `more` are settings, by their names in capitals."""
        self.name = name
        self._progress = progress
        self._port = free_port()
        self._folder = folder
        settings = {
            "BOOTSTRAP_SERVERS": servers,
            "GROUP_PREFIX": GROUP,
            "DATA_FOLDER": str(folder / name),
            "HTTP_PORT": str(self._port),
            "LOG_LEVEL": "warning",
            "ANALYSIS_MIN_RUNS": "1",
            "ANALYSIS_MIN_INTERVAL_S": "5",
            **more,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SIDECAR_")}
        self._environment = kept | {f"SIDECAR_{name}": value for name, value in settings.items()}
        self._log = folder / f"{name}.log"
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SIDECAR, self.name],
                cwd=self._folder,
                env=self._environment,
                stdout=output,
                stderr=output,
            )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def kill_worker(self, chance: random.Random) -> None:
        """Of those in which its steps run; there may be none yet."""
        if workers := psutil.Process(self._process.pid).children():
            with suppress(psutil.NoSuchProcess):
                chance.choice(sorted(workers, key=lambda worker: worker.pid)).kill()

    def stop(self) -> None:
        self._process.terminate()
        if code := self._process.wait(PATIENCE_S):
            raise self.stuck(f"ended with {code}")

    def progress(self) -> float:
        return self.metric(self._progress)

    def metric(self, name: str) -> float:
        """0 while it does not answer."""
        self.check()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=2) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0.0
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def check(self) -> None:
        if (code := self._process.poll()) is not None:
            raise self.stuck(f"ended by itself with {code}")

    def stuck(self, what: str) -> SystemExit:
        return SystemExit(f"{self.name} {what}; the end of its log:\n{self._log.read_text()[-4000:]}")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
