"""An approval is a signature over a plan: what is forged, expired, for something else or beside it is refused."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from schemas.approvals import AUDIENCE, Claims, nonce_of, verify
from schemas.canonical import canonical
from schemas.errors import SettingsError, TokenError
from schemas.records import Approval
from schemas.tokens import Identity, Issuer, Keyring, keys_of

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
ALICE, MALLORY = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
SERVICE = ec.generate_private_key(ec.SECP256R1())
PROVIDER = rsa.generate_private_key(65537, 2048)
CLAIMS = Claims(
    product="shop",
    database="main",
    suggestion_id="8a2c3b5e-0000-5000-8000-000000000000",
    revision=3,
    plan_hash="ab" * 32,
    decision="approve",
    steps=2,
)


def jwk(key: Any, **more: Any) -> dict[str, Any]:
    """The public half."""
    match key:
        case ed25519.Ed25519PrivateKey():
            kind: Any = OKPAlgorithm
        case rsa.RSAPrivateKey():
            kind = RSAAlgorithm
        case _:
            kind = ECAlgorithm
    return json.loads(kind.to_jwk(key.public_key())) | more


SECRET = {"kty": "oct", "k": "c2VjcmV0" * 6, "kid": "dev", "alg": "HS256", "sub": "dev"}
PRIVATE = json.loads(OKPAlgorithm.to_jwk(ALICE)) | {"kid": "a", "sub": "a", "alg": "EdDSA"}
SHORT = rsa.generate_private_key(65537, 1024)  # noqa: S505
P384 = ec.generate_private_key(ec.SECP384R1())

PEOPLE = {
    "keys": [
        jwk(ALICE, kid="alice-1", alg="EdDSA", sub="alice"),
        jwk(MALLORY, kid="mallory-1", alg="EdDSA", sub="mallory"),
        jwk(SERVICE, kid="ci-1", alg="ES256", sub="ci"),
    ]
}
TRUSTED = Keyring(
    [
        Issuer("people", keys_of(PEOPLE, bound=True), AUDIENCE),
        Issuer(
            "https://login.example", keys_of({"keys": [jwk(PROVIDER, kid="2026", alg="RS256")]}, bound=False),
            audience="sidecar-page", id_tokens=True,
        ),
    ]
)  # fmt: skip


def signed(
    key: Any = ALICE, kid: str = "alice-1", algorithm: str = "EdDSA", header: dict[str, Any] | None = None, **more: Any
) -> Approval:
    """`more` replaces claims of the token; None leaves one out."""
    values = {
        "iss": "people", "sub": "alice", "aud": AUDIENCE, "jti": "one", "iat": NOW, "exp": NOW + timedelta(minutes=5),
        "approval": CLAIMS.model_dump(mode="json"),
    } | more  # fmt: skip
    values = {name: value for name, value in values.items() if value is not None}
    return sent(jwt.encode(values, key, algorithm, {"kid": kid} | (header or {})))


def sent(token: str, claims: bytes | None = None) -> Approval:
    return Approval(
        product="", database="", instance="", event_id="e", time=NOW - timedelta(days=99), token=token, claims=claims
    )


def id_token(claims: bytes | None = canonical(CLAIMS), **more: Any) -> Approval:
    values = {
        "iss": "https://login.example", "sub": "0042", "aud": "sidecar-page", "iat": NOW,
        "exp": NOW + timedelta(hours=1), "nonce": nonce_of(CLAIMS), "email": "alice@example.org",
    } | more  # fmt: skip
    values = {name: value for name, value in values.items() if value is not None}
    return sent(jwt.encode(values, PROVIDER, "RS256", {"kid": "2026"}), claims)


def test_who_decided_what_is_what_was_signed_and_not_what_the_record_says() -> None:
    found = verify(TRUSTED, signed(), NOW)
    assert (found.identity, str(found.identity)) == (Identity("people", "alice"), "people|alice")
    assert (found.claims, found.token_id, found.expires) == (CLAIMS, "one", NOW + timedelta(minutes=5))


def test_a_service_signs_with_a_key_of_its_own() -> None:
    found = verify(TRUSTED, signed(SERVICE, "ci-1", "ES256", sub="ci"), NOW)
    assert found.identity == Identity("people", "ci")


def test_an_identity_provider_signs_the_hash_of_the_claims_beside_its_token() -> None:
    approval = id_token()
    found = verify(TRUSTED, approval, NOW)
    assert (found.identity, found.claims) == (Identity("https://login.example", "0042"), CLAIMS)
    padded = sent(approval.token + "==", approval.claims)
    assert found.token_id == verify(TRUSTED, padded, NOW).token_id, "the text can be changed, what is signed cannot"
    assert verify(TRUSTED, id_token(jti="their-own"), NOW).token_id == "their-own"  # noqa: S105


def without_signature() -> Approval:
    header, body, _ = signed().token.split(".")
    return sent(f"{header}.{body}.")


def unsigned(header: dict[str, Any]) -> Approval:
    def part(values: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")

    return sent(f"{part({'alg': 'EdDSA', 'kid': 'alice-1'} | header)}.{part({'iss': 'people'})}.AAAA")


def changed_body() -> Approval:
    header, _, signature = signed().token.split(".")
    _, other, _ = signed(approval=CLAIMS.model_copy(update={"steps": 9}).model_dump()).token.split(".")
    return sent(f"{header}.{other}.{signature}")


def by_the_public_key_as_a_secret() -> Approval:
    """The classic confusion: what everybody knows is taken for the secret of an HMAC."""
    return signed(PEOPLE["keys"][0]["x"].encode() + b"=" * 32, algorithm="HS256")


REFUSED = {
    "no signature": (without_signature, "its signature does not hold"),
    "another body": (changed_body, "its signature does not hold"),
    "another's key under my key's id": (lambda: signed(MALLORY), "its signature does not hold"),
    "my key for another": (
        lambda: signed(MALLORY, "mallory-1"), "signed with the key of 'mallory', but says it is by 'alice'"),
    "alg none": (lambda: signed(None, algorithm="none"), "signed by 'none', but the key 'alice-1' is for EdDSA"),
    "alg HS256": (by_the_public_key_as_a_secret, "signed by 'HS256', but the key 'alice-1' is for EdDSA"),
    "the other algorithm": (lambda: signed(SERVICE, algorithm="ES256"), "signed by 'ES256', but the key 'alice-1'"),
    "an unknown key": (lambda: signed(kid="alice-0"), "'people' has no key 'alice-0'"),
    "no key": (lambda: signed(kid=""), "'people' has no key ''"),
    "an unknown issuer": (lambda: signed(iss="friends"), "its issuer 'friends' is not one"),
    "no issuer": (lambda: signed(iss=None), "its issuer None is not one"),
    "a demanded extension": (lambda: signed(header={"crit": ["exp"]}), "demands extensions|refused|no JWS"),
    "another audience": (lambda: signed(aud="duckdb-sidecar/api"), "made for another audience than 'duckdb-sidecar/ap"),
    "two audiences": (lambda: signed(aud=[AUDIENCE, "api"]), "made for another audience"),
    "no audience": (lambda: signed(aud=None), "refused: Token is missing the \"aud\" claim"),
    "no id": (lambda: signed(jti=None), "refused: Token is missing the \"jti\" claim"),
    "no end": (lambda: signed(exp=None), "refused: Token is missing the \"exp\" claim"),
    "no person": (lambda: signed(sub=None), "refused: Token is missing the \"sub\" claim"),
    "expired": (lambda: signed(exp=NOW - timedelta(seconds=31), iat=NOW - timedelta(minutes=5)),
                "expired at 2026-11-29 11:59:29 UTC, and came at 2026-11-29 12:00:00 UTC by Kafka's clock: sign anew"),
    "a clock off by an hour": (
        lambda: signed(iat=NOW + timedelta(hours=1), exp=NOW + timedelta(hours=2)),
        "made at 2026-11-29 13:00:00 UTC, which lies ahead"),
    "not yet": (lambda: signed(nbf=NOW + timedelta(seconds=31)), "which lies ahead"),
    "for ever": (lambda: signed(exp=NOW + timedelta(days=8)), "valid for more than 7 days"),
    "no time": (lambda: signed(iat="x"), "`iat`|Issued At"),
    "an endless time": (lambda: signed(exp=1e300), "its `exp` is no time"),
    "no decision": (lambda: signed(approval=None), "what it decides cannot be read: approval: "),
    "a score beyond the best": (
        lambda: signed(approval=CLAIMS.model_dump() | {"score": 6}), "score: Input should be less than or equal to 5"),
    "a typing mistake": (
        lambda: signed(approval=CLAIMS.model_dump() | {"descision": "reject"}), "descision: Extra inputs"),
    "a text for a number": (lambda: signed(approval=CLAIMS.model_dump() | {"steps": "2"}), "steps: Input should be"),
    "fewer than no steps": (lambda: signed(approval=CLAIMS.model_dump() | {"steps": -1}), "steps: Input should be"),
    "claims beside that are not signed": (
        lambda: sent(signed().token, canonical(CLAIMS)), "come beside its token that it does not sign"),
    "half a character that is demanded": (lambda: unsigned({"crit": ["\ud800"]}), "demands|no JWS|refused"),
    "half a character for an id": (lambda: signed(jti="\ud800"), "its `jti` is no text"),
    "an empty id": (lambda: signed(jti=""), "its `jti` is no text"),
    "an endless id": (lambda: signed(jti="x" * 201), "its `jti` is no text"),
    "half a character for a plan": (
        lambda: signed(approval=CLAIMS.model_dump() | {"plan_hash": "\ud800"}), "what it decides cannot be read"),
    "a revision beyond all": (lambda: signed(approval=CLAIMS.model_dump() | {"revision": 2**63}), "revision: "),
    "steps beyond all": (lambda: signed(approval=CLAIMS.model_dump() | {"steps": 10**400}), "steps: |cannot be read"),
    "a product beyond all": (lambda: signed(approval=CLAIMS.model_dump() | {"product": "x" * 201}), "product: "),
    "no token": (lambda: sent("approve!"), "its token is no JWS"),
    "an empty token": (lambda: sent(""), "its token is no JWS"),
    "a token of 5 MB": (lambda: sent("a" * 5_000_000), "larger than 16384 bytes"),
    "claims of 5 MB": (lambda: id_token(b"a" * 5_000_000), "its claims are larger than 16384 bytes"),
    "an ID token for another client": (lambda: id_token(aud="other"), "another audience than 'sidecar-page'"),
    "an ID token without nonce": (lambda: id_token(nonce=None), "refused: Token is missing the \"nonce\" claim"),
    "an ID token for other claims": (
        lambda: id_token(canonical(CLAIMS.model_copy(update={"steps": 1}))), "nonce of its ID token is not"),
    "an ID token alone": (lambda: id_token(None), "an ID token decides nothing by itself"),
    "claims that are not canonical": (
        lambda: id_token(b" " + canonical(CLAIMS), nonce=hashlib.sha256(b" " + canonical(CLAIMS)).hexdigest()),
        "not in their canonical form"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_as_it_has_to_be_is_refused_with_the_reason(case: str) -> None:
    made, why = REFUSED[case]
    with pytest.raises(TokenError, match=why):
        verify(TRUSTED, made(), NOW)


def test_clocks_may_differ_by_half_a_minute() -> None:
    late = signed(exp=NOW - timedelta(seconds=30), iat=NOW - timedelta(minutes=5))
    early = signed(iat=NOW + timedelta(seconds=30))
    assert {verify(TRUSTED, one, NOW).token_id for one in (late, early)} == {"one"}


def test_a_key_is_changed_by_its_id() -> None:
    new = ed25519.Ed25519PrivateKey.generate()
    both = {"keys": [*PEOPLE["keys"], jwk(new, kid="alice-2", alg="EdDSA", sub="alice")]}
    during = Keyring([Issuer("people", keys_of(both, bound=True), AUDIENCE)])
    assert {verify(during, one, NOW).identity.subject for one in (signed(), signed(new, "alice-2"))} == {"alice"}
    after = Keyring([Issuer("people", keys_of({"keys": both["keys"][1:]}, bound=True), AUDIENCE)])
    with pytest.raises(TokenError, match="'people' has no key 'alice-1'"):
        verify(after, signed(), NOW)


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({}, "with at least one key"),
        ({"keys": []}, "with at least one key"),
        ({"keys": ["x"]}, "has no id"),
        ({"keys": [jwk(ALICE, alg="EdDSA", sub="alice")]}, "has no id"),
        ({"keys": [PEOPLE["keys"][0], PEOPLE["keys"][0]]}, "two keys .* have the id 'alice-1'"),
        ({"keys": [jwk(ALICE, kid="a", alg="EdDSA")]}, "'a' does not say whose it is"),
        ({"keys": [jwk(ALICE, kid="a", sub="alice")]}, "'a' is for None: `alg` has to be"),
        ({"keys": [jwk(ALICE, kid="a", sub="alice", alg="none")]}, "'a' is for 'none'"),
        ({"keys": [jwk(ALICE, kid="a", sub="alice", alg="ES256")]}, "'a' is not well-formed for ES256|'a' is too weak"),
        ({"keys": [SECRET]}, "'dev' is for HS256, which whoever verifies can forge"),
        ({"keys": [PRIVATE]}, "a private one"),
        ({"keys": [jwk(SHORT, kid="a", sub="a", alg="RS256")]}, "'a' is too weak"),
        ({"keys": [jwk(P384, kid="a", sub="a", alg="ES256")]}, "'a' is too weak|well-f"),
        ({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "!", "kid": "a", "sub": "a", "alg": "EdDSA"}]}, "well-formed"),
    ],
)  # fmt: skip
def test_a_key_that_is_not_to_be_trusted_is_not_loaded(keys: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        keys_of(keys, bound=True)


def test_a_shared_secret_is_for_development_and_has_32_bytes() -> None:
    [key] = keys_of({"keys": [SECRET]}, bound=True, development=True).values()
    assert key.algorithm == "HS256"
    with pytest.raises(SettingsError, match="too weak"):
        keys_of({"keys": [SECRET | {"k": "c2VjcmV0"}]}, bound=True, development=True)


@given(st.data())
def test_no_changed_character_of_a_token_goes_unseen(data: st.DataObject) -> None:
    token = signed().token
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCXYZabcxyz019-_.").filter(lambda one: one != token[at]))
    changed = token[:at] + other + token[at + 1 :]
    try:
        found = verify(TRUSTED, sent(changed), NOW)
    except TokenError:
        return
    # the last character of base64 holds bits that are of no byte
    assert found.claims == CLAIMS
    assert at in (len(token) - 1, token.index("."), token.rindex(".") - 1, token.index(".") - 1)


@given(st.text(max_size=200))
def test_any_text_is_refused_and_nothing_else_happens(text: str) -> None:
    with pytest.raises(TokenError):
        verify(TRUSTED, sent(text), NOW)
