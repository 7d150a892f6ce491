"""The policy and the keys as their files are now, for the gate: read anew when one of them changed."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from schemas.errors import SettingsError
from schemas.tokens import Keyring

from .policy import Policy, keyring, parse

LOOK_S = 1.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """`digest` is the sha256 of the policy and the keys, which the journal names with each ruling."""

    policy: Policy
    keys: Keyring
    digest: str


def policy_of(file: Path) -> Policy:
    """Without its keys. Raises SettingsError."""
    return parse(_bytes(file, "the policy"), str(file))


def read(file: Path) -> Rules:
    """A policy with its keys, which lie beside it.

    Raises SettingsError for a policy that does not load, and for keys that are missing or not to be trusted.
    """
    text = _bytes(file, "the policy")
    policy = parse(text, str(file))
    jwks = _keys(policy, file.parent)
    return Rules(policy, keyring(policy, jwks), _digest(text, jwks))


class Gatekeeper:
    """Of one policy file. What no longer loads leaves the rules as they were, is logged once and tried again."""

    def __init__(self, file: Path) -> None:
        """Raises SettingsError as `read` does."""
        self._file = file
        self._complaint = ""
        self._next_look = 0.0
        self.rules = read(file)

    def look(self) -> Rules:
        """The rules that hold now; the files are looked at every second at the most."""
        if time.monotonic() < self._next_look:
            return self.rules
        self._next_look = time.monotonic() + LOOK_S
        try:
            policy = self.rules.policy
            if _digest(_bytes(self._file, "the policy"), _keys(policy, self._file.parent)) != self.rules.digest:
                self.rules = read(self._file)
                logger.info("the policy was read anew", file=str(self._file), sha256=self.rules.digest)
            self._complaint = ""
        except SettingsError as error:
            if (complaint := str(error)) != self._complaint:
                logger.error("the policy changed and does not load: the one before holds", reason=complaint)
            self._complaint = complaint
        return self.rules


def _keys(policy: Policy, folder: Path) -> dict[str, bytes]:
    return {name: _bytes(folder / one.jwks, f"the keys of {name!r}") for name, one in policy.issuers.items()}


def _digest(text: bytes, jwks: Mapping[str, bytes]) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in (text, *jwks.values()))).hexdigest()


def _bytes(file: Path, what: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{what} cannot be read from {file}: {error.strerror}. A policy is as in deploy/policy, its keys are JWK "
            "sets beside it, of public keys as `sidecar keys create` prints them"
        ) from error
