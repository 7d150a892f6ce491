"""Servers of chat completions by others, each a process of its own with a tiny model: mlx-lm's and llama.cpp's."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, cast

import httpx

from schemas.errors import PartsMissing
from tests.sharing import Stop

LLAMA_CPP = ("xllamacpp==2026.10.11549", "gguf==0.19.0")
PROGRAM = Path(__file__).with_name("llama_cpp_server.py")
START_S = 60
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


class LocalServer:
    """`url` is what `SIDECAR_MODEL_URL` takes."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self.process = process
        self.url = url

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


def mlx_lm(model: Path, folder: Path) -> LocalServer:
    """It keeps to no schema. `model` is its folder, and the name by which it is asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(folder / "server.log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlx_lm", "server", "--model", str(model), "--port", str(port)],
            cwd=folder, env=os.environ | OFFLINE | {"HF_HOME": str(folder), "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True,
        )  # fmt: skip
    server = LocalServer(process, f"http://127.0.0.1:{port}/v1")
    deadline = time.monotonic() + START_S
    while not _answers(f"http://127.0.0.1:{port}/health"):
        if process.poll() is not None or time.monotonic() > deadline:
            server.stop()
            raise AssertionError(f"mlx-lm's server did not start: {(folder / 'server.log').read_text()}")
        time.sleep(0.1)
    return server


def llama_cpp(folder: Path) -> tuple[str, Stop]:
    """It keeps to the schema. Raises PartsMissing where there is no wheel for this machine, or no registry."""
    folder.mkdir(parents=True, exist_ok=True)
    uv, python = Path(sys.executable).with_name("uv"), folder / "environment" / "bin" / "python"
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, folder / "environment"],
        [uv, "pip", "install", "--quiet", "--only-binary", ":all:", "--python", python, *LLAMA_CPP],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise PartsMissing(f"llama.cpp's server cannot be had here: {made.stderr.strip()}")
    process = subprocess.Popen(
        [python, PROGRAM, folder],
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    address = cast(IO[str], process.stdout).readline().strip()
    server = LocalServer(process, f"{address}/v1")
    if not address:
        server.stop()
        raise AssertionError("llama.cpp's server did not start")
    return server.url, server.stop


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
