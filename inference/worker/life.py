"""One child from its start to its end. That it ended, hangs or grows is found here; what follows is the client's."""

import asyncio
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from schemas.errors import InputError, ModelError, WorkerLost
from schemas.measure.supervise import environment

from . import frames
from .blas import SLOW

COMMAND = (sys.executable, "-P", "-m", "inference.worker")
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OPENBLAS_NUM_THREADS": "1"}
TICK_S = 0.1
STOP_S = 3.0
SAID = "said"
SAID_BYTES = 4_000

Why = Literal["ended", "hung", "grew"]

logger = logging.getLogger("sidecar.worker")


@dataclass(frozen=True, slots=True)
class Models:
    """Folders; what is None is answered by the rules. `adapter` is of `model`, the language model."""

    ranker: Path | None = None
    model: Path | None = None
    adapter: Path | None = None

    def instead(self, ranker: Path | None, model: Path | None, adapter: Path | None) -> "Models":
        """What is None stays, but another model goes without the adapter of the one before.

        Raises InputError for an adapter of no model.
        """
        kept = None if model else self.adapter
        models = Models(ranker or self.ranker, model or self.model, adapter or kept)
        if models.adapter and models.model is None:
            raise InputError(f"the adapter {models.adapter} is laid over a model: name the folder of that too")
        return models

    def arguments(self) -> list[str]:
        named = {"--ranker": self.ranker, "--model": self.model, "--adapter": self.adapter}
        return [part for name, path in named.items() if path for part in (name, str(path.resolve()))]


@dataclass(frozen=True, slots=True)
class Limits:
    waiting: int = 2_000
    """Requests of a kind beyond those that are with the worker."""
    cache_bytes: int = 32 << 20
    growth_bytes: int = 512 << 20
    """Resident memory beyond what the worker has once its models are loaded, and what it says that they will take."""
    silence_s: float = 60.0
    """Without a sign of its main thread; the slowest single step of a model has to be shorter."""
    start_s: float = 120.0
    """To load the models."""


class Owner(Protocol):
    def heard(self, life: "Life", header: frames.Header, body: bytes) -> None: ...
    def ended(self, life: "Life", why: Why, told: str) -> None:
        """Also of a life that was closed."""


class Life:
    def __init__(self, models: Models, limits: Limits, command: Sequence[str], owner: Owner) -> None:
        self.models = models
        self.hello: frames.Header = {}
        self.pid = 0
        self.resident_bytes = 0
        self._limits = limits
        self._command = command
        self._owner = owner
        self._silent_s = 0.0
        self._why: tuple[Why, str] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="sidecar-worker-"))  # MLX shares what it compiles in TMPDIR
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises ModelError for models that do not load, and WorkerLost where the process does not come up."""
        ours, theirs = socket.socketpair()
        try:
            with theirs, open(self._folder / SAID, "wb") as said:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    *("--channel", str(theirs.fileno()), *self.models.arguments()),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=said,
                    pass_fds=[theirs.fileno()],
                    env=environment(self._folder) | OFFLINE | {"TMPDIR": str(self._folder)},
                    cwd=self._folder,
                    start_new_session=True,
                )
            self.pid = self._process.pid
            self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)
            async with asyncio.timeout(self._limits.start_s):
                self.hello, _ = await frames.read(self._reader)
        except (OSError, EOFError, TimeoutError) as error:
            ours.close()
            raise WorkerLost(f"the worker did not start: {self._last_words() or repr(error)}") from None
        finally:
            if not self.hello or self.hello["kind"] != "ready":
                await self._bury()
        if self.hello["kind"] != "ready":
            raise ModelError(self.hello["message"])
        self._grown(self.hello["resident_bytes"])
        if self.hello["blas"] is None:
            logger.warning("%s", SLOW)
        self._task = asyncio.create_task(self._live())

    def send(self, frame: bytes) -> None:
        """Lost where it has ended, which its owner is told."""
        if not self._writer.is_closing():
            self._writer.write(frame)

    async def close(self) -> None:
        """It ends by itself once the channel is closed, or is ended after `STOP_S`."""
        if self._task:  # else it is not up yet, and whoever starts it buries it
            self._writer.close()
            await self._task

    async def _live(self) -> None:
        watch = asyncio.create_task(self._watch())
        try:
            while True:
                header, body = await frames.read(self._reader)
                self._silent_s = 0.0
                if header["kind"] == "beat":
                    self._grown(header["resident_bytes"])
                else:
                    self._owner.heard(self, header, body)
        except (EOFError, OSError):
            pass
        finally:
            watch.cancel()
            told = await self._bury()
            self._owner.ended(self, *(self._why or ("ended", told)))

    async def _watch(self) -> None:
        """Counts its silence by ticks of this loop: while the loop itself stood still nothing could be heard."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            self._silent_s += min(now - before, 2 * TICK_S)
            before = now
            if self._silent_s > self._limits.silence_s:
                self._end("hung", f"it gave no sign for {self._limits.silence_s:g} s")

    def _grown(self, resident_bytes: int) -> None:
        first, self.resident_bytes = self.resident_bytes, resident_bytes
        if not first:
            self._most = resident_bytes + self._limits.growth_bytes + int(self.hello["growth_bytes"])
        elif resident_bytes > self._most:
            self._end("grew", f"it grew to {resident_bytes >> 20:,} MiB of at most {self._most >> 20:,}")

    def _end(self, why: Why, told: str) -> None:
        self._why = self._why or (why, told)
        self._kill()

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def _bury(self) -> str:
        """How it ended; nothing is left of it."""
        if self.pid:
            if hasattr(self, "_writer"):
                self._writer.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_S)
            self._kill()
            code = await self._process.wait()
            told = f"it was ended by signal {-code}" if code < 0 else f"it ended with code {code}"
        else:
            told = "it did not start"
        if words := self._last_words():
            logger.debug("the worker %d said: %s", self.pid, words)
        shutil.rmtree(self._folder, ignore_errors=True)
        return told

    def _last_words(self) -> str:
        try:
            return (self._folder / SAID).read_bytes()[-SAID_BYTES:].decode(errors="replace").strip()
        except OSError:
            return ""
