"""The policy and the keys as they are now, for the gate: read anew when one of them changed."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from schemas.errors import SettingsError
from schemas.tokens import Keyring

from .key_sets import KeySet, KeySets, fetched_now
from .policy import DEVELOPMENT, Policy, closed, keyring, parse, unsigned

LOOK_S = 1.0
ByUrl = Callable[[str, bool], KeySet]
"""What is had from a URL; whether each key says whose it is."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """`digest` is the sha256 of the policy and the keys, which the journal names with each ruling.

    `awaits_keys` says of an issuer that lacks a key whether newer ones are on their way, so that it may soon have it.
    """

    policy: Policy
    keys: Keyring
    key_sets: Mapping[str, KeySet]
    digest: str
    awaits_keys: Callable[[str], bool] = lambda _: False


def policy_of(file: Path) -> Policy:
    """Without its keys. Raises SettingsError."""
    return parse(_bytes(file, "the policy"), str(file))


def read(file: Path, by_url: ByUrl = fetched_now) -> Rules:
    """A policy with its keys, which lie beside it or come from their URLs.

    Raises SettingsError for a policy that does not load or that nobody has the keys to meet, and for keys that are
    missing or not to be trusted.
    """
    rules = _rules(file, by_url)
    if problems := list(unsigned(rules.policy, rules.keys)):
        raise SettingsError(f"{file}: {'; '.join(problems)}")
    return rules


def _rules(file: Path, by_url: ByUrl) -> Rules:
    text = _bytes(file, "the policy")
    policy = parse(text, str(file))
    key_sets = _key_sets(policy, file.parent, by_url)
    return Rules(policy, keyring(policy, key_sets), key_sets, _digest(text, key_sets))


class Gatekeeper:
    """Of one policy file. What no longer loads leaves the rules as they were, is logged once and tried again.

    Keys of URLs are those that came last: no network is waited for.
    """

    def __init__(self, file: Path, fetched: KeySets | None = None) -> None:
        """Raises SettingsError as `read` does."""
        self._file = file
        self._fetched = fetched or KeySets()
        self._complaint = ""
        self._next_look = 0.0
        self.rules = self._ours(read(file, self._fetched.look))
        self._seen = self.rules.key_sets

    def look(self) -> Rules:
        """The rules that hold now; the files are looked at every second at the most."""
        if time.monotonic() < self._next_look:
            return self.rules
        self._next_look = time.monotonic() + LOOK_S
        try:
            text = _bytes(self._file, "the policy")
            self._seen = _key_sets(self.rules.policy, self._file.parent, self._fetched.look)
            if _digest(text, self._seen) != self.rules.digest or self._seen != self.rules.key_sets:
                # a key that was taken out counts no more, whatever can still be met without it
                before, self.rules = self.rules, self._ours(_rules(self._file, self._fetched.look))
                self._seen = self.rules.key_sets
                for problem in unsigned(self.rules.policy, self.rules.keys):
                    logger.error("the policy would no longer load: its keys are too few", reason=problem)
                if self.rules.digest != before.digest:
                    logger.info("the policy was read anew", file=str(self._file), sha256=self.rules.digest)
            self._complaint = ""
        except SettingsError as error:
            if (complaint := str(error)) != self._complaint:
                logger.error("the policy changed and does not load: the one before holds", reason=complaint)
            self._complaint = complaint
        return self.rules

    def _ours(self, rules: Rules) -> Rules:
        """What was just read. What is dubious about it is logged each time."""
        file = str(self._file)
        if rules.policy.development:
            logger.warning("the policy is not to be relied on", file=file, reason=DEVELOPMENT)
        for problem in closed(rules.policy, datetime.now(UTC)):
            logger.warning("the policy lets nothing be done for long", file=file, reason=problem)
        return replace(rules, awaits_keys=self._awaits_keys)

    def _awaits_keys(self, issuer: str) -> bool:
        one = self.rules.policy.issuers[issuer]
        if not one.url:
            return False
        bound = not one.id_tokens
        return self._fetched.look(one.url, bound) != self._seen[issuer] or self._fetched.renew(one.url, bound)


def _key_sets(policy: Policy, folder: Path, by_url: ByUrl) -> dict[str, KeySet]:
    return {
        name: by_url(one.url, not one.id_tokens)
        if one.url
        else KeySet(_bytes(folder / one.jwks, f"the keys of {name!r}"))
        for name, one in policy.issuers.items()
    }


def _digest(text: bytes, key_sets: Mapping[str, KeySet]) -> str:
    parts = (text, *(one.jwks or b"" for one in key_sets.values()))
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _bytes(file: Path, what: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{what} cannot be read from {file}: {error.strerror}. A policy is as in deploy/policy, its keys are JWK "
            "sets beside it, of public keys as `sidecar keys create` prints them"
        ) from error
