"""How changes of each kind have fared, one after the other: what a class of actions earns trust by."""

from collections.abc import Collection

from duckdb import DuckDBPyConnection


def gains_in_a_row(tx: DuckDBPyConnection, product: str, actions: Collection[str]) -> list[str]:
    """Operations of the product with such an action that brought what was promised, the oldest first.

    Since the last one that did not, of which nobody could tell, or that was taken back, by whomever.
    """
    rows = tx.execute(
        """
        WITH told AS (
            SELECT operation_id, verdicts.sequence, verdict = 'confirmed' AND (record->>'compared')::BOOLEAN
                       AND coalesce((record->>'as_promised')::BOOLEAN, true) AS is_gain
            FROM verdicts JOIN operations USING (operation_id)
            UNION ALL
            SELECT operations.operation_id, sequence, false
            FROM operations JOIN outcomes ON outcomes.operation_id = operations.operation_id::VARCHAR
            WHERE kind = 'revert' AND state = 'done'
        )
        SELECT operation_id::VARCHAR, is_gain
        FROM told JOIN operations USING (operation_id) JOIN suggestions USING (suggestion_id, revision)
        WHERE operations.product = ?
            AND list_has_any(json_extract_string(record, '$.steps[*].action.kind')[first_step + 1:last_step], ?)
        ORDER BY told.sequence, is_gain DESC, operation_id
        """,
        [product, list(actions)],
    ).fetchall()
    found: list[str] = []
    for operation_id, is_gain in rows:
        if is_gain:
            found.append(operation_id)
        else:
            found.clear()
    return found
