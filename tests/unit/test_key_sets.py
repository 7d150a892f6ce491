"""Keys by URL: nobody waits for them, they outlive whoever publishes them for a day, and come from nowhere else."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from schemas.errors import SettingsError
from schemas.topics import APPROVALS, CATALOGS, SUGGESTIONS
from streams.access import key_sets, policy
from streams.access.gatekeeper import Gatekeeper, read
from streams.access.judging import Judging
from streams.access.key_sets import AGAIN_S, FETCHING, KEPT_S, RENEW_S, TIMEOUT_S, KeySets, fetch
from streams.access.signing import SigningKey, create
from tests.access import INDEX, ORDERS, OTHER, Team, later, planned, with_changes
from tests.deciding_store import Store
from tests.loopback import Answer, answering
from tests.store_records import CODEC, catalog

NOON = later(hours=1)
ONE = planned(INDEX)
GONE: Answer = (503, {}, b"")


class Provider:
    """What it publishes can be changed; `asked` counts who asked, who are answered once it is `opened`."""

    def __init__(self, *keys: SigningKey) -> None:
        self.opened = Event()
        self.opened.set()
        self.asked = 0
        self.url = ""
        self.publish(*keys)

    def publish(self, *keys: SigningKey, **more: Any) -> None:
        self.answer: Answer = (200, {}, json.dumps({"keys": [key.public for key in keys], **more}).encode())

    def __call__(self, path: str) -> Answer:
        self.asked += 1
        self.opened.wait(20)
        return self.answer


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Fetched(KeySets):
    """With a clock that is set by hand."""

    def __init__(self) -> None:
        super().__init__(Clock())
        self.url = ""

    def after(self, seconds: float) -> None:
        """So much later, once what that has fetched is there."""
        self.clock.now += seconds  # type: ignore[attr-defined]
        self.look(self.url, True)
        self.settled()

    def settled(self) -> None:
        until(lambda: all(place.begun is None for place in self._places.values()))

    def told(self) -> tuple[set[str], str]:
        found = self.look(self.url, True)
        return {key["sub"] for key in json.loads(found.jwks or b'{"keys": []}')["keys"]}, found.problem


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, SigningKey]:
    return {name: create(tmp_path / "k" / name, "people", name.rstrip("2")) for name in ("alice", "bob", "bob2")}


@pytest.fixture
def provider(keys: dict[str, SigningKey]) -> Iterator[Provider]:
    made = Provider(keys["alice"])
    with answering(made) as url:
        made.url = f"{url}/keys"
        yield made


@pytest.fixture
def fetched(provider: Provider) -> Fetched:
    made = Fetched()
    made.url = provider.url
    return made


def test_nobody_waits_for_keys_and_they_are_fetched_anew_after_a_while(
    provider: Provider, fetched: Fetched, keys: dict[str, SigningKey]
) -> None:
    provider.opened.clear()
    assert [fetched.told() for _ in range(3)] == [(set(), FETCHING)] * 3
    provider.opened.set()
    fetched.settled()
    assert (fetched.told(), provider.asked) == (({"alice"}, ""), 1)
    provider.publish(keys["bob"])
    fetched.after(RENEW_S - 1)
    assert (fetched.told(), provider.asked) == (({"alice"}, ""), 1)
    fetched.after(1)
    assert (fetched.told(), provider.asked) == (({"bob"}, ""), 2)


def test_keys_outlive_a_provider_that_is_down_for_a_day(provider: Provider, fetched: Fetched) -> None:
    fetched.after(0)
    provider.answer = GONE
    fetched.after(RENEW_S)
    why = f"its keys cannot be fetched: {provider.url} answers 503"
    assert fetched.told() == ({"alice"}, why)
    fetched.after(KEPT_S - RENEW_S)
    assert fetched.told() == ({"alice"}, why)
    fetched.after(1)
    assert fetched.told() == (set(), f"{why}; those that came before are too old")


def test_a_provider_that_was_down_is_asked_again_soon(provider: Provider, fetched: Fetched) -> None:
    good, provider.answer = provider.answer, GONE
    fetched.after(0)
    provider.answer = good
    fetched.after(AGAIN_S - 1)
    assert fetched.told()[0] == set()
    fetched.after(1)
    assert (fetched.told(), provider.asked) == (({"alice"}, ""), 2)


def test_a_provider_that_hangs_is_not_worth_waiting_for(provider: Provider, fetched: Fetched) -> None:
    provider.opened.clear()
    assert fetched.renew(provider.url, True)
    fetched.clock.now += 2 * TIMEOUT_S  # type: ignore[attr-defined]
    assert not fetched.renew(provider.url, True)
    provider.opened.set()
    fetched.settled()
    assert provider.asked == 1


def test_whoever_asks_it_is_fetched_anew_every_half_minute_at_the_most(provider: Provider, fetched: Fetched) -> None:
    fetched.after(0)
    assert not fetched.renew(provider.url, True)
    fetched.clock.now += AGAIN_S - 1  # type: ignore[attr-defined]
    assert not fetched.renew(provider.url, True)
    fetched.clock.now += 1  # type: ignore[attr-defined]
    assert fetched.renew(provider.url, True)
    fetched.settled()
    assert (fetched.renew(provider.url, True), provider.asked) == (False, 2)


def set_of(*entries: object) -> Answer:
    return 200, {}, json.dumps({"keys": list(entries)}).encode()


REFUSED: dict[str, tuple[Answer, str]] = {
    "a redirect": ((302, {"Location": "/other"}, b""), "answers 302, a redirect, and none is followed"),
    "a redirect elsewhere": ((307, {"Location": "http://127.0.0.2/"}, b""), "answers 307, a redirect, and none"),
    "an error": (GONE, "answers 503"),
    "too much": ((200, {}, b" " * (key_sets.LARGEST + 1)), "answers with more than 262144 bytes"),
    "no JSON": ((200, {}, b"<html>"), "answers with no JWK set"),
    "no set": ((200, {}, b"[]"), "answers with no JWK set"),
    "no keys": ((200, {}, b'{"keys": ["x"]}'), "answers with no JWK set"),
    "nested beyond all": ((200, {}, b"[" * 100_000), "answers with no JWK set"),
    "none that signs": (set_of({"kid": "a", "alg": "RSA-OAEP", "use": "enc"}), "with at least one key"),
    "a secret": (set_of({"kid": "a", "alg": "HS256", "kty": "oct", "k": "c2VjcmV0" * 6}), "with at least one key"),
    "a weak one": (set_of({"kid": "a", "sub": "a", "alg": "ES256", "kty": "EC"}), "the key 'a' is not well-formed"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_set_of_keys_from_there_is_refused(case: str, provider: Provider) -> None:
    provider.answer, why = REFUSED[case]
    with pytest.raises(SettingsError, match=why):
        fetch(provider.url, True)
    assert provider.asked == 1


def test_one_that_does_not_answer_in_time_is_given_up(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_sets, "TIMEOUT_S", 0.1)
    provider.opened.clear()
    with pytest.raises(SettingsError, match="does not answer: timed out"):
        fetch(provider.url, True)
    provider.opened.set()


def test_no_proxy_stands_between_us_and_this_machine(
    provider: Provider, keys: dict[str, SigningKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(lambda _: set_of(keys["bob"].public)) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert json.loads(fetch(provider.url, True)) == {"keys": [keys["alice"].public]}


def test_keys_that_are_for_anything_else_are_passed_over(provider: Provider, keys: dict[str, SigningKey]) -> None:
    others = [{"kid": "e", "alg": "RSA-OAEP", "kty": "RSA"}, {**keys["bob"].public, "use": "enc"}]
    provider.answer = set_of(*others, keys["alice"].public)
    assert json.loads(fetch(provider.url, True)) == {"keys": [keys["alice"].public]}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://login.example/keys", "only https leaves this machine"),
        ("ftp://login.example/keys", "is no http or https URL"),
        ("file:///etc/keys", "is no http or https URL"),
        ("https://a:b@login.example/keys", "holds credentials"),
        ("http://127.0.0.1.example/keys", "only https leaves this machine"),
        ("http://[::1/keys", "is no http or https URL"),
    ],
)
def test_keys_come_over_tls_or_from_this_machine(url: str, why: str) -> None:
    with pytest.raises(SettingsError, match=f"issuers.people.jwks: .*{why}"):
        policy.read(with_changes(**{"issuers.people.jwks": url}))
    policy.read(with_changes(**{"issuers.people.jwks": "https://login.example/keys"}))


class Judged(Store):
    """Approvals of people whose keys a provider publishes."""

    def __init__(self, folder: Path, provider: Provider, keys: dict[str, SigningKey], fetched: Fetched) -> None:
        super().__init__()
        self.team = Team(folder, **{"issuers.people.jwks": provider.url})
        self.team.people = keys
        self.fetched = fetched
        self.gatekeeper = Gatekeeper(self.team.file, fetched)
        self.add(CATALOGS, catalog(tables=[ORDERS, OTHER]))
        self.add(SUGGESTIONS, ONE)

    def approve(self, who: str) -> list[str]:
        self.add(APPROVALS, self.team.approval(who, ONE, NOON), time=NOON)
        return self.turn()

    def turn(self) -> list[str]:
        """What is answered."""
        self.gatekeeper._next_look = 0
        rules = self.gatekeeper.look()
        taken = self.decide(lambda tx, deciding: Judging(tx, CODEC, rules, deciding, NOON).rule(), NOON)
        return [f"{body['verdict']}: {body['reason']}" for body in (json.loads(one.body) for one in taken)]


@pytest.fixture
def judged(tmp_path: Path, provider: Provider, keys: dict[str, SigningKey], fetched: Fetched) -> Judged:
    """Its provider does not answer yet."""
    provider.publish(keys["bob"])
    provider.opened.clear()
    return Judged(tmp_path, provider, keys, fetched)


def test_an_approval_waits_for_keys_that_are_on_their_way_and_holds_up_no_other(
    judged: Judged, provider: Provider, keys: dict[str, SigningKey]
) -> None:
    assert judged.approve("bob") == [], "its keys are just being fetched"
    provider.opened.set()
    judged.fetched.settled()
    before = judged.gatekeeper.rules.digest
    assert judged.turn() == ["complete: 1 of 1 steps may be done, now"]
    assert judged.gatekeeper.rules.digest != before
    provider.publish(keys["bob"], keys["bob2"])
    refused = f"refused: 'people' has no key {keys['bob2'].values['kid']!r}: was it taken out, or not yet put in?"
    assert judged.approve("bob2") == [refused], "they came less than half a minute ago"
    judged.fetched.clock.now += AGAIN_S  # type: ignore[attr-defined]
    assert judged.approve("bob2") == []
    judged.fetched.settled()
    rules = judged.gatekeeper.rules
    taken = judged.decide(lambda tx, deciding: Judging(tx, CODEC, rules, deciding, NOON).rule(), NOON)
    assert taken == [], "they are there, and the rules have not seen them yet"
    assert judged.approve("bob") == ["complete: 1 of 1 steps may be done, now"] * 2


def test_a_provider_that_is_down_stops_nobody_whose_key_is_known_and_is_named_in_the_refusal(
    judged: Judged, provider: Provider, keys: dict[str, SigningKey]
) -> None:
    provider.opened.set()
    judged.fetched.after(0)
    provider.answer = GONE
    judged.fetched.after(RENEW_S)
    assert judged.approve("bob") == ["complete: 1 of 1 steps may be done, now"]
    assert judged.approve("bob2") == [
        f"refused: 'people' has no key {keys['bob2'].values['kid']!r}: its keys cannot be fetched: {provider.url} "
        "answers 503"
    ]


def test_keys_that_do_not_go_with_the_others_leave_the_rules_as_they_were_and_nobody_waiting(
    judged: Judged, provider: Provider, keys: dict[str, SigningKey]
) -> None:
    provider.opened.set()
    judged.fetched.after(0)
    judged.turn()
    twice = {**keys["bob"].public, "kid": "again", "sub": "alice"}
    provider.answer = set_of(keys["bob"].public, twice)
    judged.fetched.after(RENEW_S)
    assert judged.approve("bob2")[0].startswith("refused: 'people' has no key")
    assert judged.approve("bob") == ["complete: 1 of 1 steps may be done, now"]


def test_an_issuer_that_the_policy_names_anew_is_waited_for_too(
    judged: Judged, provider: Provider, tmp_path: Path
) -> None:
    judged.team.people["ci"] = create(tmp_path / "k" / "ci", "robots", "ci")
    judged.team.write(**{"issuers.robots": {"jwks": f"{provider.url}/robots"}})
    assert judged.approve("ci") == []
    provider.publish(judged.team.people["ci"])
    provider.opened.set()
    judged.fetched.settled()
    assert judged.turn() == ["refused: robots|ci is no approver of this policy"]


def test_who_checks_a_policy_waits_for_its_keys(judged: Judged, provider: Provider) -> None:
    provider.opened.set()
    assert read(judged.team.file).key_sets["people"].problem == ""
    provider.answer = GONE
    with pytest.raises(SettingsError, match="answers 503"):
        read(judged.team.file)


def test_a_provider_that_never_answered_is_waited_for_once(judged: Judged, provider: Provider) -> None:
    provider.answer = GONE
    assert judged.approve("bob") == []
    provider.opened.set()
    judged.fetched.settled()
    assert judged.turn() == [
        f"refused: 'people' has no key {judged.team.people['bob'].values['kid']!r}: its keys cannot be fetched: "
        f"{provider.url} answers 503"
    ]
