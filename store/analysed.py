"""What came of each analysis: its suggestions, with what people and production said of them afterwards."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from schemas.records import Suggestion

from .analyses import LISTED, THROUGH
from .documents import read
from .readings import REJECTED
from .watches import Judge


@dataclass(frozen=True, slots=True)
class Answered:
    """`reason` is the class of reason for which it was rejected, empty where that was not understood.

    `score` is the mean of its approvers' last ones.
    """

    suggestion: Suggestion
    is_rejected: bool
    is_taken_back: bool
    reason: str
    score: float | None
    judged: Judge | None


def analysed(tx: DuckDBPyConnection, most: int) -> Mapping[str, list[Answered]]:
    """Of each database the newest `most` analyses whose suggestions all have come, by id, the newest first."""
    rows = tx.execute(
        f"""
        SELECT analysis_id, suggestion, approved IS NOT DISTINCT FROM false, executed IS NOT DISTINCT FROM false,
               coalesce(reason, ''), feedback_score, outcome
        FROM (
            SELECT analysis_id, product, database, sequence FROM ({LISTED}) WHERE {THROUGH}
            QUALIFY row_number() OVER (PARTITION BY product, database ORDER BY sequence DESC) <= ?
        ) JOIN agent_decisions ON suggestion->>'analysis_id' = analysis_id
        LEFT JOIN ({REJECTED}) AS rejected ON rejected.suggestion_id = (suggestion->>'suggestion_id')::UUID
        ORDER BY sequence DESC, analysis_id, (suggestion->>'position')::BIGINT, decision_id
        """,  # noqa: S608 - constants of ours
        [most],
    ).fetchall()
    found: dict[str, list[Answered]] = defaultdict(list)
    for analysis_id, text, is_rejected, is_taken_back, reason, score, outcome in rows:
        judged = Judge.model_validate_json(outcome) if outcome else None
        answered = Answered(read(Suggestion, text), is_rejected, is_taken_back, reason, score, judged)
        found[analysis_id].append(answered)
    return found
