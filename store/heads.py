"""The journal's head as it is signed, and kept elsewhere: it vouches for every entry up to its own.

The signature is no part of what is hashed, so an entry carries its own; whoever holds a head can tell later whether
the journal still holds all that came before it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from schemas import detached
from schemas.canonical import canonical
from schemas.records import JournalEntry
from schemas.tokens import Key

SIGNED_AS = "duckdb-sidecar/journal"


class SignedHead(BaseModel):
    """All as the entry has it: `epoch` is -1 where the entry opens one, `signature` empty where nobody has signed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sequence: int
    hash: str
    epoch: int
    time: datetime
    signature: str = ""

    def verify(self, keys: Mapping[str, Key]) -> None:
        """Raises SignatureError where none of the keys has signed it."""
        detached.verify(_signed_bytes(self), self.signature, SIGNED_AS, keys)


def head_of(entry: JournalEntry) -> SignedHead:
    """Of a sealed entry."""
    return SignedHead(**{name: getattr(entry, name) for name in SignedHead.model_fields})


def signed(entry: JournalEntry, key: Any, kid: str) -> JournalEntry:
    """A sealed entry with its signature; `key` is a private one of Ed25519."""
    return entry.model_copy(update={"signature": detached.sign(_signed_bytes(head_of(entry)), SIGNED_AS, key, kid)})


def _signed_bytes(head: SignedHead) -> bytes:
    return canonical(head.model_copy(update={"signature": ""}))
