"""What somebody decided about a suggestion."""

from .base import Record


class Approval(Record):
    """A decision as its maker signed it (see `schemas.approvals`); nothing beside the token is believed.

    `token` is a compact JWS. `claims` go with an identity provider's ID token alone: the canonical JSON of the
    decision, whose sha256 in hex is the token's nonce.
    """

    token: str
    claims: bytes | None = None
