"""The worker's child with a language model that is all its text wants: it says what it is told to say."""

import sys
from socket import socket

from inference.language.asks import Ask
from inference.worker import frames
from inference.worker.memory import resident_bytes
from inference.worker.requests import Said
from inference.worker.serving import Server

COMMAND = (sys.executable, "-P", "-m", "tests.echoing")


class Echo:
    name, version, rows, growth_bytes = "echo", "1", 16, 0

    def __init__(self) -> None:
        self.told: dict[int, str] = {}

    def begin(self, key: int, ask: Ask) -> None:
        self.told[key] = ask.text

    def step(self) -> dict[int, Said]:
        told, self.told = self.told, {}
        return {key: Said(text, 1) for key, text in told.items()}

    def stop(self, key: int) -> None:
        self.told.pop(key, None)

    def reset(self) -> None:
        self.told.clear()


if __name__ == "__main__":
    with socket(fileno=int(sys.argv[sys.argv.index("--channel") + 1])) as channel:
        hello = {"kind": "ready", "backend": "made up", "blas": "none is needed", "ranker": None}
        memory = {"resident_bytes": resident_bytes(), "growth_bytes": Echo.growth_bytes}
        channel.sendall(frames.pack(hello | memory | {"speaker": ["echo", "1"]}))
        Server(channel, None, Echo()).run()
