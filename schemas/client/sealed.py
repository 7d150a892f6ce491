"""Texts that are sealed while they are kept (AES-256-GCM), each bound to the place that it is kept in."""

import base64
import binascii
import hashlib
import secrets
from pathlib import Path

from ..errors import SettingsError

KEY_BYTES = 32
NONCE_BYTES = 12


class Seal:
    """`key_id` tells keys apart and says nothing of them."""

    def __init__(self, key: bytes) -> None:
        """Raises SettingsError where the package for it is missing."""
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # comes with the extra `operate` alone
        except ModuleNotFoundError as missing:
            raise SettingsError(
                f"{missing.name} is missing: pip install 'duckdb-sidecar-client[operate]', or set no exemplar_key_file"
            ) from None
        self._cipher = AESGCM(key)
        self.key_id = hashlib.sha256(b"duckdb-sidecar exemplars\0" + key).hexdigest()[:16]

    def close(self, text: str, place: str) -> str:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), place.encode())).decode()

    def open(self, sealed: str, place: str) -> str | None:
        """None for what was not sealed with this key for this place, or was changed."""
        from cryptography.exceptions import InvalidTag

        try:
            kept = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(kept[:NONCE_BYTES], kept[NONCE_BYTES:], place.encode()).decode()
        except (InvalidTag, ValueError):
            return None


def seal_of(file: Path | None) -> Seal | None:
    """By the key in the file, base64 of 32 bytes; None without one. Raises SettingsError, which never holds the key."""
    if file is None:
        return None
    try:
        if file.stat().st_mode & 0o077:
            raise SettingsError(f"others can read exemplar_key_file {file}: chmod 600 it, or make a new key")
        key = base64.b64decode(file.read_bytes().strip(), validate=True)
    except OSError as error:
        raise SettingsError(f"exemplar_key_file {file} cannot be read: {error.strerror}") from error
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsError(
            f"exemplar_key_file {file} holds no base64 of {KEY_BYTES} bytes: make one with `openssl rand -base64 32`"
        )
    return Seal(key)
