"""The product's own names for what it does."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

label: ContextVar[str | None] = ContextVar("duckdb_sidecar_route", default=None)


@contextmanager
def route(name: str) -> Iterator[None]:
    """Labels what runs inside with the product's own name for it, such as `GET /orders`; also a decorator.

    It follows `asyncio` tasks and `asyncio.to_thread`; other threads set their own.
    """
    token = label.set(name)
    try:
        yield
    finally:
        label.reset(token)
