"""The team's policy, a TOML file in its own repository: who may let which changes be done, when, and how large.

What is in no class is not allowed. A policy that can never be met, or that names what is not there, does not load.
"""

import difflib
import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from inference.advisor.rules import RULES
from schemas.actions import KINDS, Body, DropColumn, DropTable
from schemas.approvals import AUDIENCE
from schemas.errors import SettingsError
from schemas.records import Mute
from schemas.tokens import API_AUDIENCE, Identity, Issuer, Keyring, keys_of
from streams import urls
from streams.windows import HORIZON, Freeze, Window, opening

from .key_sets import KeySet

DROP_AFTER_DAYS = 30.0
DEVELOPMENT = "it is for development alone: it takes keys of HS256, which whoever verifies can forge"
ACTIONS = sorted({kind for kind, _ in KINDS})
AUTOMATIC = "automatic"
"""Who approves what its class has earned: no approver has that name."""
IRREVERSIBLE: tuple[type[Body], ...] = (DropColumn, DropTable)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrustedIssuer(_Part):
    """`jwks` is a file beside the policy, or a URL. Each key of people and services says by `sub` whose it is.

    Of an identity provider (`id_tokens`), `audience` is the client id that its tokens are made for.
    """

    jwks: str
    id_tokens: bool = False
    audience: str = AUDIENCE

    @property
    def url(self) -> str | None:
        return self.jwks if "://" in self.jwks else None


class Approver(_Part):
    """A person or service. `identities` are all of it, as `issuer|subject`, so that nobody counts twice."""

    identities: list[str] = Field(min_length=1)
    roles: list[str] = Field(min_length=1)

    @field_validator("identities")
    @classmethod
    def _both(cls, identities: list[str]) -> list[str]:
        if wrong := [one for one in identities if not all(one.partition("|")[::2])]:
            raise ValueError(f"{wrong[0]!r} is no `issuer|subject`")
        return identities


class ActionClass(_Part):
    """Changes that are judged alike. One of `roles` may approve, `quorum` different ones have to.

    Limits are of what was measured on the clone, in seconds and bytes. A suggestion expires `expires_days` after it
    was measured. What is dropped is out of sight for `drop_after_days` first, and comes back if anything asks for it.
    Without `windows` it may be carried out at any time that is not frozen.
    """

    actions: list[str] = Field(min_length=1)
    roles: list[str] = Field(min_length=1)
    quorum: int = Field(1, ge=1)
    build_s: float = Field(gt=0)
    extra_bytes: int = Field(ge=0)
    peak_bytes: int = Field(gt=0)
    expires_days: float = Field(7, gt=0, le=3650)
    drop_after_days: float = Field(DROP_AFTER_DAYS, gt=0, le=3650)
    windows: list[str] = []


class Automatic(_Part):
    """Classes that need nobody once `verified` of their changes in a row brought what was promised."""

    classes: list[str] = Field(min_length=1)
    verified: int = Field(ge=1)


class Muted(_Part):
    """What is not to be proposed: a rule, of one product or all, and of one table or all that its changes name.

    `by` and `reason` are told beside what is passed over. It holds `until` then, or for good.
    """

    rule: str
    product: str = ""
    table: str = ""
    by: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    until: AwareDatetime | None = None

    @property
    def lasts(self) -> str:
        """As the end of a clause; nothing where it holds for good."""
        return f" until {self.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if self.until else ""


class Policy(_Part):
    version: Literal[1]
    development: bool = False
    """Takes keys of HS256, which whoever verifies can forge."""
    issuers: dict[str, TrustedIssuer] = Field(min_length=1)
    approvers: dict[str, Approver] = Field(min_length=1)
    classes: dict[str, ActionClass] = Field(min_length=1)
    windows: dict[str, Window] = {}
    freezes: list[Freeze] = []
    automatic: Automatic | None = None
    mutes: list[Muted] = []

    def class_of(self, kind: str) -> tuple[str, ActionClass] | None:
        return next(((name, one) for name, one in self.classes.items() if kind in one.actions), None)

    def approver_of(self, identity: Identity | str) -> str | None:
        return next((name for name, one in self.approvers.items() if str(identity) in one.identities), None)

    def may(self, approver: str, judged: ActionClass) -> bool:
        return not set(judged.roles).isdisjoint(self.approvers[approver].roles)

    def muted(self, product: str, now: datetime) -> list[Mute]:
        """What holds now, as an analysis is told of it."""
        return [
            Mute(rule=one.rule, table=one.table, reason=f"muted by {one.by}{one.lasts}: {one.reason}")
            for one in self.mutes
            if one.product in ("", product) and (one.until is None or now < one.until)
        ]

    def those_who_may(self, judged: ActionClass) -> list[str]:
        return sorted(name for name in self.approvers if self.may(name, judged))

    def lacking_keys(self, approver: str, keys: Keyring) -> list[str]:
        """Why each identity of an approver cannot sign; empty where one can, or where nobody knows.

        Who has a key at a URL may change at any time, and whom an identity provider signs for is known to it alone.
        """
        lacking = []
        for text in self.approvers[approver].identities:
            issuer, _, subject = text.partition("|")
            trusted = self.issuers[issuer]
            if trusted.url or trusted.id_tokens or keys.has_key_of(Identity(issuer, subject)):
                return []
            lacking.append(f"{text} has no key in {trusted.jwks}")
        return lacking


FIELDS = {
    name
    for part in (Policy, TrustedIssuer, Approver, ActionClass, Automatic, Muted, Window, Freeze)
    for name in part.model_fields
}


def parse(text: bytes, told: str = "the policy") -> Policy:
    """Raises SettingsError with all that is wrong with the policy."""
    try:
        values = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{told} is no TOML: {error}") from error
    return read(values, told)


def read(values: Mapping[str, Any], told: str = "the policy") -> Policy:
    """From the values of the file. Raises SettingsError."""
    try:
        policy = Policy.model_validate(values)
    except ValidationError as error:
        raise SettingsError(f"{told}: {'; '.join(_wrong(error))}") from error
    if contradictions := list(_contradictions(policy)):
        raise SettingsError(f"{told}: {'; '.join(contradictions)}")
    return policy


def keyring(policy: Policy, key_sets: Mapping[str, KeySet]) -> Keyring:
    """From the JWK set of each issuer. Raises SettingsError for a key that is not to be trusted."""
    issuers = []
    for name, one in policy.issuers.items():
        jwks, problem = key_sets[name].jwks, key_sets[name].problem
        if jwks is None:
            issuers.append(Issuer(name, {}, one.audience, one.id_tokens, problem))
            continue
        try:
            values = json.loads(jwks)
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"{one.jwks} is no JWK set: {error}") from error
        if not isinstance(values, dict):
            raise SettingsError(f'{one.jwks} is no JWK set, which is {{"keys": [...]}}')
        try:
            keys = keys_of(values, bound=not one.id_tokens, development=policy.development)
        except SettingsError as error:
            raise SettingsError(f"{one.jwks}: {error}") from error
        issuers.append(Issuer(name, keys, one.audience, one.id_tokens, problem))
    return Keyring(issuers)


def unsigned(policy: Policy, keys: Keyring) -> Iterator[str]:
    """Classes that can never be met by these keys."""
    for name, one in policy.classes.items():
        lacking = {who: policy.lacking_keys(who, keys) for who in policy.those_who_may(one)}
        able = [who for who, problems in lacking.items() if not problems]
        if len(able) < one.quorum:
            told = "; ".join(problem for problems in lacking.values() for problem in problems)
            yield (
                f"classes.{name} can never be met: it needs {one.quorum} approvers, and of those who may only "
                f"{len(able)} can sign ({', '.join(able) or 'nobody'}): {told}"
            )


def closed(policy: Policy, now: datetime) -> Iterator[str]:
    """Classes of which nothing can be carried out for long. They will be, one day: it is no contradiction."""
    for name, one in policy.classes.items():
        if opening([[policy.windows[window] for window in one.windows]], policy.freezes, now) is None:
            yield (
                f"nothing of {name} is carried out in the next {HORIZON.days} days: "
                f"{'none of its windows opens' if one.windows else 'there is no time'} outside the freezes"
            )


def _wrong(error: ValidationError) -> Iterator[str]:
    for one in error.errors(include_input=False):
        place = ".".join(map(str, one["loc"]))
        if one["type"] == "extra_forbidden":
            yield f"{place} is nothing that a policy has{_meant(str(one['loc'][-1]), FIELDS)}"
        else:
            yield f"{place}: {one['msg'].removeprefix('Value error, ')}"


def _contradictions(policy: Policy) -> Iterator[str]:
    roles = {role for one in policy.approvers.values() for role in one.roles}
    held = Counter(identity for one in policy.approvers.values() for identity in set(one.identities))
    for issuer, trusted in policy.issuers.items():
        if "|" in issuer:
            yield f"issuers.{issuer}: no issuer has a | in its name"
        if trusted.url and (problem := urls.objection(trusted.url)):
            yield f"issuers.{issuer}.jwks: {problem}"
        if trusted.audience == API_AUDIENCE:
            yield f"issuers.{issuer}.audience: {API_AUDIENCE} is the API's, whose tokens approve nothing"
    if AUTOMATIC in policy.approvers:
        yield f"approvers.{AUTOMATIC}: what is approved by itself is told by that name, so nobody may have it"
    for identity in sorted(identity for identity, times in held.items() if times > 1):
        yield f"{identity!r} is of several approvers: it would count twice"
    for name, approver in policy.approvers.items():
        for identity in approver.identities:
            issuer = identity.partition("|")[0]
            if issuer not in policy.issuers:
                yield f"approvers.{name}: there is no issuer {issuer!r}{_meant(issuer, policy.issuers)}"
    placed = Counter(action for one in policy.classes.values() for action in set(one.actions))
    for action in sorted(action for action, times in placed.items() if times > 1):
        yield f"the action {action!r} is in several classes: which of them would judge it?"
    for name, one in policy.classes.items():
        for action in one.actions:
            if action not in ACTIONS:
                yield f"classes.{name}: there is no action {action!r}{_meant(action, ACTIONS)}"
        for role in one.roles:
            if role not in roles:
                yield f"classes.{name}: nobody has the role {role!r}{_meant(role, roles)}"
        for window in one.windows:
            if window not in policy.windows:
                yield f"classes.{name}: there is no window {window!r}{_meant(window, policy.windows)}"
        able = policy.those_who_may(one)
        if len(able) < one.quorum:
            yield (
                f"classes.{name} can never be met: it needs {one.quorum} approvers, and only {len(able)} may "
                f"({', '.join(able) or 'nobody'})"
            )
    yield from _too_easy(policy)
    rules = [rule.name for rule in RULES]
    for number, muted in enumerate(policy.mutes):
        if muted.rule not in rules:
            yield f"mutes.{number}: there is no rule {muted.rule!r}{_meant(muted.rule, rules)}"


def _too_easy(policy: Policy) -> Iterator[str]:
    irreversible = {body.kind for body in IRREVERSIBLE}
    for name in policy.automatic.classes if policy.automatic else []:
        if name not in policy.classes:
            yield f"automatic: there is no class {name!r}{_meant(name, policy.classes)}"
        elif lasting := sorted(irreversible & set(policy.classes[name].actions)):
            yield f"automatic: {name!r} holds {', '.join(lasting)}, which cannot be undone: somebody has to approve it"


def _meant(word: str, known: Iterable[str]) -> str:
    """The nearest of what is known, as a question."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f": {near[0]!r} was meant?" if near else ""
