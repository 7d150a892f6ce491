"""Detached signatures of the control process's own key: a JWS over bytes that travel beside it.

RFC 7515, appendix F; RFC 7797, `b64` false. Its `typ` says what it was made for, so that none that was made for
anything else is one. Nothing that a signature says of itself is followed.
"""

from collections.abc import Mapping
from typing import Any

import jwt

from .errors import SignatureError
from .tokens import Key


def sign(payload: bytes, made_for: str, key: Any, kid: str) -> str:
    """`key` is a private one of Ed25519."""
    headers = {"kid": kid, "typ": made_for, "b64": False, "crit": ["b64"]}
    return jwt.PyJWS().encode(payload, key, "EdDSA", headers, is_payload_detached=True)


def verify(payload: bytes, signature: str, made_for: str, keys: Mapping[str, Key]) -> None:
    """Raises SignatureError where none of these keys has signed it, or not these bytes, or not for this."""
    try:
        header = jwt.get_unverified_header(signature)
        key = keys.get(header.get("kid", ""))
        if key is None or (header.get("typ"), header.get("b64")) != (made_for, False):
            raise SignatureError("it is signed by no key that is trusted here")
        jwt.PyJWS().decode(signature, key.public, [key.algorithm], detached_payload=payload)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise SignatureError("its signature does not hold: it was forged, or changed on the way") from error
