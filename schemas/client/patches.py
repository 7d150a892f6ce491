"""Puts wrappers into DuckDB's own classes and module, in place, and takes them out again."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import duckdb

from . import hot_path, watching
from . import relation_hooks as of_relation
from .calls import Call
from .connection_hooks import (
    APPEND,
    APPENDER,
    CHUNK,
    CLOSE,
    CONNECT,
    CURSOR,
    ENABLE_PROFILING,
    FLUSH,
    LAZY,
    ONE,
    REPEATED,
    SET_DEFAULT,
    SOME,
    SOURCE,
    STATEMENT,
    WHOLE,
    WHOLE_OR_SOURCE,
    fetched_chunk,
    fetched_one,
    fetched_some,
    fixed,
)
from .relation_hooks import DERIVE, POLARS, READ, reads_on, runs
from .relations import KNOWS_CONNECTION
from .wrapper import Args, Around, Function, Hooks, Kwargs, wrapped

Connection = duckdb.DuckDBPyConnection
Relation = duckdb.DuckDBPyRelation


def _each(hooks: Hooks, *names: str) -> dict[str, Hooks]:
    return dict.fromkeys(names, hooks)


# fmt: off
ON_CONNECTION: dict[str, Hooks] = {
    "execute": STATEMENT,
    "executemany": REPEATED,
    **_each(LAZY, "sql", "query", "from_query"),
    "fetchone": ONE,
    "fetchmany": SOME,
    "fetchall": WHOLE,
    "fetch_df_chunk": CHUNK,
    **_each(
        WHOLE,
        "fetchdf", "fetch_df", "df", "fetchnumpy", "arrow", "fetch_arrow_table", "to_arrow_table", "pl", "torch", "tf",
        "fetch_record_batch", "to_arrow_reader",
    ),
    "begin": fixed("BEGIN TRANSACTION"),
    "commit": fixed("COMMIT"),
    "rollback": fixed("ROLLBACK"),
    "checkpoint": fixed("CHECKPOINT"),
    "append": APPEND,
    "appender": APPENDER,
    **_each(CURSOR, "cursor", "duplicate"),
    **_each(CLOSE, "close", "__exit__"),
    "enable_profiling": ENABLE_PROFILING,
}
MAKING_RELATIONS = _each(
    SOURCE,
    "table", "view", "values", "table_function", "read_csv", "read_json", "read_parquet", "from_csv_auto",
    "from_parquet", "from_df", "from_arrow", "project", "filter", "aggregate", "distinct", "limit", "order", "alias",
    "query_df",
)
ON_MODULE: dict[str, Hooks] = {"connect": CONNECT, "set_default_connection": SET_DEFAULT}
ON_RELATION: dict[str, Hooks] = {
    **_each(
        READ,
        "fetchall", "fetchdf", "df", "to_df", "fetchnumpy", "arrow", "fetch_arrow_table", "to_arrow_table", "torch",
        "tf", "to_dicts", "fetch_arrow_reader", "fetch_record_batch", "record_batch", "to_arrow_reader",
        "__arrow_c_stream__",
    ),
    "pl": POLARS,
    "fetchone": reads_on(fetched_one),
    "fetchmany": reads_on(fetched_some),
    "fetch_df_chunk": reads_on(fetched_chunk),
    "execute": reads_on(of_relation.opened),
    "close": of_relation.CLOSE,
    "materialize": runs(of_relation.own),
    **_each(runs(of_relation.limited), "show", "preview", "__repr__", "__str__", "_repr_mimebundle_"),
    **_each(runs(of_relation.counted), "__len__", "shape"),
    **_each(runs(of_relation.created), "create", "to_table"),
    **_each(runs(of_relation.viewed), "create_view", "to_view"),
    "insert_into": runs(of_relation.inserted_into),
    "insert": runs(of_relation.inserted),
    "update": runs(of_relation.updated),
    **_each(runs(of_relation.copied("csv")), "write_csv", "to_csv"),
    **_each(runs(of_relation.copied("parquet")), "write_parquet", "to_parquet"),
}
RUNS_NOTHING = frozenset({"explain", "sql_query"})
# fmt: on
HOT: dict[str, Around] = {"execute": hot_path.execute, "fetchall": hot_path.fetchall, "fetchone": hot_path.fetchone}
"""Of a connection, in the place of the hooks above."""
PLAIN = frozenset({"fetchone", "fetchmany", "fetchall"})
"""Of a connection: these look up no names and never warn."""

Wrap = Callable[[Function], Function]


class Patches:
    """What was put where, and what was there before."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, Any, Any]] = []

    def install(self) -> None:
        for owner, name, wrap in _places():
            if (original := vars(owner).get(name)) is None:
                continue
            if isinstance(original, property):
                wrapper: Any = property(wrap(original.__get__), doc=original.__doc__)
            else:
                wrapper = wrap(getattr(owner, name))
            if owner is duckdb:
                # where it is found, or it could not be pickled
                wrapper.__module__, wrapper.__qualname__ = duckdb.__name__, name
            self._made.append((owner, name, original, wrapper))
        for owner, name, _, wrapper in self._made:
            setattr(owner, name, wrapper)

    def remove(self) -> None:
        """What somebody else has wrapped since is left as it is: our wrapper inside does nothing then."""
        for owner, name, original, wrapper in self._made:
            if vars(owner)[name] is wrapper:
                setattr(owner, name, original)
        self._made.clear()

    def originals(self) -> dict[int, str]:
        """The names of what was replaced, by id; a bound method holds what is inside of it."""
        names = {}
        for owner, name, original, _ in self._made:
            for each in (original, getattr(original, "__func__", original)):
                names[id(each)] = f"{owner.__name__}.{name}"
        return names


def _places() -> Iterator[tuple[Any, str, Wrap]]:
    sources = {} if KNOWS_CONNECTION else MAKING_RELATIONS
    for name, hooks in (ON_CONNECTION | sources).items():
        yield Connection, name, partial(wrapped, around=HOT.get(name, hooks.around), reads_names=name not in PLAIN)
        if not name.startswith("_"):
            on_default = _on_default(WHOLE_OR_SOURCE if name in ("df", "arrow") else hooks)
            yield duckdb, name, partial(wrapped, around=on_default.around, reads_names=True)
    for name, hooks in ON_MODULE.items():
        yield duckdb, name, partial(wrapped, around=hooks.around, reads_names=False)
    for name, hooks in ON_RELATION.items():
        yield Relation, name, partial(wrapped, around=hooks.around, reads_names=True)
    yield Relation, "iter_rows", of_relation.iterating
    if not KNOWS_CONNECTION:
        for name, method in list(vars(Relation).items()):
            if callable(method) and name[0] != "_" and name not in ON_RELATION and name not in RUNS_NOTHING:
                yield Relation, name, partial(wrapped, around=DERIVE.around, reads_names=True)
    if appender := getattr(duckdb, "Appender", None):
        for name in ("flush", "__exit__"):
            yield appender, name, partial(wrapped, around=FLUSH.around, reads_names=False)


def _on_default(hooks: Hooks) -> Hooks:
    """Of the module's functions, which run on the connection that they are given or on the default one."""

    def before(args: Args, kwargs: Kwargs) -> Any:
        if (given := kwargs.get("connection")) is not None:
            return hooks.before((given, *args), kwargs)
        connection = duckdb.default_connection()
        watching.called_by_default(connection)
        call = hooks.before((connection, *args), kwargs)
        if isinstance(call, Call):
            call.connection.held = connection
        return call

    def after(call: Any, result: Any) -> None:
        hooks.after(call, result)
        if isinstance(call, Call) and call.connection.call is not call:
            call.connection.held = None

    def failed(call: Any, error: BaseException) -> None:
        hooks.failed(call, error)
        if isinstance(call, Call) and call.connection.call is not call:
            call.connection.held = None

    return Hooks(before, after, failed)
