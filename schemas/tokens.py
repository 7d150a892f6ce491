"""Tokens: JWS (RFC 7515) with the claims of a JWT (RFC 7519), and the keys by which they are believed.

Keys are JWKs (RFC 7517) with one algorithm each, chosen by `kid`. A token says whom it was made for by its audience:
none that was made for one thing is taken for another. No header of a token is followed (`jku`, `x5u`, `jwk`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from .errors import SettingsError, TokenError, UnknownKey

API_AUDIENCE = "duckdb-sidecar/api"
"""Of bearer tokens. What was made for another audience, such as an approval, opens nothing."""
LEEWAY = timedelta(seconds=30)
LONGEST_LIFE = timedelta(days=7)
LONGEST_TEXT = 200
LARGEST = 16 * 1024
"""Bytes of a token."""
LEAST_RSA_BITS = 2048
LEAST_SECRET = 32
"""Bytes of a key of HS256 (RFC 7518, 3.2)."""
PUBLIC = ("EdDSA", "ES256", "RS256")


class Identity(NamedTuple):
    """Who a key or an identity provider says it is."""

    issuer: str
    subject: str

    def __str__(self) -> str:
        return f"{self.issuer}|{self.subject}"


@dataclass(frozen=True, slots=True)
class Key:
    """`subject` is whose it is, None for an identity provider's, which signs for everybody.

    `thumbprint` is the same for the same key, whatever its id (RFC 7638).
    """

    algorithm: str
    subject: str | None
    public: jwt.PyJWK
    thumbprint: str


@dataclass(frozen=True, slots=True)
class Issuer:
    """`audience` is whom its tokens are made for; of ID tokens the client id. `problem` says why keys are missing."""

    name: str
    keys: Mapping[str, Key]
    audience: str
    id_tokens: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a token says under a signature that holds. `values` are all of its claims."""

    issuer: Issuer
    identity: Identity
    expires: datetime
    values: Mapping[str, Any]


class Keyring:
    """The issuers that are trusted. What is not in it is refused."""

    def __init__(self, issuers: Iterable[Issuer]) -> None:
        """Raises SettingsError where one key is said to be of several: who has it would count as all of them."""
        self._issuers = {issuer.name: issuer for issuer in issuers}
        owners: dict[str, Identity] = {}
        for issuer in self._issuers.values():
            for key in issuer.keys.values():
                owner = Identity(issuer.name, key.subject or "")
                if (other := owners.setdefault(key.thumbprint, owner)) != owner:
                    raise SettingsError(f"{owner} and {other} have the same key: each needs one of its own")

    def has_key_of(self, identity: Identity) -> bool:
        """Whether a key of its issuer is its own. An identity provider's are nobody's own."""
        issuer = self._issuers.get(identity.issuer)
        return issuer is not None and any(key.subject == identity.subject for key in issuer.keys.values())

    def signed(self, token: str, at: datetime, clock: str) -> Signed:
        """`at` is when it came, by the clock that is named so. Raises TokenError with what is wrong with it.

        UnknownKey where its issuer is trusted and has no such key.
        """
        if len(token) > LARGEST:
            raise TokenError(f"its token is larger than {LARGEST} bytes")
        issuer, key = self._key_of(token)
        values = _signed(token, key, issuer)
        expires = _in_time(values, at, clock)
        subject = text_of(values, "sub")
        if key.subject not in (None, subject):
            raise TokenError(f"it is signed with the key of {key.subject!r}, but says it is by {subject!r}")
        return Signed(issuer, Identity(issuer.name, subject), expires, values)

    def _key_of(self, token: str) -> tuple[Issuer, Key]:
        """By what the token says of itself, which the signature has to bear out."""
        name = unverified(token).get("iss")
        header = jwt.get_unverified_header(token)
        if (issuer := self._issuers.get(name) if isinstance(name, str) else None) is None:
            raise TokenError(f"its issuer {name!r} is not one that is trusted here")
        kid = header.get("kid")
        if (key := issuer.keys.get(kid) if isinstance(kid, str) else None) is None:
            why = issuer.problem or "was it taken out, or not yet put in?"
            raise UnknownKey(f"{issuer.name!r} has no key {kid!r}: {why}", issuer.name)
        if header.get("alg") != key.algorithm:
            raise TokenError(f"it is signed by {header.get('alg')!r}, but the key {kid!r} is for {key.algorithm}")
        if "crit" in header:
            raise TokenError("it demands extensions (`crit`), of which none is known here")
        return issuer, key


def unverified(token: str) -> Mapping[str, Any]:
    """The claims of a token that may be anybody's. Raises TokenError for one that is none."""
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise TokenError(f"its token is no JWS: {_told(error)}") from error


def keys_of(jwks: Mapping[str, Any], *, bound: bool, development: bool = False) -> dict[str, Key]:
    """The keys of a JWK set by their ids. `bound`: each says by a member `sub` whose it is.

    Raises SettingsError for a key that is weak, secret, without an id, or for no algorithm or several.
    """
    found: dict[str, Key] = {}
    entries = jwks.get("keys")
    if not isinstance(entries, list) or not entries:
        raise SettingsError('a JWK set is {"keys": [...]} with at least one key')
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(kid := entry.get("kid"), str) or not kid:
            raise SettingsError("a key of a JWK set has no id: give it a `kid`")
        if kid in found:
            raise SettingsError(f"two keys of a JWK set have the id {kid!r}: give one another `kid`")
        subject = entry.get("sub") if bound else None
        if bound and not (isinstance(subject, str) and subject):
            raise SettingsError(f"the key {kid!r} does not say whose it is: give it a `sub`")
        found[kid] = Key(str(entry.get("alg")), subject, _key(kid, entry, development), _thumbprint(entry))
    return found


def text_of(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT or not value.isprintable():
        raise TokenError(f"its `{name}` is no text of 1 to {LONGEST_TEXT} printable characters")
    return value


def _key(kid: str, entry: Mapping[str, Any], development: bool) -> jwt.PyJWK:
    algorithm = entry.get("alg")
    if algorithm == "HS256" and not development:
        raise SettingsError(
            f"the key {kid!r} is for HS256, which whoever verifies can forge: for development only, by the setting"
        )
    if algorithm not in (*PUBLIC, "HS256"):
        raise SettingsError(f"the key {kid!r} is for {algorithm!r}: `alg` has to be EdDSA, ES256 or RS256")
    if algorithm != "HS256" and "d" in entry:
        raise SettingsError(f"the key {kid!r} is a private one: publish its public half, and make a new one")
    try:
        key = jwt.PyJWK.from_dict(dict(entry), algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise SettingsError(f"the key {kid!r} is not well-formed for {algorithm}: {error}") from error
    match algorithm, key.key:
        case "EdDSA", Ed25519PublicKey():
            return key
        case "ES256", EllipticCurvePublicKey() if key.key.curve.name == "secp256r1":
            return key
        case "RS256", RSAPublicKey() if key.key.key_size >= LEAST_RSA_BITS:
            return key
        case "HS256", bytes() if len(key.key) >= LEAST_SECRET:
            return key
    raise SettingsError(
        f"the key {kid!r} is too weak or not of the kind that {algorithm} needs: Ed25519 for EdDSA, P-256 for ES256, "
        f"RSA of at least {LEAST_RSA_BITS} bits for RS256, {LEAST_SECRET} bytes for HS256"
    )


def _signed(token: str, key: Key, issuer: Issuer) -> dict[str, Any]:
    """The claims under a signature that holds; times are looked at by the broker's clock, afterwards."""
    required = ["iss", "sub", "aud", "iat", "exp", "nonce" if issuer.id_tokens else "jti"]
    try:
        return jwt.decode(
            token,
            key.public,
            algorithms=[key.algorithm],
            audience=issuer.audience,
            issuer=issuer.name,
            options={
                "require": required,
                "strict_aud": not issuer.id_tokens,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.InvalidSignatureError as error:
        raise TokenError("its signature does not hold: it was forged, or changed on the way") from error
    except jwt.InvalidAudienceError as error:
        raise TokenError(f"it was made for another audience than {issuer.audience!r}") from error
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise TokenError(f"its token is refused: {_told(error)}") from error


def _in_time(values: Mapping[str, Any], at: datetime, clock: str) -> datetime:
    """When it expires."""
    issued, expires, begins = (_time(values, name) for name in ("iat", "exp", "nbf"))
    if issued is None or expires is None:
        raise TokenError("it does not say when it was made and when it expires")
    told = f"{at:%Y-%m-%d %H:%M:%S} UTC by {clock}"
    if issued > at + LEEWAY or (begins and begins > at + LEEWAY):
        raise TokenError(
            f"it was made at {max(issued, begins or issued):%Y-%m-%d %H:%M:%S} UTC, which lies ahead: it came at "
            f"{told}. Is the clock of its maker right?"
        )
    if expires < at - LEEWAY:
        raise TokenError(f"it expired at {expires:%Y-%m-%d %H:%M:%S} UTC, and came at {told}: sign anew")
    if expires - issued > LONGEST_LIFE:
        raise TokenError(f"it would be valid for more than {LONGEST_LIFE.days} days: sign one that is not")
    return expires


def _time(values: Mapping[str, Any], name: str) -> datetime | None:
    value = values.get(name)
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise ValueError
        return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise TokenError(f"its `{name}` is no time") from error


def _told(error: Exception) -> str:
    """What PyJWT says may hold what the token says, and so anything."""
    return str(error).encode("ascii", "backslashreplace").decode()[:300]


def _thumbprint(entry: Mapping[str, Any]) -> str:
    members = {name: entry[name] for name in ("crv", "e", "k", "kty", "n", "x", "y") if name in entry}
    return hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
