"""How the API answers: whole, with an ETag, a page at a time, or with where what was taken will be shown."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel, TypeAdapter
from starlette.exceptions import HTTPException

from store.pages import Listing, Place

from .resources import Page
from .source import Source

PLACE = TypeAdapter(list[int | str])


def page(
    request: Request, source: Source, listing: Listing, values: list[object], cursor: str | None, limit: int,
    shown: Callable[[dict[str, Any]], BaseModel],
) -> Response:  # fmt: skip
    """Of what is listed for these values; `shown` makes an item of a row."""
    with source.reading() as tx:
        try:
            found = listing.page(tx, values, _place(cursor), limit)
        except ValueError as error:
            raise HTTPException(400, "the cursor is none of this list: begin without one") from error
    items = [shown(row) for row in found.rows]
    return answer(request, Page[Any](items=items, next=None if found.after is None else _cursor(found.after)))


def answer(request: Request, shown: BaseModel) -> Response:
    return tagged(request, shown.model_dump_json().encode())


def tagged(request: Request, body: bytes) -> Response:
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in request.headers.get("If-None-Match", ""):
        return Response(None, 304, headers)
    return Response(body, 200, headers, "application/json")


def accepted(shown: BaseModel, where: str) -> Response:
    return Response(shown.model_dump_json(), 202, {"Location": where}, "application/json")


def _place(cursor: str | None) -> Place | None:
    """Raises ValueError."""
    return None if cursor is None else PLACE.validate_json(base64.urlsafe_b64decode(cursor), strict=True)


def _cursor(place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(place)).encode()).decode()
