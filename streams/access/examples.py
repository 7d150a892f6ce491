"""A team's own examples of what its policy should do: each is brought before the gate.

What an example does not say fits: the suggestion was measured just before, is within all limits, and nothing drifted.
"""

import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from schemas.approvals import Claims, Verified
from schemas.errors import InputError
from schemas.plan import plan_hash
from schemas.records import Action, Cost, Limits, Machine, Step, Suggestion
from schemas.tokens import Identity
from store.approvals import Vote

from .gate import Case, Judgement, judge
from .policy import ACTIONS, Policy


class Example(BaseModel):
    """`approved_by` are approvers, in their order. `expect` is what the last of them is answered.

    "now" and "later" are of what is complete: it may be done at once, or from when a window opens on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    actions: list[str] = Field(min_length=1)
    approved_by: list[str] = Field(min_length=1)
    at: AwareDatetime
    expect: Literal["now", "later", "counted", "refused"]
    steps: int | None = None
    measured_days_ago: float = 0
    build_s: float = 0
    extra_bytes: int = 0
    peak_bytes: int = 0
    proposer: str | None = None


class Examples(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    example: list[Example] = Field(min_length=1)


def run(policy: Policy, file: Path) -> Iterator[tuple[str, str]]:
    """The name of each, and what is wrong with it, empty where nothing is. Raises InputError."""
    for example in _read(file):
        unknown = sorted({*example.approved_by, *filter(None, [example.proposer])} - set(policy.approvers))
        if unknown:
            yield example.name, f"there is no approver {', '.join(unknown)}"
            continue
        judgement = _judged(policy, example)
        found = _answer(judgement, example)
        told = f"expected {example.expect}, found {found}: {judgement.reason}"
        yield example.name, "" if found == example.expect else told


def _read(file: Path) -> list[Example]:
    try:
        found = Examples.model_validate(tomllib.loads(file.read_text())).example
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the examples {file} cannot be read: {error}") from error
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
        raise InputError(f"{file}: {'; '.join(wrong)}") from error
    for one in found:
        if strange := sorted(set(one.actions) - set(ACTIONS)):
            raise InputError(f"{file}: {one.name}: there is no action {strange[0]!r}, but {', '.join(ACTIONS)}")
    return found


def _judged(policy: Policy, example: Example) -> Judgement:
    suggestion = _suggestion(example)
    steps = len(suggestion.steps) if example.steps is None else example.steps
    claims = Claims(
        product="", database="", suggestion_id="", revision=1, plan_hash=suggestion.plan_hash, decision="approve",
        steps=steps,
    )  # fmt: skip
    votes: list[Vote] = []
    judgement = Judgement("refused", "nobody approved it")
    for approver in example.approved_by:
        issuer, _, subject = policy.approvers[approver].identities[0].partition("|")
        verified = Verified(Identity(issuer, subject), claims, "", example.at)
        judgement = judge(policy, verified, example.at, Case(suggestion, {}, votes, proposer=example.proposer))
        votes += [judgement.vote] if judgement.vote else []
    return judgement


def _answer(judgement: Judgement, example: Example) -> str:
    if judgement.verdict != "complete":
        return judgement.verdict
    return "now" if judgement.opens and judgement.opens <= example.at else "later"


def _suggestion(example: Example) -> Suggestion:
    limits = Limits(build_s=0, extra_bytes=0, peak_bytes=0)
    steps = [
        Step(
            action=Action(kind=kind, version=1, body=b""), touched=[], reversible=True, inverse=[], sql=[],
            inverse_sql=[], limits=limits,
        )
        for kind in example.actions
    ]  # fmt: skip
    measured = example.at - timedelta(days=example.measured_days_ago)
    return Suggestion(
        product="", database="", instance="", event_id="", time=measured, suggestion_id="", revision=1,
        analysis_id="", position=1, of=1, kind="change", rule="", title=example.name, reason="", steps=steps,
        plan_hash=plan_hash(steps), equality="", equality_reason="", after=[], gain=None,
        cost=Cost(
            build_s=example.build_s, extra_bytes=example.extra_bytes, peak_bytes=example.peak_bytes, write_ratio=1,
            write_low=1, write_high=1, writes=0, break_even_runs=0, break_even_s=0,
        ),
        queries=[], statements={}, considered=[],
        machine=Machine(
            duckdb_version="", cpus=0, threads=0, memory_limit_bytes=0, clone="none", clone_rows=0, clone_bytes=0,
            clone_s=0, share=0,
        ),
        catalog_hash="", window_start=measured, window_end=measured,
    )  # fmt: skip
