"""A policy in words: what each class asks, and what it would ask of one suggestion."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from inference.advisor.wording import seconds, size
from schemas.records import Suggestion

from .gate import expires_days, is_too_late, is_too_much, when
from .policy import DEVELOPMENT, ActionClass, Policy, closed


def classes(policy: Policy) -> Iterator[tuple[str, ...]]:
    """A row for each class: name, actions, who may, how many, when, limits, expiry."""
    for name, one in policy.classes.items():
        yield (
            name,
            ", ".join(one.actions),
            ", ".join(policy.those_who_may(one)),
            str(one.quorum),
            ", ".join(one.windows) or "at any time",
            _limits(one),
            f"after {one.expires_days:g} days",
        )


def beside(policy: Policy, now: datetime) -> Iterator[str]:
    """What is dubious about it, and what is done, or left alone, without anybody being asked each time."""
    if policy.development:
        yield f"warning: {DEVELOPMENT}"
    yield from (f"warning: {problem}" for problem in closed(policy, now))
    if policy.automatic:
        for name in policy.automatic.classes:
            yield f"{name} is approved by itself after {policy.automatic.verified} verified gains in a row"
    for one in policy.mutes:
        of = f" of {one.product}" if one.product else ""
        on = f" on {one.table}" if one.table else ""
        yield f"{one.rule}{on}{of} is not proposed{one.lasts}: {one.reason} ({one.by})"


def asked(policy: Policy, suggestion: Suggestion, now: datetime) -> Iterator[str]:
    """Of each step, and of the whole plan, were it approved now."""
    yield f"{suggestion.title} ({suggestion.product}/{suggestion.database}, revision {suggestion.revision})"
    allowed = 0
    for number, step in enumerate(suggestion.steps, start=1):
        kind = step.action.kind
        if (judged := policy.class_of(kind)) is None:
            yield f"step {number}: {kind} is in no class, so nobody may approve it or what comes after it"
            break
        name, one = judged
        allowed = number
        yield f"step {number}: {kind} is of {name}: {one.quorum} of {', '.join(policy.those_who_may(one))}"
    if not allowed:
        return
    steps = suggestion.steps[:allowed]
    if problem := is_too_late(policy, suggestion, steps, now) or is_too_much(policy, suggestion, steps):
        yield f"refused: {problem}"
        return
    yield when(policy, suggestion, allowed, now).reason
    until = suggestion.time + timedelta(days=expires_days(policy, steps))
    yield f"approvals are taken until {until:%Y-%m-%d %H:%M} UTC"


def _limits(one: ActionClass) -> str:
    return f"{seconds(one.build_s)}, {size(one.extra_bytes)} more, {size(one.peak_bytes)} meanwhile"
