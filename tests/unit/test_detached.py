from pathlib import Path

import jwt
import pytest

from schemas import detached
from schemas.errors import SignatureError
from schemas.tokens import keys_of
from streams.access.ordering import order_key
from streams.access.signing import create

PURPOSE = "duckdb-sidecar/tests"


def test_a_signature_holds_for_its_bytes_its_purpose_and_its_key_alone(tmp_path: Path) -> None:
    keys = keys_of({"keys": [create(tmp_path / "k.json", "sidecar", "c").public]}, bound=False)
    key = order_key(tmp_path / "k.json")
    signature = detached.sign(b"payload", PURPOSE, key.private, key.kid)
    detached.verify(b"payload", signature, PURPOSE, keys)
    attached = jwt.PyJWS().encode(b"payload", key.private, "EdDSA", {"kid": key.kid, "typ": PURPOSE})
    for payload, given, made_for, trusted, problem in (
        (b"payloads", signature, PURPOSE, keys, "its signature does not hold"),
        (b"payload", signature, "duckdb-sidecar/others", keys, "signed by no key that is trusted here"),
        (b"payload", signature, PURPOSE, {}, "signed by no key that is trusted here"),
        (b"payload", attached, PURPOSE, keys, "signed by no key that is trusted here"),
        (b"payload", signature[:-8], PURPOSE, keys, "its signature does not hold"),
        (b"payload", "", PURPOSE, keys, "its signature does not hold"),
    ):
        with pytest.raises(SignatureError, match=problem):
            detached.verify(payload, given, made_for, trusted)
