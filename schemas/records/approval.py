"""What somebody decided about a suggestion, and what became of it."""

from datetime import datetime

from .base import Position, Record


class Approval(Record):
    """A decision as its maker signed it (see `schemas.approvals`); nothing beside the token is believed.

    `token` is a compact JWS. `claims` go with an identity provider's ID token alone: the canonical JSON of the
    decision, whose sha256 in hex is the token's nonce.
    """

    token: str
    claims: bytes | None = None


class Ruling(Record):
    """The gate's answer to an approval, whose `event_id` is `approval_id`; `reason` is for people.

    `verdict` is "refused", "waits" (for its suggestion), "counted" (others are needed too), "complete", "rejected",
    "deferred" or "noted" (a comment); or "void", to no approval in particular, when something changed before it was
    carried out. The first `steps` of the plan may be done, from `opens` on. `approver` is empty where nobody of the
    policy has signed, and "automatic" where a class of actions has earned it and nobody was asked.
    A request to take an operation back that is refused, and one for a backup, are answered so too, with the request's
    id; "made" is of a backup.
    """

    approval_id: str
    suggestion_id: str
    revision: int
    plan_hash: str
    approver: str
    verdict: str
    reason: str
    steps: int
    opens: datetime | None


class Reading(Record):
    """How the text of a rejection or a comment was read; `approval` is the place of its record.

    `reason` is a class of `inference.language.reading`, and empty where the text was not understood. `probability` is
    that of the class to be right, None from who cannot tell; `backend`, `model` and `version` say by whom it was read.
    """

    approval: Position
    suggestion_id: str
    reason: str
    probability: float | None
    backend: str
    model: str
    version: str
