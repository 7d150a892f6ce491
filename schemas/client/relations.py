"""What is known of the product's relations: on which database they are, and what they run when they are read."""

import re
from functools import partial
from weakref import ref

import duckdb

from . import capture
from .calls import Call, Connection, DuckDB, Reader, connections
from .recorder import Parameters
from .watching import meet

Relation = duckdb.DuckDBPyRelation

_type = vars(Relation)["type"].__get__
_sql_query = Relation.sql_query
# since 2.0 a relation knows its connection; before, the wrapped methods hand it on
KNOWS_CONNECTION = "_con" in vars(Relation)
_connection_of = vars(Relation)["_con"].__get__ if KNOWS_CONNECTION else None
# DuckDB gives relations random aliases, with which every run would be a statement of its own
_RANDOM = re.compile(r"_[0-9a-f]{16}\b")


class Known(Reader):
    """Of one relation; it does not keep that alive."""

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


def leave_all() -> None:
    """Ends what is open, as at the exit of the process."""
    for known in list(relations.values()):
        known.leave()


def forget_open_results() -> None:
    """In a forked child: what was open is the parent's."""
    for known in relations.values():
        known.release()


def produced(call: Call, relation: object) -> None:
    """`con.sql(...)` has returned the relation, or None: what only reads runs later, all else has run."""
    capture.has_left(call)
    script = ";" in call.text.rstrip("; \n\t")
    computed = not isinstance(relation, Relation) or _type(relation) == "MATERIALIZED_RELATION"
    if computed or script:
        capture.done(call, relation)
    if isinstance(relation, Relation):
        known = _remember(relation, call.connection, computed=computed)
        if not script:
            known.statement, known.parameters = call.text, call.parameters


def made(connection: DuckDB, relation: object) -> None:
    """A method of the connection, such as `con.table(...)`, has returned the relation."""
    if isinstance(relation, Relation) and (on := connections.get(id(connection)) or meet(connection)) is not None:
        _remember(relation, on, computed=False)


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


def connection_of(relation: Relation, known: Known) -> DuckDB | None:
    connection: DuckDB | None = known.connection.reference() if _connection_of is None else _connection_of(relation)
    return connection


def statement_of(relation: Relation, known: Known) -> str | None:
    """None where it reads rows that were computed before."""
    if known.statement is not None:
        return known.statement
    names: dict[str, str] = {}
    text = _RANDOM.sub(lambda found: names.setdefault(found[0], f"_{len(names) + 1}"), _sql_query(relation))
    return None if "ColumnDataCollection" in text else text


def _remember(relation: Relation, connection: Connection, *, computed: bool) -> Known:
    known = relations[id(relation)] = Known(relation, connection, computed=computed)
    return known


def _forget(key: int, _reference: object) -> None:
    if (known := relations.pop(key, None)) is not None:
        known.leave()
