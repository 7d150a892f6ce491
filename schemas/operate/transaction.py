"""One move on a live database, in one transaction of DuckDB, while others may write.

DuckDB alone does not keep what others write. Tried on 2.0.0, with four threads that wrote as one table was changed:
rows that were updated and committed meanwhile came back as they had been before (after a rebuild, and after ALTER ...
SET DATA TYPE by itself), and CREATE INDEX beside a DELETE ended in a FATAL error, after which the database could not be
used. So a table is fenced first: `COMMENT ON TABLE` with the comment that it has makes every other transaction that
writes the table fail, at its statement or at its commit, until ours has ended. What was committed between our
snapshot and the fence is found by comparing: a transaction that begins after the fence has to see the same rows as
ours. Before 2.0 that statement fences nothing, so there nothing is changed in place.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import duckdb

from ..actions import Cluster, CreateSummary, OnTable, RenameColumn, RenameTable
from ..client.catalog import index_comments, structure
from ..definition import definition_hash, is_as, touched
from ..errors import Moved, OperationError
from ..plan import Move
from ..quoting import identifier, qualified, string
from ..records import Table
from ..render import Name, Tables, by_name
from .routines import fired

AGAIN_S = 0.05
"""After others have written what is to be changed."""

OUT_OF_ORDER = 0.01
"""Of the rows of a table that is in order, those that may lie below the one before them."""

Totals = tuple[int, int | None]
"""Rows of a table, and the sum of their hashes: the same in any order."""


def perform(
    connection: duckdb.DuckDBPyConnection, database: str, move: Move, patience_s: float, comments: Mapping[Name, str]
) -> None:
    """Does it whole or not at all; while others write to the table it is tried again, for `patience_s`.

    An index that it makes gets the comment that stands for it in `comments`, or the one that it had.

    Raises OperationError where it would lose something or another has changed what it touches, duckdb.Error.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            _perform(connection, database, move, comments)
        except (Moved, duckdb.TransactionException) as error:
            if time.monotonic() > deadline:
                raise OperationError(f"others wrote to the table again and again, for {patience_s:g} s") from error
            time.sleep(AGAIN_S)
        else:
            break
    if isinstance(move.body, Cluster):
        with suppress(duckdb.Error):  # it makes the row groups those of a new table, and DuckDB does it by itself too
            connection.execute("CHECKPOINT")


def _perform(connection: duckdb.DuckDBPyConnection, database: str, move: Move, comments: Mapping[Name, str]) -> None:
    # a summary only reads, so others may write what it is made from
    body = move.body if isinstance(move.body, OnTable) and not isinstance(move.body, CreateSummary) else None
    connection.execute("BEGIN TRANSACTION")
    try:
        if body:
            _fence(connection, database, body)
        before = _totals(connection, database, body, move) if body else None
        if body and _seen_by_others(connection, database, body, move) != before:
            raise Moved(f"{body.schema_name}.{body.table} was written to while it was being fenced")
        expect(tables_of(connection, database), move.before, move)
        wanted = {**comments, **index_comments(connection, database)}
        for statement in move.sql:
            connection.execute(statement)
        if body and (left := move.after.get(place_after(body))):
            _comment_again(connection, database, left, wanted)
        expect(tables_of(connection, database), move.after, move)
        if body and place_after(body) in move.after:
            after = _totals(connection, database, body, move, then=True)
            if after != before:
                raise OperationError(_lost(body, before, after))
        connection.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):  # a commit that failed has ended it
            connection.execute("ROLLBACK")
        raise


def _fence(connection: duckdb.DuckDBPyConnection, database: str, body: OnTable) -> None:
    place = [database, body.schema_name, body.table]
    found = connection.execute(
        "SELECT comment FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND table_name = ?", place
    ).fetchone()
    if found is None:
        raise OperationError(f"the table {body.schema_name}.{body.table} is gone")
    comment = "NULL" if found[0] is None else string(found[0])
    connection.execute(f"COMMENT ON TABLE {qualified(*place)} IS {comment}")
    if problem := fired(connection, database, body):
        raise OperationError(problem)


def _comment_again(
    connection: duckdb.DuckDBPyConnection, database: str, table: Table, wanted: Mapping[Name, str | None]
) -> None:
    """On the table's indexes: one that was dropped and made again has lost its own."""
    found = index_comments(connection, database)
    for index in table.indexes:
        place = table.schema_name, index.name
        if (comment := wanted.get(place)) is not None and comment != found[place]:
            connection.execute(f"COMMENT ON INDEX {qualified(database, *place)} IS {string(comment)}")


def _seen_by_others(connection: duckdb.DuckDBPyConnection, database: str, body: OnTable, move: Move) -> Totals:
    """In a transaction that begins now."""
    other = connection.cursor()
    try:
        return _totals(other, database, body, move)
    finally:
        other.close()


def place_after(body: OnTable) -> Name:
    """Where the action leaves its table."""
    return body.schema_name, body.to if isinstance(body, RenameTable) else body.table


def _totals(
    connection: duckdb.DuckDBPyConnection, database: str, body: OnTable, move: Move, *, then: bool = False
) -> Totals:
    """Of the columns that are there before and after; one whose type changes counts as its text.

    `then` says that the move was made, so that what it renames has its new name.
    """
    place = place_after(body) if then else (body.schema_name, body.table)
    before = move.before[body.schema_name, body.table]
    renamed = {body.column: body.to} if isinstance(body, RenameColumn) else {}
    types = {column.name: column.type for column in move.after.get(place_after(body), before).columns}
    read = []
    for column in before.columns:
        new = renamed.get(column.name, column.name)
        if not column.generated and new in types:
            now = identifier(new if then else column.name)
            read.append(now if column.type == types[new] else f"CAST({now} AS VARCHAR)")
    total = f"sum(hash({', '.join(read)})::HUGEINT)" if read else "NULL"
    found = connection.execute(f"SELECT count(*), {total} FROM {qualified(database, *place)}").fetchall()  # noqa: S608
    return found[0][0], found[0][1]


def expect(found: Tables, wanted: Tables, move: Move) -> None:
    """Raises OperationError where what the move touches is not as it should be."""
    if wrong := [place for place in touched(move.body, move.before) if not _is(found, wanted, place)]:
        raise OperationError(f"{', '.join('.'.join(place) for place in wrong)} changed since it was planned")


def is_at(found: Tables, wanted: Tables, places: Sequence[Name]) -> bool:
    return all(_is(found, wanted, place) for place in places)


def _is(found: Tables, wanted: Tables, place: Name) -> bool:
    return is_as(found.get(place), definition_hash(wanted.get(place)))


def tables_of(connection: duckdb.DuckDBPyConnection, database: str) -> Tables:
    return by_name(structure(connection, database))


def in_order(connection: duckdb.DuckDBPyConnection, database: str, body: Cluster) -> bool:
    """Whether the rows lie in the order of the first key, but for those that came after; seen by reading them once."""
    key, place = body.keys[0], qualified(database, body.schema_name, body.table)
    falls = f"k {'>' if key.descending else '<'} before"
    [(rows, found)] = connection.execute(
        f"SELECT count(*), count(*) FILTER ({falls}) "  # noqa: S608
        f"FROM (SELECT {identifier(key.column)} AS k, lag({identifier(key.column)}) OVER () AS before FROM {place})"
    ).fetchall()
    return bool(found <= rows * OUT_OF_ORDER)


def _lost(body: OnTable, before: Totals | None, after: Totals) -> str:
    of = f"{body.kind} of {body.table!r}"
    if before and before[0] != after[0]:
        return f"{of} would make {after[0]} rows of {before[0]}"
    return f"{of} would not keep every value: a text that its new type gives back differently is lost"
