"""The gate: the one function that every approval passes, whatever way it came. Pure: no clock, no file, no Kafka.

It asks who (verified before, by `schemas.approvals`), may they, what (the plan), is it still so, when, how many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from schemas.approvals import Claims, Verified
from schemas.plan import drift, expected
from schemas.records import Step, Suggestion
from schemas.render import Tables
from store.approvals import Verdict, Vote
from streams.landing.dropping import drops_hidden, drops_in_sight
from streams.landing.way import next_part
from streams.windows import Window, closing, opening

from .policy import DROP_AFTER_DAYS, ActionClass, Policy

NOTHING_SAID = "the comment says nothing: give it a score or a reason"
CLOCKS_DIFFER = timedelta(days=1)
"""As far as a suggestion may lie ahead of the approval, which may have waited for it."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is known when an approval arrives. `tables` are the catalog's, now.

    `suggestion` is the newest revision, None where none has come yet; `votes` are those on its plan, oldest first;
    `done` is how many of its steps are done; `proposer` is the approver who asked for the change, if one did.
    `as_code` says why the product is not changed in place.
    """

    suggestion: Suggestion | None
    tables: Tables
    votes: Sequence[Vote] = ()
    done: int = 0
    proposer: str | None = None
    as_code: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """`verdict` says what becomes of the approval, `reason` why, for whoever sent it.

    "refused": it counts for nothing. "waits": its suggestion has not come yet. "counted": others are needed too.
    "complete": the first `steps` of the plan may be done, from `opens` on. "rejected", "deferred": so it was decided.
    "noted": a comment, which is no vote on the plan.
    `opens` is as of the approval: windows, freezes and drift are asked again by whoever carries it out.
    """

    verdict: Verdict
    reason: str
    vote: Vote | None = None
    steps: int = 0
    opens: datetime | None = None


def judge(policy: Policy, verified: Verified, at: datetime, case: Case) -> Judgement:
    """`at` is the broker's time of the approval."""
    claims, suggestion = verified.claims, case.suggestion
    if (approver := policy.approver_of(verified.identity)) is None:
        return _refused(f"{verified.identity} is no approver of this policy")
    if suggestion is None:
        return Judgement("waits", f"there is no suggestion {claims.suggestion_id} yet: it is looked at when it comes")
    if problem := _is_not_the_plan(claims, suggestion, case.done) or _is_settled(case.votes, claims):
        return _refused(problem)
    vote = Vote(approver, claims.decision, claims.steps)
    if claims.decision == "comment":
        said = claims.reason or claims.score
        return Judgement("noted", f"noted{_because(approver, claims)}", vote) if said else _refused(NOTHING_SAID)
    steps = suggestion.steps[: claims.steps] if claims.decision == "approve" else suggestion.steps
    if problem := _may_not(policy, approver, steps, claims.decision):
        return _refused(problem)
    if claims.decision != "approve":
        verdict: Verdict = "rejected" if claims.decision == "reject" else "deferred"
        agreed, _ = agreed_steps(policy, suggestion.steps, [*case.votes, vote], case.proposer)
        reason = f"{verdict}{_because(approver, claims)}"
        return Judgement(verdict, reason, vote, agreed if verdict == "deferred" else 0)
    if approver == case.proposer:
        return _refused(f"{approver} proposed it, so others have to approve it")
    if problem := against(policy, suggestion, steps, case, at):
        return _refused(problem)
    # others may have approved more than this vote: what is against those steps has to be asked too
    agreed, missing = agreed_steps(policy, suggestion.steps, [*case.votes, vote], case.proposer)
    while agreed > case.done and (problem := against(policy, suggestion, suggestion.steps[:agreed], case, at)):
        agreed, missing = agreed - 1, problem
    if agreed <= case.done:
        return Judgement("counted", missing, vote, agreed)
    judgement = when(policy, suggestion, agreed, at, vote)
    if judgement.verdict != "complete":
        return judgement
    return replace(judgement, reason=judgement.reason + how(policy, suggestion, case, agreed))


def how(policy: Policy, suggestion: Suggestion, case: Case, agreed: int) -> str:
    """What else there is to say to who approves so many steps: sentences, each with a full stop before it."""
    told = ""
    first, last = case.done, agreed
    while first < last:
        count, why = next_part(suggestion.steps[first:last], case.as_code)
        if why:
            what = "it" if (first, count) == (case.done, last - first) else f"steps {first + 1} to {first + count}"
            told += f". Land {what} as code, by `sidecar code {suggestion.suggestion_id[:13]}`: {why}"
            if case.as_code:
                break
        first += count
    if any(drops_hidden(suggestion.steps, at) for at in range(case.done, agreed)):
        days = unseen_days(policy)
        told += f". What is dropped is out of sight for {days:g} days first, and comes back if missed"
    return told


def unseen_days(policy: Policy | None) -> float:
    """For which nobody may have asked for what is dropped: of the classes that drop the longest."""
    found = [policy.class_of(kind) for kind in ("drop_table", "drop_column")] if policy else []
    return max((one[1].drop_after_days for one in found if one), default=DROP_AFTER_DAYS)


def when(policy: Policy, suggestion: Suggestion, steps: int, at: datetime, vote: Vote | None = None) -> Judgement:
    """When the first `steps`, to which enough have agreed, may be done."""
    opens = opening(_windows(policy, suggestion, steps), policy.freezes, at)
    if opens is None:
        return Judgement(
            "counted", "enough have approved it, but no maintenance window opens in the next 60 days", vote
        )
    what = f"{steps} of {len(suggestion.steps)} steps may be done"
    soon = "now" if opens <= at else f"from {opens:%Y-%m-%d %H:%M} UTC on, when the maintenance window opens"
    return Judgement("complete", f"{what}, {soon}", vote, steps, opens)


def closes(policy: Policy, suggestion: Suggestion, steps: int, at: datetime) -> datetime | None:
    """Until when the first `steps`, which may be done at this moment, may be begun; None where nothing ends it."""
    return closing(_windows(policy, suggestion, steps), policy.freezes, at)


def _windows(policy: Policy, suggestion: Suggestion, steps: int) -> list[list[Window]]:
    """For each class."""
    return [[policy.windows[name] for name in judged.windows] for judged in _classes(policy, suggestion.steps[:steps])]


def agreed_steps(
    policy: Policy, steps: Sequence[Step], votes: Sequence[Vote], proposer: str | None = None
) -> tuple[int, str]:
    """How many of the first steps enough different approvers have let be done, and what the next one lacks.

    Each needs a role for the step's class; who lets more be done has let the steps before be done too.
    """
    last = {vote.approver: vote for vote in votes if vote.approver in policy.approvers and vote.approver != proposer}
    for done, step in enumerate(steps):
        if (judged := policy.class_of(step.action.kind)) is None:
            return done, _in_no_class(step.action.kind)
        name, found = judged
        have = {
            vote.approver
            for vote in last.values()
            if vote.decision == "approve" and vote.steps > done and policy.may(vote.approver, found)
        }
        if len(have) < found.quorum:
            others = sorted(set(policy.those_who_may(found)) - have - {proposer})
            return done, f"{len(have)} of {found.quorum} for {name} have approved it: {', '.join(others)} may"
    return len(steps), ""


def _is_not_the_plan(claims: Claims, suggestion: Suggestion, done: int) -> str | None:
    if (claims.product, claims.database) != (suggestion.product, suggestion.database):
        return f"the suggestion is for {suggestion.product}/{suggestion.database}, not what it names"
    if suggestion.kind != "change" or not suggestion.steps:
        return "the suggestion is to change nothing"
    if claims.revision != suggestion.revision:
        return f"it is for revision {claims.revision}, and revision {suggestion.revision} is the one that is open"
    if claims.plan_hash != suggestion.plan_hash:
        return "it is for another plan: its plan hash is not that of the suggestion"
    if claims.decision == "approve" and not done < claims.steps <= len(suggestion.steps):
        return f"it is for {claims.steps} steps: the plan has {len(suggestion.steps)}, of which {done} are done"
    return None


def _is_settled(votes: Sequence[Vote], claims: Claims) -> str | None:
    rejected = next((vote.approver for vote in votes if vote.decision == "reject"), None)
    if rejected and claims.decision == "approve":
        return f"{rejected} rejected it: a new revision can be approved"
    return None


def _may_not(policy: Policy, approver: str, steps: Sequence[Step], decision: str) -> str | None:
    """To approve one needs a role for every class; to stop it, for one of them."""
    problems = []
    for kind in dict.fromkeys(step.action.kind for step in steps):
        if (judged := policy.class_of(kind)) is None:
            problems.append(_in_no_class(kind))
        elif not policy.may(approver, judged[1]):
            name, found = judged
            may = ", ".join(policy.those_who_may(found))
            problems.append(f"{approver} has no role for {name} ({', '.join(found.roles)}): {may} may")
    enough = not problems if decision == "approve" else len(problems) < len({step.action.kind for step in steps})
    return None if enough else problems[0]


def against(policy: Policy, suggestion: Suggestion, steps: Sequence[Step], case: Case, at: datetime) -> str | None:
    """What forbids these steps, whoever approves them. What waits out of sight to be dropped is not late."""
    if unknown := next((step.action.kind for step in steps if policy.class_of(step.action.kind) is None), None):
        return _in_no_class(unknown)
    if dropped := drops_in_sight(suggestion.steps[: len(steps)]):
        return f"its step {dropped.action.kind} drops what the step before it has not put out of sight: land it as code"
    late = None if drops_hidden(suggestion.steps, case.done) else is_too_late(policy, suggestion, steps, at)
    if problem := late or is_too_much(policy, suggestion, steps):
        return problem
    if drifted := drift(expected(steps[case.done :], done=False), case.tables):
        return f"{', '.join(drifted)} changed since it was planned: the next analysis plans it anew"
    return None


def expires_days(policy: Policy, steps: Sequence[Step]) -> float:
    """After it was measured: of several classes the shortest."""
    return min(judged.expires_days for judged in _classes(policy, steps))


def is_too_late(policy: Policy, suggestion: Suggestion, steps: Sequence[Step], at: datetime) -> str | None:
    """Why it expired for these steps, if it did."""
    days = expires_days(policy, steps)
    if suggestion.time > at + CLOCKS_DIFFER:
        return f"it says that it was measured on {suggestion.time:%Y-%m-%d %H:%M} UTC, which lies ahead"
    if at - suggestion.time > timedelta(days=days):
        return (
            f"it was measured on {suggestion.time:%Y-%m-%d %H:%M} UTC, more than {days:g} days before: the next "
            "analysis measures it anew"
        )
    return None


def is_too_much(policy: Policy, suggestion: Suggestion, steps: Sequence[Step]) -> str | None:
    """Which limit it is beyond, if it is."""
    if (cost := suggestion.cost) is None:
        return "it does not say what it costs"
    for judged in _classes(policy, steps):
        for what, found, most, unit in (
            ("takes", cost.build_s, judged.build_s, "s to build"),
            ("needs", cost.extra_bytes, judged.extra_bytes, "bytes more on disk"),
            ("needs", cost.peak_bytes, judged.peak_bytes, "bytes while it is built"),
        ):
            if found > most:
                return f"it {what} {found:,.0f} {unit}, and the policy allows {most:,.0f}"
    return None


def _classes(policy: Policy, steps: Sequence[Step]) -> list[ActionClass]:
    found = {judged[0]: judged[1] for step in steps if (judged := policy.class_of(step.action.kind))}
    return list(found.values())


def _because(approver: str, claims: Claims) -> str:
    score = f", {claims.score} of 5" if claims.score else ""
    return f" by {approver}{score}{f': {claims.reason}' if claims.reason else ''}"


def _in_no_class(kind: str) -> str:
    return f"no class of the policy holds {kind}, so nobody may approve it: it can be landed as code"


def _refused(reason: str) -> Judgement:
    return Judgement("refused", reason)
