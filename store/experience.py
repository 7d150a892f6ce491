"""What came of the suggestions of each rule: verdicts, rejections and scores."""

from duckdb import DuckDBPyConnection

from schemas.records import Experience

from .readings import REJECTED


def of(tx: DuckDBPyConnection, product: str) -> list[Experience]:
    """Of the product and of all others, by rule.

    A suggestion counts once as rejected however many of its revisions were, and of each approver the last score; of a
    plan that was judged in parts the last verdict, which is held against the whole promise, unless one was "worse".
    One that had nothing to compare with counts for nothing.
    """
    rows = tx.execute(
        f"""
        WITH told AS (
            SELECT suggestion_id, revision, NULL AS score, NULL AS reason,
                   CASE WHEN verdict = 'worse' THEN 'worse' WHEN (record->>'as_promised')::BOOLEAN = false THEN 'short'
                        ELSE 'kept' END AS what
            FROM verdicts JOIN operations USING (operation_id)
            WHERE verdict IN ('confirmed', 'worse') AND (record->>'compared')::BOOLEAN
            QUALIFY row_number() OVER (
                PARTITION BY suggestion_id, revision ORDER BY verdict = 'worse' DESC, verdicts.sequence DESC) = 1
            UNION ALL
            SELECT suggestion_id, revision, NULL, reason, 'rejected' FROM ({REJECTED})
            UNION ALL
            SELECT suggestion_id::UUID, revision, score, NULL, 'scored'
            FROM rulings WHERE verdict <> 'refused' AND score IS NOT NULL
            QUALIFY row_number() OVER (PARTITION BY suggestion_id, approver ORDER BY sequence DESC, rowid DESC) = 1
        )
        SELECT rule, product = ? AS here, count(*) FILTER (what = 'kept'), count(*) FILTER (what = 'short'),
               count(*) FILTER (what = 'worse'), count(*) FILTER (what = 'rejected'),
               count(*) FILTER (what = 'scored'), coalesce(sum(score), 0),
               coalesce(histogram(reason) FILTER (what = 'rejected' AND reason <> ''), MAP {{}})
        FROM told JOIN suggestions USING (suggestion_id, revision)
        GROUP BY rule, here ORDER BY rule, here
        """,  # noqa: S608 - a constant of ours
        [product],
    ).fetchall()
    return [Experience(**dict(zip(Experience.model_fields, row, strict=True))) for row in rows]
