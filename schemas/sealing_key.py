"""The keys that data at rest is sealed with: base64 of 32 bytes, in a file that nobody else can read or in a text."""

import base64
import binascii
from pathlib import Path

from .errors import SettingsError

KEY_BYTES = 32
MAKE_ONE = "make one with `openssl rand -base64 32`"


def key_of(text: str, where: str) -> bytes:
    """Raises SettingsError, which never holds the key; `where` is how it names what held the text."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsError(f"{where} holds no base64 of {KEY_BYTES} bytes: {MAKE_ONE}")
    return key


def text_of(file: Path, setting: str) -> str:
    """What the file holds that the setting names. Raises SettingsError."""
    try:
        if file.stat().st_mode & 0o077:
            raise SettingsError(f"others can read {setting} {file}: chmod 600 it, or make a new key")
        return file.read_text(errors="replace")
    except OSError as error:
        raise SettingsError(f"{setting} {file} cannot be read: {error.strerror}") from error
