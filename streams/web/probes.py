"""Is the process alive, is it ready, what does it measure."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams import metrics


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


def probes(readiness: Readiness) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        ready = bool(readiness)
        return JSONResponse({"ready": ready, "parts": readiness.report}, 200 if ready else 503)

    @router.get("/metrics")
    async def measured() -> Response:
        return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return router
