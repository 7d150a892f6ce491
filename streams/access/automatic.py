"""Approves by itself what its class has earned: changes that can be taken back, after so many gains in a row.

One change of a database at a time, until it is judged; and only what the newest analysis suggests, nobody has decided
on and was never tried. Nothing where the product verifies approvals by its own keys, since nobody has signed, and
nothing that people land as code.
"""

from dataclasses import dataclass
from datetime import datetime

from duckdb import DuckDBPyConnection

from schemas.canonical import canonical
from schemas.codec import Codec
from schemas.records import Suggestion
from schemas.render import by_name
from store import catalogs, operations, record, suggestions, watches
from store.approvals import Ruled
from store.watches import Watched
from streams.deciding import Deciding
from streams.landing.dropping import hides
from streams.landing.way import only_prepares

from .gate import Case, against, when
from .gatekeeper import Rules
from .judging import answer
from .policy import AUTOMATIC, Policy


@dataclass(frozen=True, slots=True)
class Earned:
    """`operations` are those whose verdicts earned it; `missing` says why it has not, and is empty where it has."""

    operations: list[str]
    missing: str = ""


def rule(tx: DuckDBPyConnection, codec: Codec, rules: Rules | None, deciding: Deciding, now: datetime) -> None:
    if rules is None or (automatic := rules.policy.automatic) is None:
        return
    actions = [action for name in automatic.classes for action in rules.policy.classes[name].actions]
    # what waits out of sight, or for people to land the rest of a plan, may take weeks
    busy = {(one.product, one.database) for one in watches.waiting(tx) if not _may_take_weeks(tx, one)}
    busy |= {(one.product, one.database) for one in operations.ready(tx, now) if not one.done}
    for one in suggestions.untouched(tx, actions):
        place = one.product, one.database
        if deciding.full:
            return
        if place in busy or operations.under_way(tx, *place, now):
            continue
        found = earned(tx, rules.policy, one)
        if not found.missing and _approve(tx, codec, rules, deciding, now, one, found):
            busy.add(place)


def _may_take_weeks(tx: DuckDBPyConnection, one: Watched) -> bool:
    of = suggestions.revision(tx, one.suggestion_id, one.revision)
    return of is not None and (only_prepares(of.steps, one.first, one.last) or hides(of.steps[one.last - 1]))


def earned(tx: DuckDBPyConnection, policy: Policy, suggestion: Suggestion) -> Earned:
    automatic = policy.automatic
    if automatic is None or not suggestion.steps:
        return Earned([], "the policy lets nothing be done by itself")
    if not all(step.reversible for step in suggestion.steps):
        return Earned([], "it cannot be taken back")
    if suggestion.gain is None or suggestion.gain.unproved:
        return Earned([], "its gain is not proved")
    evidence: dict[str, None] = {}
    for kind in dict.fromkeys(step.action.kind for step in suggestion.steps):
        judged = policy.class_of(kind)
        if judged is None or judged[0] not in automatic.classes:
            return Earned([], f"{kind} is not done by itself")
        gains = record.gains_in_a_row(tx, suggestion.product, judged[1].actions)
        if len(gains) < automatic.verified:
            return Earned([], f"{judged[0]} has {len(gains)} of {automatic.verified} verified gains in a row")
        evidence |= dict.fromkeys(gains[-automatic.verified :])
    return Earned(list(evidence))


def _approve(
    tx: DuckDBPyConnection, codec: Codec, rules: Rules, deciding: Deciding, now: datetime, one: Suggestion, by: Earned
) -> bool:
    """Whether the gate lets it be done, but for who approves it."""
    catalog = catalogs.newest(tx, one.product, one.database)
    if catalog is None or catalog.pinned or catalog.as_code:
        return False
    if against(rules.policy, one, one.steps, Case(one, by_name(catalog.tables)), now):
        return False
    judgement = when(rules.policy, one, len(one.steps), now)
    if judgement.verdict != "complete":
        return False
    reason = f"automatic, after {len(by.operations)} changes in a row that brought what was promised"
    body = Ruled(
        approval="",
        approval_id="",
        policy=rules.digest,
        verdict="complete",
        reason=f"{reason}: {judgement.reason}",
        approver=AUTOMATIC,
        suggestion_id=one.suggestion_id,
        revision=one.revision,
        plan_hash=one.plan_hash,
        steps=len(one.steps),
        agreed=len(one.steps),
        opens=judgement.opens,
        evidence=by.operations,
    )
    message = answer(codec, deciding, now, one.product, one.database, body)
    deciding.decide("rule", one.product, one.database, canonical(body), message)
    return True
