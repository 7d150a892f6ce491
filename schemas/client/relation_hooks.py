"""The hooks of a relation's methods; `patches` says which method has which.

A relation is lazy: its run begins where a method reads its rows.
"""

from collections.abc import Callable, Iterator
from functools import partial, wraps
from itertools import islice
from threading import local
from time import perf_counter_ns
from typing import Any

from . import capture
from .calls import Call
from .capture import start
from .connection_hooks import count, nothing
from .relations import Known, Relation, connection_of, derived, known_of, relations, statement_of
from .wrapper import Args, Function, Hooks, Kwargs, argument, wrapped

Text = Callable[[str, Args, Kwargs], str]
"""The statement that a method runs, from the relation's own."""

_alias = vars(Relation)["alias"].__get__


class _Inside(local):
    """Whether this thread is inside a method of a relation, which may call others to do its work."""

    relation = False


_inside = _Inside()


def _begin(text: Text | None, args: Args, kwargs: Kwargs) -> Call | None:
    """None where the method is called by another one, or runs nothing that is a product's."""
    if _inside.relation or (known := known_of(args[0])) is None or known.computed:
        return None
    if known.drained:
        known.drained = False
        return None
    if (call := known.call) is not None:
        call.begun = perf_counter_ns()
    else:
        if (statement := statement_of(args[0], known)) is None:
            return None
        if text is not None:
            statement = text(statement.rstrip("; \n\t"), args, kwargs)
        if (call := start(known.connection, statement, known.parameters)) is not None:
            call.relation = known
            if (connection := connection_of(args[0], known)) is not None:
                capture.sample(call, connection)
    _inside.relation = call is not None
    return call


def _failed(call: Call, error: BaseException) -> None:
    _inside.relation = False
    capture.failed(call, error)


def _ended(call: Call, result: Any) -> None:
    _inside.relation = False
    capture.fetched(call, count(result), True)


def runs(text: Text) -> Hooks:
    """A method that runs another statement than the relation's own."""

    def ended(call: Call, _result: object) -> None:
        _inside.relation = False
        capture.fetched(call, None, True)

    return Hooks(partial(_begin, text), ended, _failed)


def reads_on(fetched: Callable[[Call, Any], None]) -> Hooks:
    """Before 2.0 a relation keeps its result open, to be read on."""

    def begin(args: Args, kwargs: Kwargs) -> Call | None:
        if (call := _begin(None, args, kwargs)) is not None:
            call.size = argument(args, kwargs, 1, "size")
            call.reader.call = call
        return call

    def ended(call: Call, result: Any) -> None:
        _inside.relation = False
        fetched(call, result)
        if isinstance(call.reader, Known):
            call.reader.drained = call.reader.call is None

    return Hooks(begin, ended, _failed)


def _begin_unless_lazy(args: Args, kwargs: Kwargs) -> Call | None:
    """Polars reads a lazy frame later, through other methods."""
    return None if kwargs.get("lazy") else _begin(None, args, kwargs)


def _leave(args: Args, _kwargs: Kwargs) -> None:
    if (known := relations.get(id(args[0]))) is not None:
        known.leave()
        known.drained = False


READ = Hooks(partial(_begin, None), _ended, _failed)
POLARS = Hooks(_begin_unless_lazy, _ended, _failed)
DERIVE = Hooks(lambda args, _kwargs: args[0], derived, nothing)
CLOSE = Hooks(_leave, nothing, nothing)


def opened(call: Call, _result: object) -> None:
    """`execute` of before 2.0: no row has been read."""
    call.pause()


def iterating(original: Function) -> Function:
    """Rows one by one. DuckDB has computed them all when the first one comes."""

    @wraps(original)
    def iter_rows(*args: Any, **kwargs: Any) -> Iterator[Any]:
        rows = original(*args, **kwargs)

        def first(_relation: Relation) -> list[Any]:
            return list(islice(rows, 1))

        def all_rows() -> Iterator[Any]:
            yield from wrapped(first, runs(own).around, reads_names=False)(args[0])
            yield from rows

        return all_rows()

    return iter_rows


# The statements that methods run: they are read for the log, and never run


def own(statement: str, _args: Args, _kwargs: Kwargs) -> str:
    return statement


def limited(statement: str, _args: Args, _kwargs: Kwargs) -> str:
    return f"SELECT * FROM ({statement}) LIMIT 10000"  # noqa: S608


def counted(statement: str, _args: Args, _kwargs: Kwargs) -> str:
    return f"SELECT count(*) FROM ({statement})"  # noqa: S608


def created(statement: str, args: Args, kwargs: Kwargs) -> str:
    return f"CREATE TABLE {argument(args, kwargs, 1, 'table_name')} AS {statement}"


def viewed(statement: str, args: Args, kwargs: Kwargs) -> str:
    return f"CREATE OR REPLACE VIEW {argument(args, kwargs, 1, 'view_name')} AS {statement}"


def inserted_into(statement: str, args: Args, kwargs: Kwargs) -> str:
    return f"INSERT INTO {argument(args, kwargs, 1, 'table_name')} {statement}"


def inserted(_statement: str, args: Args, kwargs: Kwargs) -> str:
    values = ", ".join("?" for _ in argument(args, kwargs, 1, "values"))
    return f"INSERT INTO {_alias(args[0])} VALUES ({values})"  # noqa: S608


def updated(_statement: str, args: Args, kwargs: Kwargs) -> str:
    changes = ", ".join(f"{column} = {value}" for column, value in argument(args, kwargs, 1, "set").items())
    condition = kwargs.get("condition")
    return f"UPDATE {_alias(args[0])} SET {changes}" + ("" if condition is None else f" WHERE {condition}")  # noqa: S608


def copied(form: str) -> Text:
    def text(statement: str, args: Args, kwargs: Kwargs) -> str:
        file = str(argument(args, kwargs, 1, "file_name")).replace("'", "''")
        return f"COPY ({statement}) TO '{file}' (FORMAT {form})"

    return text
