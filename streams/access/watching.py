"""What is compared with before, once a change was made."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from duckdb import DuckDBPyConnection

from schemas.actions import CreateSummary, Rewrite, unpack
from schemas.definition import words
from schemas.fingerprint import shape
from schemas.records import Step, Suggestion
from store import watches, workload

SHAPES = 100
"""Of a workload, those that took most time, to compare."""


def to_watch(tx: DuckDBPyConnection, suggestion: Suggestion, steps: Sequence[Step], now: datetime) -> dict[str, Any]:
    """For `store.operations.Operate`: what these steps affect, writes to their tables among it, and what they do not.

    By what ran under whatever catalog: another change may have been made a moment before.

    As long as rewrites are missing, on which the gain rests, the writes are all that they affect.
    """
    since = now - watches.BEFORE
    found = workload.top(tx, suggestion.product, suggestion.database, None, since, now, SHAPES)
    seen = found.shapes if found else []
    # a summary is a table of its own, which no write to what it is made from has to keep
    changed = [step for step in steps if step.action.kind != CreateSummary.kind]
    names = {one.name.lower() for step in changed for one in step.touched}
    affected = {one.fingerprint for one in seen if one.kind in workload.WRITES and words(one.statement) & names}
    queries = {one.fingerprint for one in suggestion.queries}
    rewritten, arrived = _rewrites(suggestion.steps), _rewrites(steps)
    if arrived or not rewritten:
        affected |= queries - rewritten.keys()
    others = [one.fingerprint for one in seen if one.kind == "select" and one.fingerprint not in affected | queries]
    replaced = {shape(statement).id: old for old, statement in arrived.items()}
    return {"watched": sorted(affected - replaced.keys()), "compared": others, "replaced": replaced}


def _rewrites(steps: Sequence[Step]) -> dict[str, str]:
    """The new statements by the fingerprints of the old ones."""
    found = [body for step in steps if isinstance(body := unpack(step.action), Rewrite)]
    return {one.fingerprint: one.statement for one in found}
