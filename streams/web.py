"""HTTP: is the process alive, is it ready, what does it measure."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from schemas.errors import SettingsError
from streams import metrics

STOP_S = 2


class Readiness:
    """What is ready, and of the rest why it is not. All parts are named from the beginning."""

    def __init__(self, *parts: str) -> None:
        self._waits: dict[str, str] = {}
        for part in parts:
            self.waits(part, "starting")

    def waits(self, part: str, reason: str) -> None:
        self._waits[part] = reason
        metrics.READY.labels(part).set(0)

    def ready(self, part: str) -> None:
        self._waits[part] = ""
        metrics.READY.labels(part).set(1)

    @property
    def report(self) -> dict[str, str]:
        """For each part "ready" or the reason."""
        return {part: reason or "ready" for part, reason in self._waits.items()}

    def __bool__(self) -> bool:
        return not any(self._waits.values())


def routes(readiness: Readiness) -> FastAPI:
    app = FastAPI(title="duckdb-sidecar", openapi_url=None)

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        ready = bool(readiness)
        return JSONResponse({"ready": ready, "parts": readiness.report}, 200 if ready else 503)

    @app.get("/metrics")
    async def measured() -> Response:
        return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)

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
async def serving(app: FastAPI, bound: socket.socket) -> AsyncIterator[None]:
    """Answers while the block runs."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=STOP_S)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
