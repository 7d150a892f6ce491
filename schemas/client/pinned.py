"""Approvals that the product verifies itself, by keys that it holds, so that no control process alone can change it."""

import json
from datetime import datetime, timedelta
from pathlib import Path

from ..approvals import AUDIENCE, verify
from ..errors import SettingsError, TokenError
from ..orders import Order
from ..tokens import Identity, Issuer, Keyring, keys_of

APPROVED_FOR = timedelta(days=30)
"""After an approval came, in which its plan may be carried out or taken back."""


class Pinned:
    """A JSON file `{"quorum": 2, "issuers": {"people": {"keys": [...]}}}`: of whose keys how many have to approve.

    Each key says by `sub` whose it is.
    """

    def __init__(self, file: Path) -> None:
        """Raises SettingsError."""
        try:
            values = json.loads(file.read_text())
            quorum, issuers = values["quorum"], dict(values["issuers"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingsError(
                f'{file} has to be {{"quorum": 2, "issuers": {{"people": {{"keys": [...]}}}}}}: {error!r}'
            ) from error
        found = [Issuer(name, keys_of(jwks, bound=True), AUDIENCE) for name, jwks in issuers.items()]
        people = {(issuer.name, key.subject) for issuer in found for key in issuer.keys.values()}
        if not isinstance(quorum, int) or not 1 <= quorum <= len(people):
            raise SettingsError(f"{file}: the quorum is {quorum!r}, and there are keys of {len(people)}")
        self._quorum = quorum
        self._keyring = Keyring(found)

    def objection(self, order: Order, now: datetime) -> str | None:
        """Why the order is not approved by enough, None where it is. To approve a plan is to approve its way back."""
        approved: set[Identity] = set()
        refused = ""
        for given in order.approvals:
            try:
                verified = verify(self._keyring, given.approval, given.time)
            except TokenError as error:
                refused = f" (one is refused: {error})"
                continue
            claims = verified.claims
            if (
                (claims.product, claims.database) == (order.product, order.database)
                and (claims.suggestion_id, claims.revision) == (order.suggestion_id, order.revision)
                and (claims.decision, claims.plan_hash) == ("approve", order.plan_hash)
                and claims.steps >= order.last
                and timedelta() <= now - given.time + timedelta(minutes=5) <= APPROVED_FOR
            ):
                approved.add(verified.identity)
        if len(approved) >= self._quorum:
            return None
        return f"{len(approved)} of {self._quorum} approvals hold by the keys that this product has{refused}"
