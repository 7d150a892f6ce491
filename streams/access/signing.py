"""A person's or service's own key, and what it signs."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from schemas.approvals import AUDIENCE, Claims
from schemas.errors import SettingsError

from . import secret_files

LIFE = timedelta(minutes=10)
"""Of what is signed: it has to reach Kafka within it, not to be decided on."""
MEMBERS = ("kty", "crv", "d", "x", "kid", "alg", "iss", "sub")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private JWK of Ed25519 that says whose it is (`sub`) and by whom the policy knows it (`iss`)."""

    values: dict[str, Any]

    @property
    def public(self) -> dict[str, Any]:
        """What belongs into the issuer's JWK set."""
        return {name: self.values[name] for name in ("kty", "crv", "x", "kid", "alg", "sub")}

    def sign(self, claims: Claims, now: datetime) -> str:
        """A token for one event; another one for the next."""
        values = {
            "iss": self.values["iss"],
            "sub": self.values["sub"],
            "aud": AUDIENCE,
            "jti": str(uuid4()),
            "iat": now,
            "exp": now + LIFE,
            "approval": claims.model_dump(mode="json"),
        }
        return jwt.encode(values, jwt.PyJWK.from_dict(self.values).key, "EdDSA", {"kid": self.values["kid"]})


def create(file: Path, issuer: str, subject: str) -> SigningKey:
    """A new key in a file that its owner alone can read. Raises SettingsError where there is one already."""
    made = json.loads(OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate()))
    values = {name: made[name] for name in ("kty", "crv", "d", "x")}
    key = SigningKey(values | {"kid": str(uuid4()), "alg": "EdDSA", "iss": issuer, "sub": subject})
    try:
        secret_files.write(file, json.dumps(key.values))
    except FileExistsError as error:
        raise SettingsError(f"there is a key in {file} already: name another file, or move that one away") from error
    return key


def load(file: Path) -> SigningKey:
    """Raises SettingsError for a file that is none, or that others can read."""
    try:
        values = json.loads(secret_files.read(file))
        if not isinstance(values, dict) or set(values) != set(MEMBERS) or values["alg"] != "EdDSA":
            raise SettingsError(f"{file} holds no key of ours: make one with `sidecar keys create`")
        jwt.PyJWK.from_dict(values)
    except FileNotFoundError as error:
        raise SettingsError(f"there is no key in {file}: make one with `sidecar keys create`") from error
    except (ValueError, jwt.PyJWTError) as error:
        raise SettingsError(f"the key in {file} cannot be read: make one with `sidecar keys create`") from error
    return SigningKey(values)
