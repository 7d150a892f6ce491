"""Approvals: a signature over a plan, made for one decision. Who holds one holds nothing.

The token (`tokens`) carries under `approval` what is decided. An identity provider signs no claims of ours, so its ID
token carries their sha256 as `nonce` (OpenID Connect Core 1.0, 2), and they come beside it. All is judged at the time
of the broker, not at this machine's.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from .canonical import canonical
from .errors import TokenError
from .records import Approval
from .records.base import Part
from .tokens import LARGEST, LONGEST_TEXT, Identity, Keyring, text_of, unverified

AUDIENCE = "duckdb-sidecar/approvals"

Decided = Literal["approve", "reject", "defer", "comment"]
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Number = Annotated[int, Field(ge=0, lt=2**31)]


class Claims(Part):
    """What is decided. `steps` is how many of the plan's first steps; `plan_hash` covers them all (`schemas.plan`).

    `reason` is for people: why it is decided so. `score` says how good the suggestion is, 5 the best. A comment decides
    nothing, and says at least one of them.
    """

    product: Text
    database: Text
    suggestion_id: Text
    revision: Number
    plan_hash: Text
    decision: Decided
    steps: Number
    reason: str = Field("", max_length=2000)
    score: int | None = Field(None, ge=1, le=5)


@dataclass(frozen=True, slots=True)
class Verified:
    """`token_id` is the token's `jti`, or its sha256 where an identity provider gave none."""

    identity: Identity
    claims: Claims
    token_id: str
    expires: datetime


def verify(keyring: Keyring, approval: Approval, at: datetime) -> Verified:
    """`at` is the broker's time of the record. Raises TokenError with what is wrong with it."""
    if len(approval.claims or b"") > LARGEST:
        raise TokenError(f"its claims are larger than {LARGEST} bytes")
    signed = keyring.signed(approval.token, at, "Kafka's clock")
    read = _beside if signed.issuer.id_tokens else _inside
    claims = read(signed.values, approval.claims)
    token_id = text_of(signed.values, "jti") if "jti" in signed.values else _digest(signed.values)
    return Verified(signed.identity, claims, token_id, signed.expires)


def claimed(approval: Approval) -> Claims:
    """What it says that it decides, which nobody has verified: good for finding its way, and for nothing else.

    Raises TokenError.
    """
    if approval.claims is not None:
        return _claims(lambda: Claims.model_validate_json(approval.claims or b"", strict=True))
    return _inside(unverified(approval.token), None)


def nonce_of(claims: Claims) -> str:
    """What an identity provider is asked to put into its ID token."""
    return hashlib.sha256(canonical(claims)).hexdigest()


def _digest(values: Mapping[str, Any]) -> str:
    """Of what is signed: the text of a token can be changed without breaking its signature."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _inside(values: Mapping[str, Any], beside: bytes | None) -> Claims:
    if beside is not None:
        raise TokenError("claims come beside its token that it does not sign: they go into it, as `approval`")
    # as JSON once more, which allows no half characters
    return _claims(lambda: Claims.model_validate_json(json.dumps(values.get("approval")), strict=True))


def _beside(values: Mapping[str, Any], beside: bytes | None) -> Claims:
    if beside is None:
        raise TokenError("an ID token decides nothing by itself: send the claims that its nonce is made of with it")
    if text_of(values, "nonce") != hashlib.sha256(beside).hexdigest():
        raise TokenError("the nonce of its ID token is not the sha256 of the claims beside it")
    claims = _claims(lambda: Claims.model_validate_json(beside, strict=True))
    if canonical(claims) != beside:
        raise TokenError("the claims beside its ID token are not in their canonical form")
    return claims


def _claims(read: Callable[[], Claims]) -> Claims:
    try:
        return read()
    except ValidationError as error:
        wrong = [
            f"{'.'.join(map(str, one['loc'])) or 'approval'}: {one['msg']}" for one in error.errors(include_input=False)
        ]
        raise TokenError(f"what it decides cannot be read: {'; '.join(wrong)}") from error
