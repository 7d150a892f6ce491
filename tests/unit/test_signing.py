"""A person's own key: its file, and what it signs."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.approvals import AUDIENCE, verify
from schemas.errors import SettingsError, TokenError
from schemas.tokens import Issuer, Keyring, keys_of
from streams.access.signing import LIFE, create, load
from tests.access import INDEX, Team, claimed, planned

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ONE = planned(INDEX)


def test_what_a_key_signs_is_taken_by_whoever_has_its_public_half(tmp_path: Path) -> None:
    made = create(tmp_path / "keys" / "mine.json", "people", "alice")
    key = load(tmp_path / "keys" / "mine.json")
    assert key == made
    assert set(key.public) == {"kty", "crv", "x", "kid", "alg", "sub"}
    trusted = Keyring([Issuer("people", keys_of({"keys": [key.public]}, bound=True), AUDIENCE)])
    sent = Team(tmp_path).approval("alice", ONE, NOW)
    found = verify(trusted, sent.model_copy(update={"token": key.sign(claimed(ONE), NOW)}), NOW)
    assert (str(found.identity), found.claims, found.expires) == ("people|alice", claimed(ONE), NOW + LIFE)
    with pytest.raises(TokenError):
        verify(trusted, sent, NOW)


def test_two_signatures_are_two_tokens(tmp_path: Path) -> None:
    key = create(tmp_path / "k", "people", "alice")
    assert key.sign(claimed(ONE), NOW) != key.sign(claimed(ONE), NOW)


def test_its_owner_alone_can_read_it_and_it_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "mine.json"
    create(file, "people", "alice")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    before = file.read_text()
    with pytest.raises(SettingsError, match="there is a key in .*mine.json already"):
        create(file, "people", "bob")
    assert file.read_text() == before


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    create(tmp_path / "k", "people", "alice")
    (tmp_path / "k").chmod(0o640)
    with pytest.raises(SettingsError, match="others can read .*: chmod 600 it, or make a new key"):
        load(tmp_path / "k")


@pytest.mark.parametrize("text", [None, "", "[]", "{}", json.dumps({"kty": "OKP"})])
def test_what_is_no_key_is_said_to_be_none(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "k"
    if text is not None:
        file.write_text(text)
        file.chmod(0o600)
    with pytest.raises(SettingsError, match="make one with `sidecar keys create`"):
        load(file)


def test_a_key_that_is_damaged_does_not_tell_its_secret(tmp_path: Path) -> None:
    key = create(tmp_path / "k", "people", "alice")
    (tmp_path / "k").write_text(json.dumps(key.values | {"x": "!"}))
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "k")
    assert key.values["d"] not in str(caught.value)
