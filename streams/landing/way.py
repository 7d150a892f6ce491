"""How the next steps of a plan are landed: in place by the product's process, or as code by its people."""

from collections.abc import Sequence
from itertools import takewhile

from schemas.actions import CreateSummary, Rewrite
from schemas.records import Step

from .dropping import drops_hidden
from .script import is_advice


def next_part(steps: Sequence[Step], as_code: str) -> tuple[int, str]:
    """How many of the steps go together, and why as code: empty where the product's process carries them out.

    What is put out of sight is dropped later. `as_code` is the catalog's. Where the process does carry out, what
    changes no database is code nevertheless.
    """
    advice = is_advice(steps[0])
    alike = sum(1 for _ in takewhile(lambda step: is_advice(step) is advice, steps))
    count = len(steps) if as_code else alike
    count = next((at for at in range(1, count) if drops_hidden(steps, at)), count)
    if as_code:
        return count, as_code
    return count, f"{steps[0].action.kind} is no change of the database" if advice else ""


def only_prepares(steps: Sequence[Step], first: int, last: int) -> bool:
    """Whether these are tables that nothing uses before the rewrites behind them: by themselves they change nothing."""
    made = all(step.action.kind == CreateSummary.kind for step in steps[first:last])
    return made and any(step.action.kind == Rewrite.kind for step in steps[last:])
