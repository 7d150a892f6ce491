"""Other models for a streams role that runs: asked for over a socket in its data folder, by whoever may write there.

What is swapped lasts until the process ends; the settings say what it starts with.
"""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.errors import InputError, SidecarError

SOCKET = "models.sock"
OURS = 0o600
LARGEST = 64 << 10
PATIENCE_S = 180.0
"""A large model takes its time to load, and the old one answers meanwhile."""

logger = structlog.get_logger(__name__)


class Wanted(BaseModel):
    """Folders; what is None stays as it is, but another model goes without the adapter of the one before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ranker: Path | None = None
    model: Path | None = None
    adapter: Path | None = None


Swap = Callable[[Wanted], Awaitable[None]]
"""Raises SidecarError; then the old ones go on."""


class Swapping:
    """`folder` is the data folder. To be started and stopped within one event loop."""

    def __init__(self, folder: Path, swap: Swap) -> None:
        self._path = folder / SOCKET
        self._swap = swap
        self._server: asyncio.Server | None = None
        self._asked: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Where no socket can be made there, the models are those of the settings, which is logged."""
        if await self._is_taken():
            logger.warning("models cannot be swapped here: another process with this data_folder is asked")
            return
        listener = socket.socket(socket.AF_UNIX)
        try:
            with suppress(FileNotFoundError):
                self._path.unlink()  # of a process that was killed
            listener.bind(str(self._path))
            os.chmod(self._path, OURS)  # before it listens
            self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=LARGEST)
        except OSError as error:
            listener.close()
            logger.warning("models cannot be swapped: choose a shorter data_folder", error=str(error))

    async def stop(self) -> None:
        """A swap that is under way is given up; the old models are there until the end."""
        if self._server:
            self._server.close()
            self._path.unlink(missing_ok=True)
        for task in self._asked:
            task.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)

    async def _is_taken(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(str(self._path))
        except OSError:
            return False
        writer.close()
        return True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)
        try:
            problem = await self._swapped(await reader.readline())
            writer.write(json.dumps({"problem": problem}).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError) as error:
            logger.warning("nobody hears what came of a swap", error=str(error))
        finally:
            writer.close()

    async def _swapped(self, line: bytes) -> str:
        """Why not; empty where it was."""
        try:
            wanted = Wanted.model_validate_json(line)
            await self._swap(wanted)
        except ValidationError as error:
            return f"not a swap: {error.error_count()} problems"
        except SidecarError as error:
            logger.warning("models were not swapped", reason=str(error))
            return str(error)
        except Exception as error:
            logger.exception("models were not swapped")
            return repr(error)
        logger.info("models were swapped", **wanted.model_dump(mode="json", exclude_none=True))
        return ""


async def ask(folder: Path, wanted: Wanted) -> None:
    """Until it is done. Raises InputError where no streams role runs with this data folder, or it refuses."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_unix_connection(str(folder / SOCKET))
            try:
                writer.write(wanted.model_dump_json().encode() + b"\n")
                answer = json.loads(await reader.readline())
            finally:
                writer.close()
    except TimeoutError:
        raise InputError(f"no answer within {PATIENCE_S:.0f} s: see the log of `sidecar run`") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"no streams role runs with the data folder {folder} ({type(error).__name__}): start `sidecar run`; what "
            "it starts with is named by SIDECAR_RANKER, SIDECAR_MODEL and SIDECAR_MODEL_ADAPTER"
        ) from None
    if answer["problem"]:
        raise InputError(f"not swapped, the models before go on: {answer['problem']}")
