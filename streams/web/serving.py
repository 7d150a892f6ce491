"""The HTTP server: bound before anything else is started, with what it answers."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from schemas.errors import SettingsError

from . import api, problems
from .callers import Callers
from .guard import Guard
from .idempotency import Remembered
from .probes import Readiness, probes
from .source import Source

STOP_S = 2


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files."""

    certificate: Path
    key: Path


def routes(
    readiness: Readiness, source: Source | None = None, callers: Callers | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:  # fmt: skip
    """The probes, and the API where there is a source for it, for these callers."""
    openapi = f"{api.PREFIX}/openapi.json"
    app = FastAPI(
        title="duckdb-sidecar", version="1", openapi_url=openapi if source else None, docs_url=None, redoc_url=None
    )
    app.include_router(probes(readiness))
    problems.handle(app)
    if source and callers:
        app.state.source, app.state.remembered = source, Remembered()
        app.include_router(api.router)
        app.add_middleware(Guard, prefix=api.PREFIX, but=openapi, callers=callers, clock=clock)
    return app


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the main path's; uvicorn would take them and raise them again at its end."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """Raises SettingsError where the address is taken or not ours. Done before anything else is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen()  # who asks before the server accepts waits, and is not refused
    except OSError as error:
        bound.close()
        raise SettingsError(
            f"http_host {host} and http_port {port} cannot be used: {error.strerror}; choose others, or port 0"
        ) from error
    return bound


@contextlib.asynccontextmanager
async def serving(app: FastAPI, bound: socket.socket, tls: Tls | None = None) -> AsyncIterator[None]:
    """Answers while the block runs. Raises SettingsError for a certificate that cannot be used."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=STOP_S,
        ssl_certfile=tls.certificate if tls else None, ssl_keyfile=tls.key if tls else None,
    )  # fmt: skip
    try:
        config.load()
    except OSError as error:
        raise SettingsError(f"http_certificate_file and http_key_file cannot be used: {error}") from error
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
