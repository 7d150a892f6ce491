"""A policy that holds a slip, or that can never be met, does not load, and says all that is wrong with it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import SettingsError
from schemas.records import Mute
from schemas.tokens import Identity
from streams.access import gatekeeper, policy
from tests.access import POLICY, Team, with_changes

EXAMPLE = Path(__file__).parents[2] / "deploy" / "policy" / "policy.toml"


def test_who_may_what_is_found_by_identity_and_action() -> None:
    found = policy.read(POLICY)
    assert found.approver_of(Identity("people", "alice")) == "alice"
    assert found.approver_of(Identity("https://login.example", "0042")) == "alice"
    assert found.approver_of(Identity("https://login.example", "alice")) is None
    name, index = found.class_of("create_index") or pytest.fail("no class")
    assert (name, found.those_who_may(index)) == ("index", ["alice", "bob"])
    assert found.class_of("drop_column") is None


def test_what_is_muted_holds_for_its_product_until_its_time() -> None:
    until = datetime(2026, 12, 1, tzinfo=UTC)
    told = {"by": "alice", "reason": "no"}
    everywhere = {"rule": "ENUM", **told}
    of_sales = {"rule": "clustering", "product": "sales", "table": "orders", "until": until, **told}
    found = policy.read(with_changes(mutes=[everywhere, of_sales]))
    first = Mute(rule="ENUM", table="", reason="muted by alice: no")
    second = Mute(rule="clustering", table="orders", reason="muted by alice until 2026-12-01 00:00 UTC: no")
    assert found.muted("sales", until - timedelta(seconds=1)) == [first, second]
    assert found.muted("sales", until) == [first]
    assert found.muted("shop", until - timedelta(days=9)) == [first]
    assert policy.read(POLICY).muted("sales", until) == []


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a key that nobody knows": (
        {"classes.index.qourum": 2}, "classes.index.qourum is nothing that a policy has: 'quorum' was meant?"),
    "a table that nobody knows": ({"aprovers": {}}, "aprovers is nothing that a policy has: 'approvers' was meant?"),
    "an action that nobody knows": (
        {"classes.index.actions": ["create_indx"]}, "there is no action 'create_indx': 'create_index' was meant?"),
    "a role that nobody has": (
        {"classes.index.roles": ["enginer"]}, "nobody has the role 'enginer': 'engineer' was meant?"),
    "an issuer that is not there": (
        {"approvers.bob.identities": ["poeple|bob"]}, "there is no issuer 'poeple': 'people' was meant?"),
    "a window that is not there": (
        {"classes.index.windows": ["night"]}, "there is no window 'night': 'nights' was meant?"),
    "a quorum of more than there are": (
        {"classes.rebuild.quorum": 3},
        "classes.rebuild can never be met: it needs 3 approvers, and only 2 may (alice, bob)"),
    "an action in two classes": (
        {"classes.rebuild.actions": ["cluster", "create_index"]}, "'create_index' is in several classes"),
    "one person twice": (
        {"approvers.bob.identities": ["people|alice"]}, "'people|alice' is of several approvers: it would count twice"),
    "an identity without issuer": ({"approvers.bob.identities": ["bob"]}, "'bob' is no `issuer|subject`"),
    "a quorum of none": ({"classes.index.quorum": 0}, "classes.index.quorum: Input should be greater than"),
    "a window that never opens": ({"windows.nights.ends": "22:00"}, "windows.nights: it never opens"),
    "a zone that is none": ({"windows.nights.zone": "Berlin"}, "windows.nights.zone: 'Berlin' is no time zone"),
    "a freeze that ends first": (
        {"freezes": [{"begins": "2026-12-24T00:00Z", "ends": "2026-12-20T00:00Z", "reason": ""}]},
        "freezes.0: it ends before it begins"),
    "what cannot be undone, by itself": (
        {"classes.rebuild.actions": ["drop_table"], "automatic": {"classes": ["rebuild"], "verified": 3}},
        "'rebuild' holds drop_table, which cannot be undone"),
    "a class that is not there, by itself": (
        {"automatic": {"classes": ["indexes"], "verified": 3}}, "there is no class 'indexes': 'index' was meant?"),
    "a person by the name of nobody": (
        {"approvers.automatic": {"identities": ["people|dave"], "roles": ["owner"]}}, "so nobody may have it"),
    "a rule that is not there, muted": (
        {"mutes": [{"rule": "clusterin", "by": "alice", "reason": "no"}]},
        "mutes.0: there is no rule 'clusterin': 'clustering' was meant?"),
    "a mute of nobody": ({"mutes": [{"rule": "ENUM", "reason": "no"}]}, "mutes.0.by: Field required"),
    "an issuer with a bar": (
        {"issuers": {"a|b": {"jwks": "x"}}}, "issuers.a|b: no issuer has a | in its name"),
    "the API's tokens": (
        {"issuers.people.audience": "duckdb-sidecar/api"}, "is the API's, whose tokens approve nothing"),
    "an expiry that never comes": ({"classes.index.expires_days": 1e12}, "classes.index.expires_days: Input should be"),
    "another version": ({"version": 2}, "version: Input should be 1"),
    "nobody": ({"approvers": {}}, "approvers: Dictionary should have at least 1 item"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(case: str) -> None:
    changes, why = WRONG[case]
    with pytest.raises(SettingsError) as caught:
        policy.read(with_changes(**changes))
    assert why in str(caught.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        policy.read(with_changes(**{"classes.index.roles": ["x"], "classes.rebuild.windows": ["y"]}))
    assert [told in str(caught.value) for told in ("role 'x'", "window 'y'", "classes.index can never be met")] == [
        True, True, True]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "the policy cannot be read from .*: No such file"),
        (b"version = ", "is no TOML: "),
        (b"\xff", "is no TOML: "),
        (b"a = " + b"[" * 100_000, "is no TOML: "),
        (b"", "version: Field"),
    ],
)
def test_a_file_that_is_no_policy_is_said_to_be_none(tmp_path: Path, text: bytes | None, why: str) -> None:
    file = tmp_path / "policy.toml"
    if text is not None:
        file.write_bytes(text)
    with pytest.raises(SettingsError, match=why):
        gatekeeper.read(file)


def test_the_example_is_a_policy() -> None:
    assert set(policy.parse(EXAMPLE.read_bytes()).classes) == {"code", "index", "rebuild", "summary"}


def test_keys_are_read_from_beside_the_policy(tmp_path: Path) -> None:
    team = Team(tmp_path)
    people = tmp_path / "people.json"
    good = json.loads(people.read_text())["keys"]
    before = gatekeeper.read(team.file).digest
    for text, why in (
        (None, "the keys of 'people' cannot be read from .*people.json: No such file"),
        ("x", "people.json is no JWK set: "),
        ("[" * 100_000, "people.json is no JWK set: "),
        ("[]", "people.json is no JWK set, which is"),
        (json.dumps({"keys": [{**good[0], "sub": ""}]}), "people.json: the key .* does not say whose it is"),
        (
            json.dumps({"keys": [good[0], {**good[0], "kid": "again", "sub": "bob"}]}),
            r"people\|bob and people\|alice have the same key: each needs one of its own",
        ),
    ):
        people.unlink(missing_ok=True)
        if text is not None:
            people.write_text(text)
        with pytest.raises(SettingsError, match=why):
            gatekeeper.read(team.file)
    people.write_text(json.dumps({"keys": good[:1]}))
    assert gatekeeper.read(team.file).digest != before
