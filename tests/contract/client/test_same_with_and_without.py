"""DuckDB's documented ways to be used from Python return the same with and without capture."""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import duckdb
import pandas as pd
import pytest

from schemas.client.versions import VERSION
from tests.captured import Captured

Con = duckdb.DuckDBPyConnection
Use = Callable[[Con, Path], Any]
USES: list[Use] = []


def use(function: Use) -> Use:
    USES.append(function)
    return function


def plain(value: Any) -> Any:
    """The same value in a form that can be compared."""
    if isinstance(value, pd.DataFrame):
        return ("frame", [str(kind) for kind in value.dtypes], value.to_dict("list"))
    if hasattr(value, "to_pylist"):
        return ("arrow", value.to_pylist())
    if hasattr(value, "read_all"):
        return ("reader", value.read_all().to_pylist())
    if type(value).__module__.startswith("polars"):
        return ("polars", value.to_dicts())
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, duckdb.DuckDBPyRelation):
        return ("relation", value.columns, [str(kind) for kind in value.types], value.fetchall())
    return value


@use
def results_as_python_objects(con: Con, folder: Path) -> Any:
    return con.sql("SELECT 42 AS x").fetchall(), con.execute("SELECT 42 AS x, 'a' AS y").fetchone()


@use
def results_as_pandas(con: Con, folder: Path) -> Any:
    return con.sql("SELECT 42 AS x, 'a' AS y").df(), con.execute("SELECT range AS i FROM range(5)").fetchdf()


@use
def results_as_polars(con: Con, folder: Path) -> Any:
    return con.sql("SELECT 42 AS x").pl(), con.sql("SELECT range AS i FROM range(5)").filter("i > 2").pl()


@use
def results_as_arrow(con: Con, folder: Path) -> Any:
    query = "SELECT range AS i FROM range(5000)"
    in_batches = plain(con.sql(query).fetch_arrow_reader(1000))
    return in_batches, con.sql(query).fetch_arrow_table(), plain(con.sql(query).arrow())


@use
def results_as_numpy(con: Con, folder: Path) -> Any:
    return con.sql("SELECT range AS i FROM range(3)").fetchnumpy(), con.execute("SELECT 1 AS a").fetchnumpy()


@use
def a_result_through_the_arrow_interface(con: Con, folder: Path) -> Any:
    import pyarrow as pa

    return pa.table(con.sql("SELECT 1 AS a, 'b' AS b"))


@use
def a_result_in_pieces(con: Con, folder: Path) -> Any:
    con.execute("SELECT range AS i FROM range(10)")
    pieces = [con.fetchone(), con.fetchmany(3), con.fetchmany(), con.fetchall(), con.fetchone(), con.fetchmany(2)]
    con.execute("SELECT range AS i FROM range(3000)")
    return pieces, len(con.fetch_df_chunk()), len(con.fetchdf())


@use
def relations_of_relations(con: Con, folder: Path) -> Any:
    first = con.sql("SELECT 42 AS i")
    second = con.sql("SELECT i * 2 AS k FROM first")
    assert second is not None
    return first, second, second.columns, second.description


@use
def the_relational_api(con: Con, folder: Path) -> Any:
    con.sql("CREATE TABLE items (id INTEGER, kind VARCHAR, price DOUBLE)")
    con.sql("INSERT INTO items VALUES (1, 'a', 1.5), (2, 'b', 2.5), (3, 'a', 3.5)")
    items = con.table("items")
    return (
        items.aggregate("kind, sum(price)").order("kind"),
        items.filter("id > 1").project("id, price * 2 AS double"),
        items.limit(2, offset=1),
        items.select("kind").distinct().order("kind"),
        items.union(items).except_(items.limit(0)).order("id"),
        items.intersect(items).order("id"),
        items.set_alias("l").join(items.set_alias("r"), "id").order("id"),
        items.sum("price"),
        items.describe().columns,
        items.shape,
        len(items),
        "price" in items,
        items["kind"].fetchall(),
        items.order("id").fetchall(),
    )


@use
def writing_relations(con: Con, folder: Path) -> Any:
    relation = con.sql("SELECT range AS i FROM range(4)")
    relation.create("made")
    relation.insert_into("made")
    con.table("made").insert([9])
    relation.create_view("seen")
    relation.write_csv(str(folder / "made.csv"))
    relation.write_parquet(str(folder / "made.parquet"))
    return (
        con.sql("FROM made"),
        con.view("seen"),
        con.read_csv(str(folder / "made.csv")),
        (folder / "made.csv").read_text(),
    )


@use
def showing_relations(con: Con, folder: Path) -> Any:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        con.sql("SELECT 42 AS x").show()
        print(con.sql("SELECT 43 AS x"))  # noqa: T201
    return repr(con.sql("SELECT range AS i FROM range(100)")), str(con.sql("SELECT 1")), shown.getvalue()


@use
def explaining(con: Con, folder: Path) -> Any:
    return con.sql("SELECT 42 AS x").explain()


@use
def statements_with_parameters(con: Con, folder: Path) -> Any:
    con.execute("CREATE TABLE items (item VARCHAR, value DECIMAL(10, 2), count INTEGER)")
    con.execute("INSERT INTO items VALUES (?, ?, ?)", ["laptop", 2000, 1])
    con.executemany("INSERT INTO items VALUES (?, ?, ?)", [["chainsaw", 500, 10], ["iphone", 300, 2]])
    return (
        con.execute("SELECT item FROM items WHERE value > ? ORDER BY 1", [400]).fetchall(),
        con.execute("SELECT $my_param, $other, $also", {"my_param": 5, "other": "D", "also": "n"}).fetchall(),
        con.execute("SELECT ?, ?", ("a", None)).fetchall(),
        con.sql("SELECT item FROM items WHERE count = $n", params={"n": 2}).fetchall(),
    )


@use
def prepared_statements(con: Con, folder: Path) -> Any:
    statements = con.extract_statements("SELECT 1 AS a; SELECT 2 AS b; CREATE TABLE t (i INTEGER)")
    return [con.execute(statement).fetchall() for statement in statements]


@use
def several_statements_at_once(con: Con, folder: Path) -> Any:
    last = con.execute("CREATE TABLE t AS SELECT 1 AS a; INSERT INTO t VALUES (2); SELECT * FROM t ORDER BY a")
    return last.fetchall(), con.sql("INSERT INTO t VALUES (3); SELECT * FROM t ORDER BY a").fetchall()


@use
def statements_that_return_nothing(con: Con, folder: Path) -> Any:
    return [
        con.execute(text).fetchall()
        for text in (
            "CREATE TABLE t (i INTEGER)",
            "INSERT INTO t VALUES (1), (2)",
            "UPDATE t SET i = 3",
            "SET threads = 1",
        )
    ]


@use
def returning_rows(con: Con, folder: Path) -> Any:
    con.execute("CREATE TABLE t (i INTEGER)")
    first = con.execute("INSERT INTO t VALUES (1), (2) RETURNING i").fetchall()
    return first, con.sql("DELETE FROM t WHERE i = 1 RETURNING i").fetchall()


@use
def what_a_cursor_says(con: Con, folder: Path) -> Any:
    con.execute("SELECT 1 AS a, 'x' AS b")
    before = [column[:2] for column in con.description or []]
    con.fetchall()
    return str(before), str([column[:2] for column in con.description or []])


@use
def transactions(con: Con, folder: Path) -> Any:
    con.execute("CREATE TABLE t (i INTEGER)")
    con.begin()
    con.execute("INSERT INTO t VALUES (1)")
    con.rollback()
    con.begin().execute("INSERT INTO t VALUES (2)")
    con.commit()
    return con.execute("FROM t").fetchall()


@use
def data_frames(con: Con, folder: Path) -> Any:
    # strings as objects, since older versions do not know the newer type of pandas
    frame = pd.DataFrame({"a": [1, 2, 3], "b": pd.Series(["x", "y", "z"], dtype=object)})
    con.register("registered", frame)
    con.execute("CREATE TABLE t AS SELECT * FROM frame")
    con.append("t", pd.DataFrame({"a": [4], "b": pd.Series(["w"], dtype=object)}))
    return (
        con.sql("SELECT * FROM frame WHERE a > 1"),
        con.execute("SELECT sum(a) FROM registered").fetchall(),
        con.from_df(frame).filter("a = 2"),
        con.sql("FROM t ORDER BY a"),
        con.sql("SELECT * FROM frame").query("named", "SELECT max(a) FROM named"),
    )


@use
def arrow_and_polars_objects(con: Con, folder: Path) -> Any:
    import polars as pl
    import pyarrow as pa

    arrow = pa.table({"a": [1, 2]})
    polars = pl.DataFrame({"a": [3]})
    lazy = pl.LazyFrame({"a": [4]})
    assert (arrow, polars, lazy) is not None
    return con.sql("FROM arrow"), con.sql("FROM polars"), con.execute("FROM lazy").fetchall(), con.from_arrow(arrow)


@use
def files(con: Con, folder: Path) -> Any:
    (folder / "in.csv").write_text("a,b\n1,x\n2,y\n")
    (folder / "in.json").write_text('[{"a": 1}, {"a": 2}]')
    con.execute(f"COPY (SELECT range AS a FROM range(3)) TO '{folder}/in.parquet'")
    return (
        con.read_csv(str(folder / "in.csv")),
        con.read_json(str(folder / "in.json")),
        con.read_parquet(str(folder / "in.parquet")),
        con.sql(f"SELECT * FROM '{folder}/in.csv'"),
        con.execute(f"SELECT count(*) FROM read_parquet('{folder}/*.parquet')").fetchall(),
    )


@use
def functions_of_python(con: Con, folder: Path) -> Any:
    con.create_function("plus", lambda x, y: x + y, ["BIGINT", "BIGINT"], "BIGINT")
    return con.sql("SELECT plus(range, 1) FROM range(3)").fetchall(), con.execute("SELECT plus(1, 2)").fetchall()


@use
def functions_of_python_that_query(con: Con, folder: Path) -> Any:
    other = duckdb.connect()

    def look_up(x: int) -> int:
        row = other.execute("SELECT ? * 10", [x]).fetchone()
        assert row is not None
        return int(row[0])

    con.create_function("look_up", look_up, ["BIGINT"], "BIGINT")
    return con.sql("SELECT look_up(range) FROM range(3)").fetchall()


@use
def values_and_tables(con: Con, folder: Path) -> Any:
    return (
        con.values([1, "a"]),
        con.table_function("range", [3]),
        con.sql("SHOW TABLES"),
        con.sql("DESCRIBE SELECT 1 AS a"),
    )


@use
def names_of_tables(con: Con, folder: Path) -> Any:
    con.execute("CREATE TABLE a (i INTEGER); CREATE TABLE b (i INTEGER)")
    return sorted(con.get_table_names("SELECT * FROM a, b"))


@use
def cursors(con: Con, folder: Path) -> Any:
    con.execute("CREATE TABLE t AS SELECT range AS i FROM range(5)")
    first, second = con.cursor(), con.duplicate()
    first.execute("SELECT * FROM t ORDER BY i")
    second.execute("SELECT count(*) FROM t")
    rows = first.fetchmany(2), second.fetchall(), first.fetchall()
    first.close()
    return rows, con.execute("SELECT max(i) FROM t").fetchall()


@use
def threads_with_cursors(con: Con, folder: Path) -> Any:
    con.execute("CREATE TABLE t (name VARCHAR, i INTEGER)")
    done: Queue[Any] = Queue()

    def write(name: str) -> None:
        local = con.cursor()
        for i in range(10):
            local.execute("INSERT INTO t VALUES (?, ?)", (name, i))

    def read() -> None:
        done.put(con.cursor().execute("SELECT count(*) >= 0 FROM t").fetchall())

    threads = [Thread(target=write, args=(f"writer {n}",)) for n in range(3)] + [Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return con.sql("SELECT name, sum(i) FROM t GROUP BY ALL ORDER BY 1"), [done.get() for _ in range(3)]


@use
def files_of_databases(con: Con, folder: Path) -> Any:
    with duckdb.connect(str(folder / "file.duckdb")) as first:
        first.sql("CREATE TABLE t (i INTEGER)")
        first.sql("INSERT INTO t VALUES (42)")
        inside = first.table("t").fetchall()
    with duckdb.connect(folder / "file.duckdb", read_only=True, config={"threads": 1}) as again:
        with pytest.raises(duckdb.Error):
            again.execute("INSERT INTO t VALUES (1)")
        return inside, again.execute("FROM t").fetchall()


@use
def attached_databases(con: Con, folder: Path) -> Any:
    con.execute(f"ATTACH '{folder}/other.duckdb' AS other")
    con.execute("CREATE TABLE other.t AS SELECT 1 AS a")
    con.execute("USE other")
    return con.sql("FROM t").fetchall(), con.table("t").fetchall()


@use
def errors(con: Con, folder: Path) -> Any:
    found = []
    for text in ("SELEC 1", "FROM missing", "SELECT missing", "SELECT 'a'::INTEGER", "SELECT error('own')"):
        for call in (con.execute, con.sql):
            try:
                result = call(text)
                result.fetchall()
            except duckdb.Error as error:
                found.append((type(error).__name__, str(error)))
    return found


@use
def an_error_of_python_in_a_function(con: Con, folder: Path) -> Any:
    def fail(x: int) -> int:
        raise ValueError(f"no {x}")

    con.create_function("fail", fail, ["BIGINT"], "BIGINT")
    try:
        con.sql("SELECT fail(1)").fetchall()
    except duckdb.Error as error:
        return type(error).__name__, "ValueError: no 1" in str(error)


@use
def the_module_itself(con: Con, folder: Path) -> Any:
    frame = pd.DataFrame({"a": [3, 1, 2]})
    duckdb.execute("CREATE OR REPLACE TEMP TABLE own AS SELECT range AS i FROM range(4)")
    duckdb.execute("SELECT i FROM own WHERE i > ?", [1])
    return (
        duckdb.fetchone(),
        duckdb.fetchmany(1),
        duckdb.fetchall(),
        duckdb.sql("SELECT * FROM frame ORDER BY a"),
        duckdb.query("SELECT 1 AS x").df(),
        duckdb.from_df(frame).order("a"),
        duckdb.filter(frame, "a > 1").order("a"),
        duckdb.aggregate(frame, "sum(a)"),
        duckdb.query_df(frame, "named", "SELECT max(a) FROM named"),
        duckdb.values([1, 2]),
        duckdb.table("own"),
        duckdb.cursor().execute("SELECT 5").fetchall(),
        duckdb.execute("SELECT 6 AS x").df(),
        duckdb.sql("SELECT 7 AS x", connection=con),
        duckdb.begin() is not None,
        duckdb.rollback() is not None,
    )


@use
def the_default_connection_can_be_another(con: Con, folder: Path) -> Any:
    before = duckdb.default_connection()
    con.execute("CREATE TABLE only_here AS SELECT 1 AS a")
    duckdb.set_default_connection(con)
    try:
        return duckdb.sql("FROM only_here").fetchall(), duckdb.execute("FROM only_here").fetchall()
    finally:
        duckdb.set_default_connection(before)


@use
def a_generator_that_is_not_read_to_its_end(con: Con, folder: Path) -> Any:
    def rows() -> Iterator[Any]:
        cursor = con.cursor()
        cursor.execute("SELECT range FROM range(1000000)")
        while batch := cursor.fetchmany(100):
            yield from batch

    generator = rows()
    first = [next(generator) for _ in range(150)]
    generator.close()
    return first, con.execute("SELECT 1").fetchall()


@use
def an_open_result_survives_another_cursor(con: Con, folder: Path) -> Any:
    con.execute("SELECT range FROM range(100000)")
    first = con.fetchmany(5)
    con.cursor().execute("SELECT 1").fetchall()
    return first, con.fetchmany(5), len(con.fetchall())


if VERSION >= (2, 0):

    @use
    def newer_methods(con: Con, folder: Path) -> Any:
        relation = con.sql("SELECT range AS i, range % 2 AS g FROM range(6)")
        con.execute("CREATE TABLE t (i INTEGER)")
        with con.appender("t") as appender:
            appender.append_row(1)
            appender.append_rows([[2], [3]])
        con.execute("SELECT * FROM t")
        con.complete()
        return (
            list(relation.iter_rows(2)),
            relation.to_dicts(),
            relation.materialize(),
            relation.group_by("g").agg("sum(i)").order("g"),
            relation.head(2),
            con.table("t").order("i"),
            con.execute("UPDATE t SET i = 0").rowcount,
        )

else:

    @use
    def older_methods(con: Con, folder: Path) -> Any:
        relation = con.sql("SELECT range AS i FROM range(4)")
        executed = relation.execute()
        return (
            executed.fetchone(),
            executed.fetchmany(2),
            executed.fetchall(),
            relation.fetchall(),
            [relation.fetchone() for _ in range(6)],
            con.execute("SELECT range AS i FROM range(3000)").fetch_record_batch(1000),
            con.execute("SELECT 1 AS a").arrow(),
            con.execute("SELECT 1 AS a").pl(),
        )


def outcome(use: Use, folder: Path) -> Any:
    folder.mkdir()
    with duckdb.connect() as con, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of methods that a newer version has renamed
        return plain(use(con, folder))


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
@pytest.mark.usefixtures("every_run_sampled")
def test_it_returns_the_same(captured: Captured, use: Use, tmp_path: Path) -> None:
    without = outcome(use, tmp_path / "1")
    captured.start()
    with_us = outcome(use, tmp_path / "2")
    assert repr(with_us).replace(f"{tmp_path}/2", f"{tmp_path}/1") == repr(without)
    assert captured.events() or use is explaining
