"""What is known of use beside the workload of an analysis: from the store, or from a whole log."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from duckdb import DuckDBPyConnection

from inference.advisor.naming import named
from schemas.records import CatalogSnapshot, Coverage, Usage, WorkloadShape
from store import usage
from store.usage import Missing, Ran

NEEDED = timedelta(days=35)
"""Without a use, to see a month's work."""
_UNNAMED = re.compile(
    r"\bquery(_table)?\s*\(|\b(from|join)\s+'@file:[0-9a-f]{12}'|^import database|^copy from database"
)
"""Statements that may read or make a table whose name is a text of theirs, or in a file."""
_HINTS = ("query", "@file:", "database")
"""Of which such a statement has one, in lower case: the search alone takes thirty times as long."""


class Use:
    """Of what ran since `since`. There is a doubt where not all of it is known for as long as is `NEEDED`."""

    def __init__(self, catalog: CatalogSnapshot, since: datetime, doubt: str, ran: Sequence[Ran]) -> None:
        self._tables = catalog.tables
        self._since = since
        self._doubt = doubt
        self._ran = [] if doubt else ran

    def beside(self, workload: Iterable[WorkloadShape]) -> Usage:
        """What is not in this workload."""
        read = {shape.fingerprint for shape in workload}
        found = named((one.text for one in self._ran if one.fingerprint not in read), self._tables)
        return Usage(since=self._since, named=sorted(found), doubt=self._doubt)


def of_store(tx: DuckDBPyConnection, catalog: CatalogSnapshot, now: datetime) -> Use:
    since = now - NEEDED
    if not catalog.coverage.full:  # as nearly everywhere, and the least to look at
        return Use(catalog, since, _uncovered(catalog.coverage), [])
    missing = usage.missing(tx, catalog.product, catalog.database, since, now)
    if doubt := _doubt(catalog.coverage, missing, [], now):
        return Use(catalog, since, doubt, [])
    ran = usage.ran(tx, catalog.product, catalog.database, since)
    return Use(catalog, since, _doubt(catalog.coverage, missing, ran, now), ran)


def of_log(catalog: CatalogSnapshot, log: Iterable[WorkloadShape], start: datetime, end: datetime, dropped: int) -> Use:
    """Of a log that is known whole, and of which no statement is known to be older than another."""
    ran = [Ran(one.fingerprint, one.statement, end) for one in log]
    missing = Missing(
        begun=start, silent=None, uncovered=None, dropped=end if dropped else None, unreadable=None, folded=None
    )
    doubt = _doubt(catalog.coverage, missing, ran, end) if catalog.coverage.full else _uncovered(catalog.coverage)
    return Use(catalog, start, doubt, ran)


def _uncovered(coverage: Coverage) -> str:
    if coverage.since and coverage.unseen:
        return f"there is a way past the log: {coverage.unseen[0]}"
    return "that the log shows every use is not declared"


def _doubt(coverage: Coverage, missing: Missing, ran: Iterable[Ran], now: datetime) -> str:
    """What is nearest of all that speaks against it; empty where nothing is near enough."""
    reasons = (
        (coverage.since, "that the log shows every use is declared from"),
        (missing.begun, "the log begins"),
        (missing.silent, "the log was silent until"),
        (missing.uncovered, "there was a way past the log, or it was not declared to be full,"),
        (missing.dropped, "runs were dropped from the log until"),
        (missing.unreadable, "a record of the log could not be read"),
        (missing.folded, "rare statements were not kept apart until"),
        (
            max((one.last for one in ran if _may_use_anything(one.text)), default=None),
            "a statement that may use anything (query, query_table, FROM '...', IMPORT, COPY DATABASE) ran",
        ),
    )
    at, what = max((at, what) for at, what in reasons if at)
    if now - at >= NEEDED:
        return ""
    return f"{what} {(now - at).days} days ago, and {NEEDED.days} are needed to see a month's work"


def _may_use_anything(text: str) -> bool:
    lower = text.lower()
    return any(hint in lower for hint in _HINTS) and _UNNAMED.search(lower) is not None
