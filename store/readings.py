"""Why people rejected suggestions: the texts of their approvals, as they were read."""

from dataclasses import dataclass
from datetime import date

from duckdb import DuckDBPyConnection

from schemas.records import Reading

from .documents import document

REJECTED = """
    SELECT suggestion_id::UUID AS suggestion_id,
           max(revision) FILTER (verdict = 'rejected') AS revision,
           max(timestamp) FILTER (verdict = 'rejected') AS timestamp,
           coalesce(last(CASE WHEN readings.record->>'backend' <> 'rules' THEN readings.reason END
                         ORDER BY sequence, rulings.rowid) FILTER (text <> ''), '') AS reason
    FROM rulings LEFT JOIN readings USING (approval)
    WHERE verdict = 'rejected' OR verdict = 'noted' AND EXISTS (
        FROM rulings AS before
        WHERE before.verdict = 'rejected' AND before.suggestion_id = rulings.suggestion_id
            AND before.approver = rulings.approver
            AND (before.sequence, before.rowid) < (rulings.sequence, rulings.rowid)
    )
    GROUP BY suggestion_id
"""
"""Each suggestion that was rejected once, however many of its revisions were. Its reason is that of the last text of
who rejected it, so that a comment afterwards tells it, or tells it better; empty where that was not read or understood,
and where it was read by words alone, which are right too seldom to move anything.
"""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Suggestions by the class of the reason for which they were rejected, empty where that was not understood."""

    reason: str
    suggestions: int


def apply(tx: DuckDBPyConnection, reading: Reading, partition: int, offset: int) -> None:
    """First is what has the lowest partition and offset, so that the order of applying does not matter.

    Raises RecordError.
    """
    tx.execute(
        """
        INSERT INTO readings VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (approval) DO UPDATE SET
            reason = excluded.reason, record_partition = excluded.record_partition,
            record_offset = excluded.record_offset, record = excluded.record
        WHERE (excluded.record_partition, excluded.record_offset) < (record_partition, record_offset)
        """,
        [f"{reading.approval.partition}/{reading.approval.offset}", reading.reason, partition, offset,
         document(reading)],
    )  # fmt: skip


def rejected(tx: DuckDBPyConnection, month: date | None, product: str | None) -> list[Rejected]:
    """Of one month, by its first day, or all; the most frequent reason first."""
    rows = tx.execute(
        f"""
        SELECT reason, count(*) FROM (
            SELECT reason FROM ({REJECTED}) AS rejected JOIN suggestions USING (suggestion_id, revision)
            WHERE product = coalesce(?, product)
                AND date_trunc('month', rejected.timestamp) = coalesce(?, date_trunc('month', rejected.timestamp))
        ) GROUP BY reason ORDER BY count(*) DESC, reason
        """,  # noqa: S608 - a constant of this module
        [product, month],
    ).fetchall()
    return [Rejected(*row) for row in rows]
