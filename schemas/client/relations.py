"""The statements that relations run: a relation is lazy, so its run begins where a method reads its rows."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from threading import local
from time import perf_counter_ns
from typing import Any
from weakref import ref

import duckdb

from . import capture
from .capture import Call, Connection, DuckDB, Reader, connections, guarded, meet, start
from .invocation import Invocation, Kind, Last, Rows, always, count, none
from .recorder import Parameters

Relation = duckdb.DuckDBPyRelation
Text = Callable[[str, Invocation], str]
"""The statement that a method runs, from the relation's own."""

_type = vars(Relation)["type"].__get__
_alias = vars(Relation)["alias"].__get__
_sql_query = Relation.sql_query
# since 2.0 a relation knows its connection; before, the wrapped methods hand it on
KNOWS_CONNECTION = "_con" in vars(Relation)
_connection_of = vars(Relation)["_con"].__get__ if KNOWS_CONNECTION else None
# DuckDB gives relations random aliases, with which every run would be a statement of its own
_RANDOM = re.compile(r"_[0-9a-f]{16}\b")


class Inside(local):
    """Whether this thread is inside a method of a relation, which may call others to do its work."""

    relation = False


_inside = Inside()


class Known(Reader):
    """What is known of a relation."""

    __slots__ = ("computed", "connection", "drained", "parameters", "reference", "statement")

    def __init__(self, relation: Relation, connection: Connection, *, computed: bool) -> None:
        super().__init__()
        self.connection = connection
        self.computed = computed
        """Its rows were there when it was made: reading them runs nothing."""
        self.drained = False
        """Before 2.0: its result was read to the end row by row, and stays so until all is read at once."""
        self.statement: str | None = None
        """Its SQL where the product wrote all of it."""
        self.parameters: Parameters | None = ()
        self.reference = ref(relation, partial(_forget, id(relation)))


relations: dict[int, Known] = {}


def _forget(key: int, _reference: object) -> None:
    if (known := relations.pop(key, None)) is not None:
        known.leave()


def _remember(relation: Relation, connection: Connection, *, computed: bool) -> Known:
    known = relations[id(relation)] = Known(relation, connection, computed=computed)
    return known


@guarded
def produced(relation: object, call: Call) -> None:
    """`con.sql(...)` has returned the relation, or None: what only reads runs later, all else has run."""
    script = ";" in call.text.rstrip("; \n\t")
    computed = not isinstance(relation, Relation) or _type(relation) == "MATERIALIZED_RELATION"
    if computed or script:
        capture.done(call, None)
    if isinstance(relation, Relation):
        known = _remember(relation, call.connection, computed=computed)
        if not script:
            known.statement, known.parameters = call.text, call.parameters


@guarded
def made(relation: object, connection: DuckDB) -> None:
    """A method of the connection, such as `con.table(...)`, has returned the relation."""
    if isinstance(relation, Relation) and (on := connections.get(id(connection)) or meet(connection)) is not None:
        _remember(relation, on, computed=False)


@guarded
def derived(relation: Relation, result: object) -> None:
    """A method of the relation has returned another one."""
    if isinstance(result, Relation) and result is not relation and (known := known_of(relation)) is not None:
        _remember(result, known.connection, computed=known.computed)


def known_of(relation: Relation) -> Known | None:
    if (known := relations.get(id(relation))) is not None:
        return known
    on: Connection | None
    if _connection_of is not None:
        connection = _connection_of(relation)
        on = connections.get(id(connection)) or meet(connection)
    else:
        # made by a method that is not wrapped: sure only where all connections are on one database
        theirs = [each for each in list(connections.values()) if each.place is not None]
        on = theirs[0] if len({each.place for each in theirs}) == 1 else None
    return None if on is None else _remember(relation, on, computed=_type(relation) == "MATERIALIZED_RELATION")


@guarded
def _begin(invocation: Invocation, text: Text | None) -> tuple[Known, Call | None] | None:
    """None where reading the relation runs nothing, or nothing that is a product's."""
    relation: Relation = invocation.subject
    if (known := known_of(relation)) is None or known.computed:
        return None
    if known.drained:
        known.drained = False
        return None
    if (call := known.call) is not None:
        call.begun = perf_counter_ns()
        return known, call
    own = known.statement
    written = _named(_sql_query(relation)) if own is None else own
    if "ColumnDataCollection" in written:  # rows that were computed before
        return None
    statement = written if text is None else text(written.rstrip("; \n\t"), invocation)
    return known, start(known.connection, _connection(relation, known), statement, known.parameters, True)


def _connection(relation: Relation, known: Known) -> DuckDB | None:
    return known.connection.reference() if _connection_of is None else _connection_of(relation)


def _named(text: str) -> str:
    names: dict[str, str] = {}
    return _RANDOM.sub(lambda found: names.setdefault(found[0], f"_{len(names) + 1}"), text)


def reading(rows: Rows, last: Last, text: Text | None = None) -> Kind:
    @guarded
    def fetched(known: Known, call: Call, result: Any, invocation: Invocation) -> None:
        to_the_end = last(result, invocation)
        known.call = call
        known.drained = to_the_end and last is not always
        capture.fetched(known, _connection(invocation.subject, known), call, rows(result), to_the_end)

    def kind(invocation: Invocation) -> Any:
        if _inside.relation:
            return invocation.perform()
        known, call = _begin(invocation, text) or (None, None)
        _inside.relation = True
        try:
            result = invocation.perform()
        except BaseException as error:
            if known is not None and call is not None:
                capture.failed(known, _connection(invocation.subject, known), call, error)
            raise
        finally:
            _inside.relation = False
        if known is not None and call is not None:
            fetched(known, call, result, invocation)
        return result

    return kind


_whole = reading(count, always)
_opening = reading(none, always)


def derive(invocation: Invocation) -> Any:
    result = invocation.perform()
    derived(invocation.subject, result)
    return result


def polars(invocation: Invocation) -> Any:
    """Polars reads a lazy frame later, through other methods."""
    return (derive if invocation.kwargs.get("lazy") else _whole)(invocation)


def close(invocation: Invocation) -> Any:
    if (known := relations.get(id(invocation.subject))) is not None:
        known.leave()
        known.drained = False
    return invocation.perform_plainly()


def iterate(invocation: Invocation) -> Iterator[Any]:
    return _rows(invocation.subject, invocation.perform_plainly())


def _rows(relation: Relation, rows: Iterator[Any]) -> Iterator[Any]:
    """DuckDB has computed all of them when the first one comes."""
    yield from _opening(Invocation(None, relation, lambda: list(islice(rows, 1)), (), {}))
    yield from rows


# What methods run beside reading the relation's rows


def limited(statement: str, _invocation: Invocation) -> str:
    return f"SELECT * FROM ({statement}) LIMIT 10000"


def counted(statement: str, _invocation: Invocation) -> str:
    return f"SELECT count(*) FROM ({statement})"


def created(statement: str, invocation: Invocation) -> str:
    return f"CREATE TABLE {invocation.argument(0, 'table_name')} AS {statement}"


def viewed(statement: str, invocation: Invocation) -> str:
    return f"CREATE OR REPLACE VIEW {invocation.argument(0, 'view_name')} AS {statement}"


def inserted_into(statement: str, invocation: Invocation) -> str:
    return f"INSERT INTO {invocation.argument(0, 'table_name')} {statement}"


def inserted(_statement: str, invocation: Invocation) -> str:
    values = ", ".join("?" for _ in invocation.argument(0, "values"))
    return f"INSERT INTO {_alias(invocation.subject)} VALUES ({values})"


def updated(_statement: str, invocation: Invocation) -> str:
    changes = ", ".join(f"{column} = {value}" for column, value in invocation.argument(0, "set").items())
    condition = invocation.kwargs.get("condition")
    return f"UPDATE {_alias(invocation.subject)} SET {changes}" + ("" if condition is None else f" WHERE {condition}")


def copied(form: str) -> Text:
    def text(statement: str, invocation: Invocation) -> str:
        file = str(invocation.argument(0, "file_name")).replace("'", "''")
        return f"COPY ({statement}) TO '{file}' (FORMAT {form})"

    return text
