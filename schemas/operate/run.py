"""Carries out an order on a live database, takes one back, and finds out what became of one that was cut off.

An order is done as moves, each one transaction. Where a move does not pass, those before it are taken back, so that
all is as before. After a crash the database is looked at: it stands at one of the states that the moves lead through,
and from there it is taken back, or on where there is no way back.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Literal

import duckdb

from ..actions import Body, Cluster, ConvertFile, Rewrite, unpack
from ..client.catalog import Place, index_comments, place_of
from ..client.live import Database
from ..definition import touched
from ..errors import ActionError, OperationError
from ..orders import Order
from ..plan import Move, drift, expected, inverse, moves, way_back
from ..records import Table
from ..render import Name, Tables, by_name
from .ledger import Entry, Ledger
from .place import lack_of_room, objection
from .routines import hindrance
from .transaction import in_order, is_at, perform, tables_of

AGAIN_S = 0.05
"""Between two interrupts, since one that comes between two statements has no effect."""
PATIENCE_S = 3.0
"""With others that write to the table, before a move gives way."""
BACK_S = 600.0
"""For a move that takes back what was begun, which has to end."""
BACK_PATIENCE_S = 60.0
BACK_AGAIN_S = 1.0
NEITHER = "the tables are neither as before nor as promised"

State = Literal["done", "undone", "refused", "stuck"]
Gate = Callable[[float], AbstractContextManager[None]]
"""Holds the writers back inside for so many seconds, once those that write have ended.

Raises OperationError where they do not.
"""


@dataclass(frozen=True, slots=True)
class Result:
    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Executor:
    """Of one database. `free_bytes` must stay free beside it; `at_move` is called before each move and after the last.

    It works for one thread.
    """

    live: Database
    gate: Gate
    salt: bytes
    free_bytes: int
    ledger: Ledger
    at_move: Callable[[], None] = field(default=lambda: None)

    def carry_out(self, order: Order) -> Result:
        """Raises OSError where the ledger cannot be written: then nothing was done.

        duckdb.Error where the database could not be looked at once it was begun: then `recover` has to.
        """
        try:
            with self.live.connection() as connection:
                place = place_of(connection)
                found = tables_of(connection, place.database)
                problem = _only_as_code(order) or objection(place, order, self.salt)
                if problem := problem or lack_of_room(place, order, self.free_bytes):
                    return Result("refused", problem)
                if self._is_done(connection, place, order, found):
                    return self._already(order)
                planned = _planned(order, found)
                bodies = [move.body for move in planned]
                if problem := hindrance(connection, place.database, bodies, back=order.kind == "revert"):
                    return Result("refused", problem)
                comments = self._comments(connection, place, order)
        except (ActionError, OperationError) as error:
            return Result("refused", str(error))
        except duckdb.Error as error:
            return Result("refused", f"the database cannot be read now: {told(error)}")
        self.ledger.begin(order, _tables(planned, found), comments)
        with self.live.connection() as connection:
            return self._forward(connection, place, order, planned, comments)

    def recover(self, entry: Entry) -> Result:
        """What became of an order that was begun and not seen to end: as before, as promised, or made so now.

        Raises CloneError, OperationError, duckdb.Error where that could not be done now, and is to be tried again.
        """
        with self.live.connection() as connection:
            place = place_of(connection)
            found = tables_of(connection, place.database)
            problem = objection(place, entry.order, self.salt)
            try:
                planned = _planned(entry.order, _before(entry, found))
            except (ActionError, OperationError) as error:
                return Result("stuck", f"it was cut off, and what it was to do cannot be said any more: {error}")
            at = None if problem else _standing(connection, place.database, planned, found)
            if at is None:
                return Result("stuck", f"it was cut off: {problem or NEITHER}")
            if at == len(planned):
                return Result("done", "it was cut off after its last move: all is as promised")
            if at == 0:
                return Result("undone", "it was cut off before its first move had ended: all is as before")
            cut = f"it was cut off after {at} of {len(planned)} moves"
            comments = dict(entry.comments)
            no_way_back = any(inverse(one.body, one.before) is None for one in planned[:at])
            with self.gate(BACK_S):
                if entry.order.kind == "revert" or no_way_back:
                    self._perform(connection, place, planned[at:], comments, BACK_S, BACK_PATIENCE_S)
                    return Result("done", f"{cut}, and gone on with")
                back = _back(connection, place, planned[:at])
                self._perform(connection, place, back, comments, BACK_S, BACK_PATIENCE_S)
        return Result("undone", f"{cut}, which were taken back")

    def _comments(self, connection: duckdb.DuckDBPyConnection, place: Place, order: Order) -> dict[Name, str]:
        """Of the indexes that are there, and of those that the order's way back makes again."""
        found: dict[Name, str | None] = {}
        if order.kind == "revert":
            found.update(self.ledger.comments_before(order))
        found.update(index_comments(connection, place.database))
        return {of: comment for of, comment in found.items() if comment is not None}

    def _forward(
        self,
        connection: duckdb.DuckDBPyConnection,
        place: Place,
        order: Order,
        planned: Sequence[Move],
        comments: Mapping[Name, str],
    ) -> Result:
        try:
            with self.gate(order.most_s):
                self._perform(connection, place, planned, comments, order.most_s, PATIENCE_S)
        except (OperationError, duckdb.Error) as error:
            reason = told(error)
        else:
            return Result("done", f"{len(planned)} moves")
        # a commit that reports an error may be one all the same: what was done is seen, not counted
        deadline = time.monotonic() + BACK_PATIENCE_S
        while True:
            at = _standing(connection, place.database, planned, tables_of(connection, place.database))
            if at == len(planned):
                return Result("done", f"{len(planned)} moves, and then: {reason}")
            if at == 0:
                return Result("undone", reason)
            if at is None:
                return Result("stuck", f"{reason}; and {NEITHER}")
            try:
                with self.gate(BACK_S):
                    back = _back(connection, place, planned[:at])
                    self._perform(connection, place, back, comments, BACK_S, BACK_PATIENCE_S)
            except (ActionError, OperationError, duckdb.Error) as error:
                if time.monotonic() > deadline:
                    return Result("stuck", f"{reason}; and {at} moves could not be taken back: {told(error)}")
                time.sleep(BACK_AGAIN_S)

    def _already(self, order: Order) -> Result:
        """Of one that comes again, or whose change somebody else has made; it is done once, by one operation."""
        if order.kind == "apply" and self.ledger.find(order.operation_id) is None:
            of_plan = (order.suggestion_id, order.plan_hash, order.first, order.last)
            for one in self.ledger.entries:
                before = one.order
                if of_plan == (before.suggestion_id, before.plan_hash, before.first, before.last):
                    return Result("refused", f"operation {before.operation_id} has done it already")
            return Result("refused", "it is so already, and not by us: there is nothing to do")
        return Result("done", "it was so already")

    def _perform(
        self,
        connection: duckdb.DuckDBPyConnection,
        place: Place,
        planned: Sequence[Move],
        comments: Mapping[Name, str],
        most_s: float,
        patience_s: float,
    ) -> None:
        deadline = time.monotonic() + most_s
        for move in planned:
            self.at_move()
            with _interrupted_after(connection, deadline - time.monotonic(), most_s, self.live.is_open):
                perform(connection, place.database, move, patience_s, comments)
        self.at_move()

    def _is_done(self, connection: duckdb.DuckDBPyConnection, place: Place, order: Order, found: Tables) -> bool:
        """As promised, by looking: an order that comes again does nothing twice."""
        promised = expected(order.meant, done=order.kind == "apply")
        rebuilt = [body for body in _wanted(order) if isinstance(body, Cluster)]
        return not drift(promised, found) and all(in_order(connection, place.database, body) for body in rebuilt)


def _back(connection: duckdb.DuckDBPyConnection, place: Place, done: Sequence[Move]) -> list[Move]:
    bodies = [body for move in reversed(done) for body in inverse(move.body, move.before) or []]
    return moves(bodies, tables_of(connection, place.database))


def _planned(order: Order, before: Tables) -> list[Move]:
    """Raises OperationError, ActionError for what the tables do not allow."""
    bodies = _wanted(order)
    if drifted := drift(expected(order.meant, done=order.kind == "revert"), before):
        raise OperationError(f"{', '.join(drifted)} changed since it was planned")
    return moves(bodies, before)


def _wanted(order: Order) -> list[Body]:
    """What it does, or takes back. Raises OperationError where nothing does, ActionError."""
    if order.kind == "apply":
        return _bodies(order)
    back = way_back(order.meant)
    if back is None:
        raise OperationError("one of its steps has no way back")
    return [unpack(action) for action in back]


def _only_as_code(order: Order) -> str | None:
    found = next((body.kind for body in _bodies(order) if isinstance(body, Rewrite | ConvertFile)), None)
    return found and f"{found} is no change of the database: it is landed as code"


def _before(entry: Entry, found: Tables) -> Tables:
    """The tables as the order found them."""
    order = entry.order
    touched = {(one.schema_name, one.name) for step in order.meant for one in step.touched}
    others = {name: table for name, table in found.items() if name not in touched}
    return {**others, **by_name(entry.found)}


def _standing(
    connection: duckdb.DuckDBPyConnection, database: str, planned: Sequence[Move], found: Tables
) -> int | None:
    """How many of the moves are done, by looking; None where the tables are at none of their states."""
    if not planned:
        return 0
    places = sorted({place for move in planned for place in touched(move.body, move.before)})
    states = [planned[0].before, *(move.after for move in planned)]
    fitting = [at for at, state in enumerate(states) if is_at(found, state, places)]
    for at in reversed(fitting):
        # two states that look the same have a rebuild between them
        rebuilt = [move.body for move in planned[fitting[0] : at] if isinstance(move.body, Cluster)]
        if all(in_order(connection, database, body) for body in rebuilt):
            return at
    return None


def _bodies(order: Order) -> list[Body]:
    return [unpack(step.action) for step in order.meant]


def _tables(planned: Sequence[Move], found: Tables) -> list[Table]:
    """Those that the moves touch, as they are before the first."""
    places = {place for move in planned for place in touched(move.body, move.before)}
    return [found[place] for place in sorted(places) if place in found]


@contextmanager
def _interrupted_after(
    connection: duckdb.DuckDBPyConnection, left_s: float, most_s: float, is_open: Callable[[], bool]
) -> Iterator[None]:
    """Raises OperationError where it took longer."""
    ended = Event()
    late = Event()

    def interrupt() -> None:
        if ended.wait(left_s):
            return
        late.set()
        while not ended.wait(AGAIN_S):
            connection.interrupt()

    watch = Thread(target=interrupt, name="duckdb-sidecar-limit", daemon=True)
    watch.start()
    try:
        yield
    except duckdb.InterruptException as error:
        if late.is_set():
            raise OperationError(f"it gave way, since it had not ended after {most_s:g} s") from error
        closed = "" if is_open() else ": the product closed its connection"
        raise OperationError(f"it was interrupted{closed}") from error
    finally:
        ended.set()
        watch.join()


def told(error: Exception) -> str:
    """DuckDB's messages may hold values of the product, so of those the kind alone is told."""
    if not isinstance(error, duckdb.Error):
        return str(error)
    hint = ": is there room on the disk of its file?" if isinstance(error, duckdb.IOException) else ""
    return f"DuckDB refused it ({type(error).__name__}){hint}"
