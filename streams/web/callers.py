"""Who calls the API: by an API key, or by a token of an identity provider that was made for this API alone."""

import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from schemas.errors import KeysAwaited, SettingsError, TokenError, UnknownKey
from schemas.tokens import API_AUDIENCE, Issuer, Keyring, keys_of
from streams.access import api_keys
from streams.access.api_keys import ApiKey
from streams.access.key_sets import KeySet, KeySets

LOOK_S = 1.0
BEARER = "bearer "

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    name: str
    scopes: frozenset[str]


class Callers:
    """The keys of the data folder, read anew when they change, and the issuer of tokens where there is one.

    `jwks` is a file or a URL.
    """

    def __init__(self, folder: Path, issuer: str = "", jwks: str = "") -> None:
        """Makes the local key where there is none. Raises SettingsError."""
        self._folder = folder
        self._local = api_keys.local(folder)
        self._keys: list[ApiKey] = api_keys.read(folder)
        self._issuer, self._jwks = issuer, jwks
        self._fetched = KeySets()
        self._key_set: KeySet | None = None
        self._keyring = Keyring([])
        self._complaint = ""
        self._next_look = time.monotonic() + LOOK_S
        self._look_at_issuer()

    @property
    def only_local(self) -> bool:
        return not self._keys and not self._issuer

    def caller(self, authorization: str, now: datetime) -> Caller:
        """By the header of that name. Raises TokenError; KeysAwaited where that may pass."""
        if authorization[: len(BEARER)].lower() != BEARER:
            raise TokenError("it takes `Authorization: Bearer`, with an API key or a token")
        self._look()
        given = authorization[len(BEARER) :].strip()
        if given.count(".") == 1:
            found = api_keys.holder([self._local, *self._keys], given)
            return Caller(found.name, frozenset(found.scopes))
        if not self._issuer:
            raise TokenError("no issuer of tokens is set (api_issuer), and an API key is `prefix.secret`")
        try:
            signed = self._keyring.signed(given, now, "this machine's clock")
        except UnknownKey as error:
            if "://" in self._jwks and self._newer_keys():
                raise KeysAwaited(f"{error}; they are being fetched anew: ask again") from error
            raise
        scopes = signed.values.get("scope")
        held = scopes.split() if isinstance(scopes, str) else []
        return Caller(str(signed.identity), frozenset(held))

    def _newer_keys(self) -> bool:
        """Whether there are some, or they are on their way."""
        return self._fetched.look(self._jwks, False) != self._key_set or self._fetched.renew(self._jwks, False)

    def _look(self) -> None:
        """What changed and cannot be read lets nobody in."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_S
        complaint = ""
        try:
            self._keys = api_keys.read(self._folder)
        except SettingsError as error:
            self._keys, complaint = [], str(error)
        try:
            self._look_at_issuer()
        except SettingsError as error:
            self._keyring, self._key_set, complaint = Keyring([]), None, f"{complaint} {error}".strip()
        if complaint and complaint != self._complaint:
            logger.error("keys of the API cannot be read, and let nobody in", reason=complaint)
        self._complaint = complaint

    def _look_at_issuer(self) -> None:
        if not self._issuer:
            return
        found = self._fetched.look(self._jwks, False) if "://" in self._jwks else _of_file(Path(self._jwks))
        if found != self._key_set:
            keys = keys_of(json.loads(found.jwks), bound=False) if found.jwks else {}
            self._keyring = Keyring([Issuer(self._issuer, keys, API_AUDIENCE, problem=found.problem)])
            self._key_set = found


def _of_file(file: Path) -> KeySet:
    """Raises SettingsError."""
    try:
        jwks = file.read_bytes()
        if not isinstance(json.loads(jwks), dict):
            raise ValueError("it is no JWK set")
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"api_jwks: the keys cannot be read from {file}: {error}") from error
    return KeySet(jwks)
