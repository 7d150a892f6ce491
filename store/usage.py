"""What a database's log tells about use: all that ran, and until when something that ran may not be in it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from duckdb import DuckDBPyConnection

from .databases import DROPPED
from .knowledge import naive, zoned
from .retention import OTHER

SILENCE = timedelta(days=7)
"""As long as the query log is kept: after so long without a run nobody knows whether there were any."""
LASTING = r"^(prepare|create (or replace )?temp(orary)? (view|macro|function)) "
"""Statements that a session uses for as long as it lives, without naming again what they name."""


class Ran(NamedTuple):
    """`fingerprint` is empty for what is no statement of the log."""

    fingerprint: str
    text: str
    last: datetime


@dataclass(frozen=True, slots=True)
class Missing:
    """Until when something may be missing, for each reason; None where it never was."""

    begun: datetime | None
    """The log."""
    silent: datetime | None
    uncovered: datetime | None
    """An analysis found that the product did not declare its log to be full, or a way past it."""
    dropped: datetime | None
    """Runs, by the product's clients."""
    unreadable: datetime | None
    """A record of the query log, of whatever product."""
    folded: datetime | None
    """Statements of rare shapes are not kept (see `store.retention`)."""


def missing(tx: DuckDBPyConnection, product: str, database: str, since: datetime, now: datetime) -> Missing:
    """Of silences those that end after `since`."""
    row = tx.execute(
        f"""
        SELECT
            (SELECT first_seen FROM databases WHERE product = $product AND database = $database),
            (SELECT max(day) FROM (
                SELECT day, lag(day, 1, $since - $silence) OVER (ORDER BY day) AS before FROM (
                    SELECT DISTINCT date_trunc('day', start) AS day FROM pattern_hours SEMI JOIN (
                        SELECT pattern_id FROM patterns WHERE product = $product AND database = $database
                    ) USING (pattern_id)
                    WHERE period <> 'ever' AND start >= $since - $silence
                )
            ) WHERE day - before > $silence),
            (SELECT max(asked) FROM analyses WHERE product = $product AND database = $database AND NOT covered),
            (SELECT if(total > 0, coalesce(min(asked) FILTER (dropped = total), $now), NULL)
             FROM ({DROPPED}) LEFT JOIN analyses USING (product) GROUP BY total),
            (SELECT max(last_seen) FROM databases WHERE product = ''),
            (SELECT max(last_observed) FROM patterns JOIN observed_patterns USING (pattern_id)
             WHERE product = $product AND fingerprint = $other)
        """,  # noqa: S608 - a constant
        {
            "product": product,
            "database": database,
            "since": naive(since),
            "now": naive(now),
            "silence": SILENCE,
            "other": OTHER,
        },
    ).fetchall()[0]
    return Missing(*zoned(row))


def ran(tx: DuckDBPyConnection, product: str, database: str, since: datetime) -> list[Ran]:
    """Everything that may have used something of the database since.

    Those are the statements on all of the product's databases, since one may be attached to another; views and macros
    of the others; and what we have carried out ourselves, which makes things that nobody can have used before.
    """
    rows = tx.execute(
        f"""
        SELECT fingerprint, pattern_data->>'statement' AS text, last_observed
        FROM patterns JOIN observed_patterns USING (pattern_id)
        WHERE product = $product AND fingerprint <> $other
            AND (last_observed >= $since OR regexp_matches(text, $lasting, 'i'))
        UNION ALL
        SELECT '', unnest(json_extract_string(suggestions.record, '$.steps[*].sql[*]')), operations.timestamp
        FROM operations JOIN suggestions USING (suggestion_id, revision)
        LEFT JOIN (SELECT operation_id::UUID AS operation_id, state FROM outcomes) USING (operation_id)
        WHERE operations.product = $product AND operations.database = $database AND operations.timestamp >= $since
            AND refused IS NULL AND coalesce(state, 'done') NOT IN ('refused', 'undone')
        UNION ALL
        SELECT '', unnest(list_concat({_texts("$.tables[*].statement")}, {_texts("$.routines[*]")})), timestamp
        FROM catalogs WHERE product = $product AND database <> $database
        """,  # noqa: S608 - constants of this module
        {"product": product, "database": database, "since": naive(since), "other": OTHER, "lasting": LASTING},
    ).fetchall()
    return [Ran(*zoned(row)) for row in rows if row[1]]


def _texts(path: str) -> str:
    return f"json_extract_string(record, '{path}')"
