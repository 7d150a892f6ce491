"""The policy and the keys as their files are now, for the gate: read anew when one of them changed."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from schemas.approvals import Keyring
from schemas.errors import SettingsError

from .policy import Policy, keyring, load

LOOK_S = 1.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """`digest` is the sha256 of the policy's and the keys' files, which the journal names with each ruling."""

    policy: Policy
    keys: Keyring
    digest: str


class Gatekeeper:
    """Of one policy file. What no longer loads leaves the rules as they were, and is logged once."""

    def __init__(self, file: Path) -> None:
        """Raises SettingsError for a policy that does not load, or keys that are not to be trusted."""
        self._file = file
        self._refused = ""
        self._next_look = 0.0
        self.rules = self._read()

    def look(self) -> Rules:
        """The rules that hold now; the files are looked at every second at the most."""
        if time.monotonic() < self._next_look:
            return self.rules
        self._next_look = time.monotonic() + LOOK_S
        try:
            if (digest := self._digest(self.rules.policy)) not in (self.rules.digest, self._refused):
                self._refused = digest
                self.rules = self._read()
                logger.info("the policy was read anew", file=str(self._file), sha256=self.rules.digest)
        except (SettingsError, OSError) as error:
            logger.error("the policy changed and does not load: the one before holds", reason=str(error))
        return self.rules

    def _read(self) -> Rules:
        policy = load(self._file)
        return Rules(policy, keyring(policy, self._file.parent), self._digest(policy))

    def _digest(self, policy: Policy) -> str:
        files = [self._file, *(self._file.parent / issuer.jwks for issuer in policy.issuers.values())]
        return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()
