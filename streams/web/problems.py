"""Every error as problem+json (RFC 9457): what is wrong, and what to do about it."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from schemas.errors import BrokerError, SidecarError, StoreError

MEDIA_TYPE = "application/problem+json"
AGAIN = {"Retry-After": "1"}


class Problem(BaseModel):
    """`type` is always about:blank, so that `title` is what HTTP calls the status."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    shown = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return Response(shown.model_dump_json(), status, headers, MEDIA_TYPE)


def handle(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def told(request: Request, error: HTTPException) -> Response:
        unknown = error.status_code == 404 and error.detail == HTTPStatus.NOT_FOUND.phrase
        nothing = f"nothing is served at {request.url.path} here: the API is where `sidecar run` has the control role"
        return problem(error.status_code, nothing if unknown else str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def not_valid(_: Request, error: RequestValidationError) -> Response:
        wrong = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return problem(422, "; ".join(wrong))

    @app.exception_handler(SidecarError)
    async def refused(_: Request, error: SidecarError) -> Response:
        passing = isinstance(error, BrokerError | StoreError)
        return problem(503, str(error), AGAIN) if passing else problem(400, str(error))

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> Response:  # noqa: ARG001 - uvicorn logs it
        return problem(500, "that is a fault of the sidecar: its log says more")
