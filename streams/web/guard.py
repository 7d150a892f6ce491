"""What stands before the API: nobody is let in unknown, and nothing is read that is too large."""

from collections.abc import Callable
from datetime import datetime

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.errors import KeysAwaited, TokenError

from .callers import Callers
from .problems import AGAIN, problem

LARGEST_BODY = 64 * 1024


class Guard:
    """Of the paths that begin with `prefix`, `but` one."""

    def __init__(self, app: ASGIApp, prefix: str, but: str, callers: Callers, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._prefix = f"{prefix}/"
        self._but = but
        self._callers = callers
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix) or scope["path"] == self._but:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            request.state.caller = self._callers.caller(request.headers.get("Authorization", ""), self._clock())
        except KeysAwaited as error:
            refused = problem(503, str(error), AGAIN)
        except TokenError as error:
            refused = problem(401, str(error), {"WWW-Authenticate": "Bearer"})
        else:
            if (body := await _read(receive)) is not None:
                await self._app(scope, _again(body, receive), send)
                return
            refused = problem(413, f"a body has at most {LARGEST_BODY} bytes here")
        await refused(scope, receive, send)


async def _read(receive: Receive) -> bytes | None:
    """The body, None where it is too large."""
    body, more = b"", True
    while more and len(body) <= LARGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body if len(body) <= LARGEST_BODY else None


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def first_the_body() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return first_the_body
