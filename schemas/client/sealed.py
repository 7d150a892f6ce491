"""Texts that are sealed while they are kept (AES-256-GCM), each bound to the place that it is kept in."""

import base64
import hashlib
import secrets
from pathlib import Path

from ..errors import SettingsError
from ..sealing_key import key_of, text_of

NONCE_BYTES = 12
SETTING = "exemplar_key_file"


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
    return Seal(key_of(text_of(file, SETTING), f"{SETTING} {file}")) if file else None
