"""Idempotency keys: what is asked for twice under one key is done once."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from starlette.exceptions import HTTPException

KEPT = 1000
"""Keys that are remembered, the newest."""


class Remembered:
    """What was sent under which idempotency key, for as long as the process runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: OrderedDict[tuple[str, str], tuple[str, str]] = OrderedDict()

    def once(self, caller: str, key: str | None, body: str, send: Callable[[], str]) -> str:
        """What `send` gives, which is called once for a key. One after the other, so that none comes between."""
        if key is None:
            return send()
        with self._lock:
            before, sent = self._sent.get((caller, key), (body, ""))
            if before != body:
                raise HTTPException(422, "this Idempotency-Key came with another body before: make a new one")
            if not sent:
                self._sent[caller, key] = body, sent = body, send()
                while len(self._sent) > KEPT:
                    self._sent.popitem(last=False)
            return sent
