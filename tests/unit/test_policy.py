"""A policy that holds a slip, or that can never be met, does not load, and says all that is wrong with it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from schemas.errors import SettingsError
from schemas.records import Mute
from schemas.tokens import Identity
from streams.access import gatekeeper, policy
from streams.access.key_sets import KeySet
from streams.cli import cli
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
    people.write_text(json.dumps({"keys": good[:2]}))
    assert gatekeeper.read(team.file).digest != before


def without(team: Team, *names: str) -> None:
    """Takes their keys out."""
    people = team.folder / "people.json"
    kept = [one for one in json.loads(people.read_text())["keys"] if one["sub"] not in names]
    people.write_text(json.dumps({"keys": kept}))


def test_a_class_that_too_few_have_keys_to_meet_does_not_load(tmp_path: Path) -> None:
    team = Team(tmp_path)
    rebuild = "classes.rebuild can never be met: it needs 2 approvers, and of those who may only"
    for name, told in (
        ("bob", f"{rebuild} 1 can sign (alice): people|bob has no key in people.json"),
        (
            "alice",
            "classes.index can never be met: it needs 1 approvers, and of those who may only 0 can sign (nobody): "
            f"people|alice has no key in people.json; people|bob has no key in people.json; {rebuild} 0 can sign "
            "(nobody): people|alice has no key in people.json; people|bob has no key in people.json",
        ),
    ):
        without(team, name)
        for load in (gatekeeper.read, gatekeeper.Gatekeeper):
            with pytest.raises(SettingsError) as caught:
                load(team.file)
            assert str(caught.value) == f"{team.file}: {told}"


@pytest.mark.parametrize(
    "changes",
    [
        {"issuers.login": {"jwks": "provider.json", "id_tokens": True}, "approvers.bob.identities": ["login|7"]},
        {"issuers.login": {"jwks": "https://login.example/keys"}, "approvers.bob.identities": ["login|bob"]},
        {"approvers.bob.identities": ["people|bob", "people|bobby"]},
    ],
    ids=["an identity provider", "a URL", "another identity"],
)
def test_who_may_have_a_key_elsewhere_or_by_another_name_is_not_said_to_have_none(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    team = Team(tmp_path)
    keys = {name: {**team.people[name].public} for name in ("alice", "carol", "bob")}
    (tmp_path / "provider.json").write_text(json.dumps({"keys": [keys.pop("bob")]}))
    if len(changes) == 1:
        keys["bobby"] = {**team.people["bob"].public, "sub": "bobby"}
    (tmp_path / "people.json").write_text(json.dumps({"keys": list(keys.values())}))
    team.write(**{"issuers": {"people": {"jwks": "people.json"}}, **changes})
    found = gatekeeper.read(team.file, lambda *_: KeySet(None, "away"))
    assert list(policy.unsigned(found.policy, found.keys)) == []
    others = {name: one for name, one in found.policy.approvers.items() if name != "bob"}
    alone = found.policy.model_copy(update={"approvers": others})
    assert len(list(policy.unsigned(alone, found.keys))) == 1, "without bob there are too few"


def test_a_key_that_is_taken_out_counts_no_more_even_where_a_class_can_no_longer_be_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gatekeeper, "LOOK_S", 0.0)
    team = Team(tmp_path)
    found = gatekeeper.Gatekeeper(team.file)
    assert found.look().keys.has_key_of(Identity("people", "bob"))
    without(team, "bob")
    with capture_logs() as logged:
        rules = [found.look() for _ in range(2)][-1]
    assert [rules.keys.has_key_of(Identity("people", who)) for who in ("alice", "bob")] == [True, False]
    (error,) = [one for one in logged if one["log_level"] == "error"]
    assert error["event"] == "the policy would no longer load: its keys are too few"
    assert error["reason"].startswith("classes.rebuild can never be met: it needs 2 approvers, and of those who may")


def test_a_policy_for_development_is_warned_of_each_time_that_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gatekeeper, "LOOK_S", 0.0)
    team = Team(tmp_path)
    with capture_logs() as logged:
        gatekeeper.Gatekeeper(team.file)
    assert logged == []
    secret = {"kty": "oct", "k": "c2VjcmV0" * 6, "kid": "dev", "alg": "HS256", "sub": "dev"}
    kept = json.loads((tmp_path / "people.json").read_text())["keys"]
    (tmp_path / "people.json").write_text(json.dumps({"keys": [*kept, secret]}))
    team.write(development=True)
    warning = {
        "event": "the policy is not to be relied on", "log_level": "warning", "file": str(team.file),
        "reason": policy.DEVELOPMENT,
    }  # fmt: skip
    with capture_logs() as logged:
        found = gatekeeper.Gatekeeper(team.file)
        found.look()
    assert logged == [warning]
    team.file.write_text(f"{team.file.read_text()}\n# again")
    with capture_logs() as logged:
        found.look()
        found.look()
    assert [one for one in logged if one["log_level"] == "warning"] == [warning]
    done = CliRunner().invoke(cli, ["policy", "check", str(team.file)], catch_exceptions=False)
    assert done.stdout.splitlines()[-1] == f"warning: {policy.DEVELOPMENT}"
    team.write()
    without(team, "dev")
    assert "warning" not in CliRunner().invoke(cli, ["policy", "check", str(team.file)]).stdout


def test_classes_that_are_frozen_for_long_are_told_and_load(tmp_path: Path) -> None:
    frozen = [{"begins": "2026-11-01T00:00Z", "ends": "2027-02-01T00:00Z", "reason": "a move"}]
    found = policy.read(with_changes(freezes=frozen))
    now = datetime(2026, 11, 29, 13, tzinfo=UTC)
    assert list(policy.closed(found, now)) == [
        "nothing of index is carried out in the next 60 days: there is no time outside the freezes",
        "nothing of rebuild is carried out in the next 60 days: none of its windows opens outside the freezes",
    ]
    assert list(policy.closed(found, now + timedelta(days=5))) == []
    team = Team(tmp_path)
    team.file.write_text(
        f'{team.file.read_text()}\n[[freezes]]\nbegins = 2000-01-01T00:00:00Z\nends = 9000-01-01T00:00:00Z\nreason = ""'
    )
    with capture_logs() as logged:
        gatekeeper.Gatekeeper(team.file)
    assert [(one["event"], one["reason"].split(" is ")[0]) for one in logged] == [
        ("the policy lets nothing be done for long", "nothing of index"),
        ("the policy lets nothing be done for long", "nothing of rebuild"),
    ]
