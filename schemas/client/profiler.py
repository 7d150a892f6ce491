"""DuckDB's profiler, switched on for one statement at a time.

Only since 2.0 can that be done without a statement on the product's connection, and there one is needed once for
each connection, since left alone the profiler prints to the console. It runs just before a statement of the
product's and only where no result is open. The settings that the product can read stay as they were; a connection
whose profiler the product uses itself is left to it.
"""

import json
import re

import duckdb

from .sink import Profile
from .versions import TESTED, VERSION

AVAILABLE = VERSION in TESTED and VERSION >= (2, 0)

_Connection = duckdb.DuckDBPyConnection
_execute = _Connection.execute
_fetchall = _Connection.fetchall
if AVAILABLE:
    _enable = _Connection.enable_profiling
    _disable = _Connection.disable_profiling
    _information = _Connection.get_profiling_information
_ABOUT = re.compile(r"profil(?:ing|er|e_output)", re.IGNORECASE)
_HEAD = 200


def concerns_profiler(statement: str, *, whole: bool) -> bool:
    """Looks at the beginning, or at a whole script."""
    return _ABOUT.search(statement, 0, len(statement) if whole else _HEAD) is not None


class Profiler:
    """Of one connection. `fresh` says that we saw it being opened, with its profiler off."""

    __slots__ = ("_known", "_quiet", "on", "theirs")

    def __init__(self, *, fresh: bool) -> None:
        self._known = fresh
        self._quiet = False
        self.on = False
        self.theirs = False

    def switch_on(self, connection: _Connection, statement: str) -> bool:
        """For the `statement` that comes next. To be called only where no result is open."""
        self.theirs = self.theirs or concerns_profiler(statement, whole=True)
        try:
            if not self._known:
                _execute(connection, "SELECT current_setting('enable_profiling')")
                self.theirs = self.theirs or _fetchall(connection)[0][0] is not None
                self._known = True
            if self.theirs:
                return False
            if not self._quiet:
                _execute(connection, "SET enable_profiling = 'no_output'")
                _disable(connection)
                self._quiet = True
            _enable(connection)
            self.on = True
        except duckdb.Error:
            # the transaction has failed, or a reader of the last result is open: the product's statement will tell
            return False
        return True

    def take(self, connection: _Connection) -> str:
        """The counters of the statement that has ended, as DuckDB's JSON."""
        text: str = _information(connection)
        self.switch_off(connection)
        return text

    def switch_off(self, connection: _Connection) -> None:
        self.on = False
        _disable(connection)

    def hand_over(self, connection: _Connection) -> None:
        """To the product, as if it had never been ours. To be called only where no result is open."""
        if self._quiet:
            self._quiet = False
            _execute(connection, "SET enable_profiling = 'query_tree'")
            _disable(connection)


def profile_of(text: str) -> Profile | None:
    """None where the result was not read to its end, since DuckDB has no totals then, or its JSON is another one."""
    try:
        measured = json.loads(text)
        query, system = measured["query"], measured["system"]
        return Profile(
            rows_scanned=query["total_rows_scanned"],
            row_groups_scanned=query["total_row_groups_scanned"],
            row_groups_total=query["total_row_groups_to_scan"],
            intermediate_bytes=query["total_intermediate_size_bytes"],
            peak_memory_bytes=system["peak_buffer_memory"],
            cpu_us=round(query["cpu_time"] * 1_000_000),
        )
    except (ValueError, KeyError, TypeError):
        return None
