"""What could not be read, kept as it came."""

from .base import Position, Record


class DeadLetter(Record):
    """`payload`, `key` and `headers` are the original bytes; they may hold data."""

    source: Position
    agent: str
    error: str
    message: str
    payload: bytes
    key: bytes | None
    headers: dict[str, bytes]
