"""Answers that were given before, by what answered and what was asked. Bounded by bytes; the least used goes first."""

from collections import OrderedDict
from dataclasses import astuple
from hashlib import sha256
from typing import Generic, TypeVar

from .answered_by import AnsweredBy

T = TypeVar("T")
OVERHEAD = 400
"""Bytes that an entry takes beside its value, about."""


class Responses(Generic[T]):
    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._entries: OrderedDict[bytes, tuple[T, int]] = OrderedDict()
        self.bytes = 0

    def get(self, key: bytes) -> T | None:
        if (found := self._entries.get(key)) is None:
            return None
        self._entries.move_to_end(key)
        return found[0]

    def put(self, key: bytes, value: T, size: int) -> None:
        """`size` in bytes; what is larger than all may be is not kept."""
        if key in self._entries:
            self.bytes -= self._entries.pop(key)[1]
        self._entries[key] = (value, size + OVERHEAD)
        self.bytes += size + OVERHEAD
        while self.bytes > self._limit:
            _, (_, gone) = self._entries.popitem(last=False)
            self.bytes -= gone


def key_of(by: AnsweredBy, asked: bytes) -> bytes:
    """`asked` in its canonical form. The batch that it stood in can turn a near tie, so the backend is part of it."""
    digest = sha256()
    for part in (*(str(value).encode() for value in astuple(by)), asked):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
