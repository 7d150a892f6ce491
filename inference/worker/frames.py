"""What goes between a process and its worker: a header in JSON and bytes, each with its length before it."""

import asyncio
import json
import socket
import struct
from typing import Any

from schemas.errors import JudgementError

LARGEST = 1 << 20
"""Bytes of a frame: 2,000 candidates with 100 features, or a prompt far longer than a small model reads."""
LENGTHS = struct.Struct("!II")

Header = dict[str, Any]


def pack(header: Header, body: bytes = b"") -> bytes:
    """Raises JudgementError for what is larger than `LARGEST`."""
    text = json.dumps(header, separators=(",", ":")).encode()
    if (size := LENGTHS.size + len(text) + len(body)) > LARGEST:
        raise JudgementError(f"a request of {size:,} bytes is larger than a model is asked ({LARGEST:,}): shorten it")
    return LENGTHS.pack(len(text), len(body)) + text + body


async def read(stream: asyncio.StreamReader) -> tuple[Header, bytes]:
    """Raises EOFError at the end."""
    text, body = LENGTHS.unpack(await stream.readexactly(LENGTHS.size))
    return json.loads(await stream.readexactly(text)), await stream.readexactly(body)


def receive(channel: socket.socket) -> tuple[Header, bytes]:
    """Blocks. Raises EOFError at the end."""
    text, body = LENGTHS.unpack(_exactly(channel, LENGTHS.size))
    return json.loads(_exactly(channel, text)), _exactly(channel, body)


def _exactly(channel: socket.socket, count: int) -> bytes:
    got = bytearray()
    while len(got) < count:
        part = channel.recv(count - len(got))
        if not part:
            raise EOFError
        got += part
    return bytes(got)
