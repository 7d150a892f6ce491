"""What a caller can see of a wrapper, which should be nothing."""

import asyncio
import gc
import pickle
import threading
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from inspect import signature
from typing import Any

import duckdb
import pandas as pd
import pytest

from schemas.client.versions import VERSION
from tests.captured import Captured

at_module_level = pd.DataFrame({"a": [1, 2, 3]})


def a_local(con: duckdb.DuckDBPyConnection) -> Any:
    local = pd.DataFrame({"a": [4]})  # noqa: F841
    return con.execute("SELECT * FROM local").fetchall()


def a_global(con: duckdb.DuckDBPyConnection) -> Any:
    return con.execute("SELECT * FROM at_module_level").fetchall()


def a_local_that_hides_a_global(con: duckdb.DuckDBPyConnection) -> Any:
    at_module_level = pd.DataFrame({"a": [5]})  # noqa: F841
    return con.execute("SELECT * FROM at_module_level").fetchall()


def a_variable_of_the_enclosing_function_that_is_used(con: duckdb.DuckDBPyConnection) -> Any:
    enclosed = pd.DataFrame({"a": [6]})

    def inner() -> Any:
        assert enclosed is not None
        return con.execute("SELECT * FROM enclosed").fetchall()

    return inner()


def a_variable_of_the_enclosing_function_that_is_not_used(con: duckdb.DuckDBPyConnection) -> Any:
    enclosed = pd.DataFrame({"a": [6]})  # noqa: F841

    def inner() -> Any:
        return con.execute("SELECT * FROM enclosed").fetchall()

    return inner()


class Service:
    frame = pd.DataFrame({"a": [7]})

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con

    def local(self) -> Any:
        frame = self.frame  # noqa: F841
        return self.con.execute("SELECT * FROM frame").fetchall()

    def attribute(self) -> Any:
        return self.con.execute("SELECT * FROM frame").fetchall()


def a_local_of_a_method(con: duckdb.DuckDBPyConnection) -> Any:
    return Service(con).local()


def an_attribute_of_the_instance(con: duckdb.DuckDBPyConnection) -> Any:
    return Service(con).attribute()


def in_a_comprehension(con: duckdb.DuckDBPyConnection) -> Any:
    return [con.execute("SELECT * FROM frame").fetchall() for frame in [pd.DataFrame({"a": [8]})]]


def beside_a_comprehension(con: duckdb.DuckDBPyConnection) -> Any:
    beside = pd.DataFrame({"a": [8]})  # noqa: F841
    return [con.execute("SELECT * FROM beside").fetchall() for _ in range(1)]


def in_a_generator(con: duckdb.DuckDBPyConnection) -> Any:
    def rows() -> Iterator[Any]:
        frame = pd.DataFrame({"a": [9, 10]})  # noqa: F841
        con.execute("SELECT * FROM frame")
        while row := con.fetchone():
            yield row

    return list(rows())


def in_a_lambda(con: duckdb.DuckDBPyConnection) -> Any:
    return (lambda frame: con.execute("SELECT * FROM frame").fetchall())(pd.DataFrame({"a": [11]}))  # noqa: ARG005


def in_a_coroutine(con: duckdb.DuckDBPyConnection) -> Any:
    async def query() -> Any:
        frame = pd.DataFrame({"a": [12]})  # noqa: F841
        await asyncio.sleep(0)
        return con.execute("SELECT * FROM frame").fetchall()

    return asyncio.run(query())


def in_a_thread(con: duckdb.DuckDBPyConnection) -> Any:
    def query() -> Any:
        frame = pd.DataFrame({"a": [13]})  # noqa: F841
        return con.cursor().execute("SELECT * FROM frame").fetchall()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(query).result()


def as_a_thread(con: duckdb.DuckDBPyConnection) -> Any:
    thread = threading.Thread(target=con.execute, args=("CREATE TABLE made AS SELECT 14 AS a",))
    thread.start()
    thread.join()
    return con.execute("FROM made").fetchall()


def through_map(con: duckdb.DuckDBPyConnection) -> Any:
    frame = pd.DataFrame({"a": [15]})  # noqa: F841
    return [each.fetchall() for each in map(con.execute, ["SELECT * FROM frame"])]


def through_partial(con: duckdb.DuckDBPyConnection) -> Any:
    frame = pd.DataFrame({"a": [16]})  # noqa: F841
    return partial(con.execute, "SELECT * FROM frame WHERE a > ?")([3]).fetchall()


def in_code_of_exec(con: duckdb.DuckDBPyConnection) -> Any:
    names: dict[str, Any] = {"con": con, "pd": pd}
    exec("frame = pd.DataFrame({'a': [17]})\nrows = con.execute('SELECT * FROM frame').fetchall()", names)  # noqa: S102
    return names["rows"]


def in_the_body_of_a_class(con: duckdb.DuckDBPyConnection) -> Any:
    class Body:
        frame = pd.DataFrame({"a": [18]})
        rows = con.execute("SELECT * FROM frame").fetchall()

    return Body.rows


def by_sql(con: duckdb.DuckDBPyConnection) -> Any:
    frame = pd.DataFrame({"a": [19]})  # noqa: F841
    return con.sql("SELECT * FROM frame").filter("a > 1").fetchall()


def by_the_module(con: duckdb.DuckDBPyConnection) -> Any:
    frame = pd.DataFrame({"a": [20]})  # noqa: F841
    return duckdb.sql("SELECT * FROM frame", connection=con).fetchall(), duckdb.execute("FROM frame").fetchall()


def a_relation(con: duckdb.DuckDBPyConnection) -> Any:
    relation = con.sql("SELECT 21 AS a")  # noqa: F841
    return con.sql("SELECT * FROM relation").fetchall()


def a_name_that_nothing_has(con: duckdb.DuckDBPyConnection) -> Any:
    return con.execute("SELECT * FROM nothing_has_this_name").fetchall()


def an_object_that_is_no_table(con: duckdb.DuckDBPyConnection) -> Any:
    number = 22  # noqa: F841
    return con.execute("SELECT * FROM number").fetchall()


def names_of_ours(con: duckdb.DuckDBPyConnection) -> Any:
    found = []
    for name in ("self", "args", "kwargs", "original", "call", "known", "result", "names", "frame", "before", "spare"):
        with pytest.raises(duckdb.CatalogException) as error:
            con.execute(f"SELECT * FROM {name}")
        found.append(str(error.value).splitlines()[0])
    return found


CALLERS = (
    a_local, a_global, a_local_that_hides_a_global, a_variable_of_the_enclosing_function_that_is_used,
    a_variable_of_the_enclosing_function_that_is_not_used, a_local_of_a_method, an_attribute_of_the_instance,
    in_a_comprehension, beside_a_comprehension, in_a_generator, in_a_lambda, in_a_coroutine, in_a_thread, as_a_thread,
    through_map, through_partial, in_code_of_exec, in_the_body_of_a_class, by_sql, by_the_module, a_relation,
    a_name_that_nothing_has, an_object_that_is_no_table, names_of_ours,
)  # fmt: skip


def outcome(call: Callable[[duckdb.DuckDBPyConnection], Any]) -> tuple[Any, Any]:
    with duckdb.connect() as con:
        try:
            return "returns", call(con)
        except duckdb.Error as error:
            return type(error), str(error)


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.__name__)
def test_names_are_looked_up_where_they_were(captured: Captured, caller: Callable[..., Any]) -> None:
    without = outcome(caller)
    captured.start()
    assert outcome(caller) == without
    assert captured.events()


def test_the_callers_locals_are_not_kept_alive(captured: Captured) -> None:
    class Large:
        pass

    captured.start()
    con = duckdb.connect()
    large = Large()
    seen = weakref.ref(large)
    con.execute("SELECT 1").fetchall()
    del large
    gc.collect()
    assert seen() is None


def failing(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    try:
        con.execute("SELECT * FROM nothing_has_this_name")
    except duckdb.CatalogException as error:
        return [(entry.name, entry.line or "") for entry in traceback.extract_tb(error.__traceback__)]
    raise AssertionError


def test_a_traceback_does_not_show_the_wrapper(captured: Captured) -> None:
    without = failing(duckdb.connect())
    captured.start()
    assert failing(duckdb.connect()) == without
    assert [name for name, _ in without] == ["failing"]


def test_a_traceback_shows_what_lies_below(captured: Captured) -> None:
    captured.start()
    con = duckdb.connect()
    relation = con.sql("SELECT 1 AS a")
    with pytest.raises(Exception) as error:  # noqa: PT011 - of whatever kind it is in this version
        relation.limit("many")
    names = [entry.name for entry in traceback.extract_tb(error.value.__traceback__)]
    assert names[0] == "test_a_traceback_shows_what_lies_below"
    assert not {"wrapper", "perform"} & set(names)


def test_an_exception_that_is_being_handled_stays_the_context(captured: Captured) -> None:
    captured.start()
    con = duckdb.connect()
    handled = KeyError("first")

    def handle() -> None:
        try:
            raise handled
        except KeyError:
            con.execute("FROM nothing_has_this_name")

    with pytest.raises(duckdb.CatalogException) as error:
        handle()
    assert error.value.__context__ is handled


def warned(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int, str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        con.sql("SELECT 1").fetch_arrow_table()
        if VERSION >= (2, 0):
            con.execute("SELECT 1")
            con.to_arrow_table()
    return [(warning.filename, warning.lineno, str(warning.message)) for warning in caught]


def test_a_warning_names_the_callers_line(captured: Captured) -> None:
    pytest.importorskip("pyarrow")
    without = warned(duckdb.connect())
    captured.start()
    assert warned(duckdb.connect()) == without


def test_functions_look_like_what_they_replace(captured: Captured) -> None:
    def looks() -> list[Any]:
        found = []
        for function in (duckdb.execute, duckdb.sql, duckdb.DuckDBPyConnection.execute, duckdb.DuckDBPyRelation.df):
            try:
                shown = str(signature(function))
            except ValueError:
                shown = "unknown"
            found.append((function.__name__, function.__doc__, shown))
        return found

    without = looks()
    captured.start()
    assert looks() == without


def test_functions_of_the_module_can_be_pickled(captured: Captured) -> None:
    captured.start()
    assert pickle.loads(pickle.dumps(duckdb.sql)) is duckdb.sql  # noqa: S301
    assert pickle.loads(pickle.dumps(duckdb.connect)) is duckdb.connect  # noqa: S301


def test_connections_are_of_duckdbs_own_class(captured: Captured) -> None:
    cls = duckdb.DuckDBPyConnection
    captured.start()
    con = duckdb.connect()
    assert cls is duckdb.DuckDBPyConnection
    assert type(con) is cls
    assert con.execute("SELECT 1") is con
    assert isinstance(con.sql("SELECT 1"), duckdb.DuckDBPyRelation)


def test_arguments_may_be_given_by_name(captured: Captured) -> None:
    captured.start()
    con = duckdb.connect()
    assert con.execute(query="SELECT $a", parameters={"a": 1}).fetchall() == [(1,)]
    assert con.sql(query="SELECT 2 AS x", alias="named").alias == "named"
    assert con.execute("SELECT 1").fetchmany(size=5) == [(1,)]


def test_wrong_arguments_are_a_type_error(captured: Captured) -> None:
    captured.start()
    con = duckdb.connect()
    with pytest.raises(TypeError):
        con.execute()
    with pytest.raises(TypeError):
        con.execute("SELECT 1", [], "more")
    with pytest.raises(TypeError):
        con.fetchall(1)
