"""Puts wrappers into DuckDB's own classes and module, in place, and takes them out again."""

from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any, cast

import duckdb

from . import capture, relations, statements
from .frames import beneath, caller
from .invocation import Invocation, Kind, always, count, empty, never, no_row, none, one, short
from .relations import copied, reading
from .statements import fetch, fixed

Connection = duckdb.DuckDBPyConnection
Relation = duckdb.DuckDBPyRelation


def _named(kind: Kind, *names: str) -> dict[str, Kind]:
    return dict.fromkeys(names, kind)


# fmt: off
ON_CONNECTION: dict[str, Kind] = {
    "execute": statements.statement,
    "executemany": statements.repeated,
    **_named(statements.lazy, "sql", "query", "from_query"),
    "fetchone": fetch(one, no_row, plainly=True),
    "fetchmany": fetch(count, short, plainly=True),
    "fetchall": fetch(count, always, plainly=True),
    "fetch_df_chunk": fetch(count, empty),
    **_named(
        statements.whole,
        "fetchdf", "fetch_df", "df", "fetchnumpy", "arrow", "fetch_arrow_table", "to_arrow_table", "pl", "torch", "tf",
        "fetch_record_batch", "to_arrow_reader",
    ),
    "begin": fixed("BEGIN TRANSACTION"),
    "commit": fixed("COMMIT"),
    "rollback": fixed("ROLLBACK"),
    "checkpoint": fixed("CHECKPOINT"),
    "append": statements.append,
    "appender": statements.appender,
    **_named(statements.cursor, "cursor", "duplicate"),
    **_named(statements.close, "close", "__exit__"),
    "enable_profiling": statements.enable_profiling,
}
MAKES_RELATION = _named(
    statements.source,
    "table", "view", "values", "table_function", "read_csv", "read_json", "read_parquet", "from_csv_auto",
    "from_parquet", "from_df", "from_arrow",
)
MAKES_RELATION_OF_OBJECT = _named(
    statements.source,
    "project", "filter", "aggregate", "distinct", "limit", "order", "alias", "query_df",
)
ON_RELATION: dict[str, Kind] = {
    **_named(
        reading(count, always),
        "fetchall", "fetchdf", "df", "to_df", "fetchnumpy", "arrow", "fetch_arrow_table", "to_arrow_table", "torch",
        "tf", "to_dicts", "fetch_arrow_reader", "fetch_record_batch", "record_batch", "to_arrow_reader",
        "__arrow_c_stream__",
    ),
    "pl": relations.polars,
    "fetchone": reading(one, no_row),
    "fetchmany": reading(count, short),
    "fetch_df_chunk": reading(count, empty),
    "execute": reading(none, never),
    "materialize": reading(none, always),
    "iter_rows": relations.iterate,
    "close": relations.close,
    **_named(
        reading(none, always, relations.limited),
        "show", "preview", "__repr__", "__str__", "_repr_mimebundle_",
    ),
    **_named(reading(none, always, relations.counted), "__len__", "shape"),
    **_named(reading(none, always, relations.created), "create", "to_table"),
    **_named(reading(none, always, relations.viewed), "create_view", "to_view"),
    "insert_into": reading(none, always, relations.inserted_into),
    "insert": reading(none, always, relations.inserted),
    "update": reading(none, always, relations.updated),
    **_named(reading(none, always, copied("csv")), "write_csv", "to_csv"),
    **_named(reading(none, always, copied("parquet")), "write_parquet", "to_parquet"),
}
RUNS_NOTHING = frozenset({"explain", "sql_query"})
# fmt: on


ON_MODULE: dict[str, Kind] = {
    "connect": statements.connect,
    "set_default_connection": statements.set_default_connection,
}
ON_APPENDER: dict[str, Kind] = {"flush": statements.flush, "__exit__": statements.flush}

Wrap = Callable[[Kind, str, Callable[..., Any]], Callable[..., Any]]


class Patches:
    """What was put where, and what was there before."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, Any, Any]] = []

    def install(self) -> None:
        for name, kind in _kinds_on_connection():
            self._put(Connection, name, _as_method, kind)
            if not name.startswith("_"):
                module_kind = statements.whole_or_source if name in ("df", "arrow") else kind
                self._put(duckdb, name, _as_function, module_kind)
        for name, kind in _kinds_on_relation():
            self._put(Relation, name, _as_method, kind)
        for name, kind in ON_MODULE.items():
            self._put(duckdb, name, _as_plain_function, kind)
        if hasattr(duckdb, "Appender"):
            for name, kind in ON_APPENDER.items():
                self._put(duckdb.Appender, name, _as_method, kind)

    def remove(self) -> None:
        """What somebody else has wrapped since is left as it is: our wrapper inside does nothing then."""
        for owner, name, original, wrapper in reversed(self._made):
            if vars(owner)[name] is wrapper:
                setattr(owner, name, original)
        self._made.clear()

    def originals(self) -> dict[int, str]:
        """The names of what was replaced, by id."""
        made = ((owner, name, wrapper) for owner, name, _, wrapper in self._made if hasattr(wrapper, "__wrapped__"))
        return {id(wrapper.__wrapped__): f"{owner.__name__}.{name}" for owner, name, wrapper in made}

    def _put(self, owner: Any, name: str, wrap: Wrap, kind: Kind) -> None:
        if (original := vars(owner).get(name)) is None:
            return
        if isinstance(original, property):
            wrapper: Any = property(wrap(kind, name, cast(Callable[..., Any], original.fget)), doc=original.__doc__)
        else:
            wrapper = wrap(kind, name, getattr(owner, name))
        self._made.append((owner, name, original, wrapper))
        setattr(owner, name, wrapper)


def _kinds_on_connection() -> Iterator[tuple[str, Kind]]:
    yield from ON_CONNECTION.items()
    if not relations.KNOWS_CONNECTION:
        yield from (MAKES_RELATION | MAKES_RELATION_OF_OBJECT).items()


def _kinds_on_relation() -> Iterator[tuple[str, Kind]]:
    yield from ON_RELATION.items()
    if not relations.KNOWS_CONNECTION:
        for name, method in list(vars(Relation).items()):
            if callable(method) and name[0] != "_" and name not in ON_RELATION and name not in RUNS_NOTHING:
                yield name, relations.derive


def _as_method(kind: Kind, _name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return kind(Invocation(caller(1), self, partial(original, self, *args, **kwargs), args, kwargs))
        except BaseException as error:
            error.__traceback__ = beneath(error.__traceback__)
            raise

    return method


def _as_function(kind: Kind, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """Of the module: on the connection that it is given, or on the default one."""

    def function(*args: Any, **kwargs: Any) -> Any:
        try:
            if (connection := kwargs.get("connection")) is not None:
                return kind(Invocation(caller(1), connection, partial(original, *args, **kwargs), args, kwargs))
            connection = duckdb.default_connection()
            capture.called_by_default(connection)
            result = kind(Invocation(caller(1), connection, partial(original, *args, **kwargs), args, kwargs))
            capture.hold(connection)
            return result
        except BaseException as error:
            error.__traceback__ = beneath(error.__traceback__)
            raise

    return _found_as(name, original, function)


def _as_plain_function(kind: Kind, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        try:
            return kind(Invocation(None, None, partial(original, *args, **kwargs), args, kwargs))
        except BaseException as error:
            error.__traceback__ = beneath(error.__traceback__)
            raise

    return _found_as(name, original, function)


def _found_as(name: str, original: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    wrapper = wraps(original)(function)
    # where it is found, or it could not be pickled
    wrapper.__module__, wrapper.__qualname__ = duckdb.__name__, name
    return wrapper
