"""A backup: one file sealed with AES-256-GCM in chunks, so that what is cut off, changed or moved is found.

MAGIC, the header's length (4 bytes, big endian), the header (JSON), then the chunks: CHUNK bytes of the file each, the
last as many or fewer, each with its tag. The file has a key of its own, derived from the given one and the header's
salt, so that a chunk's number can be its nonce. The associated data of a chunk are the sha256 of all before the first
one, its number, and whether it is the last.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event as Signal
from typing import IO, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from duckdb import DuckDBPyConnection
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import BackupError
from schemas.records import Position
from schemas.sealing_key import KEY_BYTES

from . import inputs, journal

MAGIC = b"duckdb-sidecar backup\n"
PURPOSE = b"duckdb-sidecar/backup/1"
LARGEST_HEADER = 1 << 20
CHUNK = 1 << 20
TAG = 16
PART = ".part"
"""At the end of the name of one that is being made."""


class Standing(BaseModel):
    """Where a knowledge file stands: its Kafka, the journal's last entry, and the offsets that it reads on from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster_id: str
    journal_id: str
    """The id of the journal's topic, empty where nothing was journaled yet."""
    sequence: int
    hash: str
    offsets: list[Position]


class Header(BaseModel):
    """`bytes` are the file's before it was sealed. `check` shows whether a key is the one that it was sealed with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    time: datetime
    standing: Standing
    bytes: int = Field(ge=0)
    salt: str = Field(pattern="^[0-9a-f]{64}$")
    check: str = Field(pattern="^[0-9a-f]{32}$")


@dataclass(frozen=True, slots=True)
class Backup:
    path: Path
    header: Header


def standing(tx: DuckDBPyConnection) -> Standing:
    head, cluster = journal.head(tx), tx.execute("SELECT cluster_id FROM kafka").fetchone()
    return Standing(
        cluster_id=cluster[0] if cluster else "",
        journal_id=journal.topic_id(tx) or "",
        sequence=head.sequence,
        hash=head.hash,
        offsets=inputs.settled(tx),
    )


def seal(source: Path, target: Path, key: bytes, stands: Standing, at: datetime, stop: Signal) -> Backup:
    """Makes `target` whole, or nothing. `key` has KEY_BYTES.

    Raises BackupError where there is one already and when told to stop, OSError.
    """
    salt, part = secrets.token_bytes(32), target.with_name(f".{target.name}{PART}")
    own, check = _derived(key, salt)
    try:
        with source.open("rb") as plain, open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as into:
            size = os.fstat(plain.fileno()).st_size
            header = Header(time=at, standing=stands, bytes=size, salt=salt.hex(), check=check)
            told = header.model_dump_json().encode()
            head = MAGIC + len(told).to_bytes(4, "big") + told
            into.write(head)
            count = _chunks(size)
            for number in range(count):
                if stop.is_set():
                    raise BackupError("told to stop before the backup was made")
                into.write(own.encrypt(_nonce(number), plain.read(CHUNK), _bound(head, number, number == count - 1)))
            into.flush()
            os.fsync(into.fileno())
        if target.exists():
            raise BackupError(f"there is {target} already")
        part.rename(target)
        folder = os.open(target.parent, os.O_RDONLY)
        os.fsync(folder)  # its name too: older ones are taken away next
        os.close(folder)
    finally:
        with suppress(OSError):
            part.unlink()
    return Backup(target, header)


def opened(path: Path) -> Backup:
    """Its header as it is there: only `unsealed` shows that nobody has changed it. Raises BackupError."""
    with _readable(path) as file:
        return Backup(path, _header(file, path)[0])


def unsealed(path: Path, key: bytes) -> Iterator[bytes]:
    """The file that was sealed, chunk by chunk, each verified before it is passed on; whole once all have come.

    Raises BackupError for another key, and with the place where the file is not what was written.
    """
    with _readable(path) as file:
        header, head = _header(file, path)
        own, check = _derived(key, bytes.fromhex(header.salt))
        if not secrets.compare_digest(check, header.check):
            raise BackupError(f"{path} was sealed with another key, or its header was changed")
        count = _chunks(header.bytes)
        there, whole = os.fstat(file.fileno()).st_size, len(head) + header.bytes + TAG * count
        if there < whole:
            raise BackupError(f"{path} was cut off: {there:,} of {whole:,} bytes are there")
        if there > whole:
            raise BackupError(f"{path} was changed: {there - whole:,} bytes were put behind its end")
        for number in range(count):
            try:
                yield own.decrypt(_nonce(number), file.read(CHUNK + TAG), _bound(head, number, number == count - 1))
            except InvalidTag as error:
                raise BackupError(
                    f"{path} was changed: chunk {number + 1} of {count}, or the header, is not what was sealed there"
                ) from error


def _readable(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise BackupError(f"the backup {path} cannot be read: {error.strerror}") from error


def _header(file: IO[bytes], path: Path) -> tuple[Header, bytes]:
    """And all the bytes before the first chunk."""
    begin = file.read(len(MAGIC) + 4)
    length = int.from_bytes(begin[len(MAGIC) :], "big")
    if not begin.startswith(MAGIC) or length > LARGEST_HEADER:
        raise BackupError(f"{path} is no backup of a knowledge file")
    told = file.read(length)
    try:
        return Header.model_validate_json(told), begin + told
    except ValidationError as error:
        raise BackupError(f"the header of {path} was cut off or changed, or is of a newer release") from error


def _chunks(size: int) -> int:
    """A file without bytes has one, too."""
    return max(1, -(-size // CHUNK))


def _derived(key: bytes, salt: bytes) -> tuple[AESGCM, str]:
    made = HKDF(SHA256(), KEY_BYTES + 16, salt, PURPOSE).derive(key)
    return AESGCM(made[:KEY_BYTES]), made[KEY_BYTES:].hex()


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _bound(head: bytes, number: int, last: bool) -> bytes:
    return hashlib.sha256(head).digest() + number.to_bytes(8, "big") + bytes([last])
