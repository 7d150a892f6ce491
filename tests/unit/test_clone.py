import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import duckdb
import pytest

from schemas.client.catalog import place_of
from schemas.client.clone import Plan, hindrance, make_clone, plan_clone
from schemas.client.pace import Pace
from schemas.client.settings import ClientSettings
from schemas.client.slowness import Slowness
from schemas.errors import CloneError
from schemas.measure.job import CloneFacts

GENEROUS = ClientSettings(clone_free_bytes=0)
SCHEMA = """
CREATE SCHEMA shop;
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE SEQUENCE numbers START 5;
CREATE TABLE customer (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL DEFAULT 'nobody', mood mood);
CREATE TABLE orders (
    id BIGINT DEFAULT nextval('numbers'), customer INTEGER REFERENCES customer (id), cents BIGINT CHECK (cents > 0),
    euros BIGINT GENERATED ALWAYS AS (cents // 100)
);
CREATE INDEX orders_by_customer ON orders (customer);
CREATE TABLE shop."odd name" (id INTEGER);
CREATE UNIQUE INDEX "odd index" ON shop."odd name" (id);
CREATE TABLE unasked (customer INTEGER REFERENCES customer (id), id INTEGER UNIQUE);
CREATE TABLE unasked_child (parent INTEGER REFERENCES unasked (id));
CREATE VIEW dear AS SELECT * FROM orders WHERE cents > 500;
CREATE VIEW dearest AS SELECT max(cents) AS cents FROM dear;
CREATE MACRO twice(x) AS x * 2;
CREATE MACRO odd(x) AS TABLE SELECT * FROM shop."odd name" WHERE id = x;
COMMENT ON TABLE orders IS 'what was bought';
INSERT INTO customer SELECT range, 'n' || range, 'glad' FROM range(1000);
INSERT INTO orders (customer, cents) SELECT range % 1000, 1 + range FROM range(100_000);
INSERT INTO shop."odd name" VALUES (1), (2);
INSERT INTO unasked VALUES (1, 1);
INSERT INTO unasked_child VALUES (1);
"""


@pytest.fixture
def product(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(tmp_path / "live.duckdb") as connection:
        connection.execute(SCHEMA)
        connection.execute("CHECKPOINT")
        yield connection


def test_what_is_private_is_empty_in_the_clone_and_the_rest_is_whole(
    product: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    product.execute("CREATE TABLE people (id INTEGER, mail VARCHAR NOT NULL, born DATE)")
    product.execute("INSERT INTO people SELECT range, range || '@example.com', DATE '2000-01-01' FROM range(1000)")
    product.execute("COMMENT ON COLUMN people.mail IS 'where they are reached [Private]'")
    product.execute("COMMENT ON COLUMN orders.cents IS '[private]'")
    clone_of(product, ["people", "orders"], tmp_path / "clone.duckdb")
    with duckdb.connect(tmp_path / "clone.duckdb") as clone:
        counted = clone.execute("SELECT count(*), count(mail), count(born), max(id) FROM people").fetchall()
        orders = clone.execute("SELECT count(*), count(cents), count(euros), count(customer) FROM orders").fetchall()
    assert (counted, orders) == ([(1000, 0, 1000, 999)], [(100_000, 0, 0, 100_000)])
    assert b"@example.com" not in (tmp_path / "clone.duckdb").read_bytes()


@pytest.mark.parametrize("column", ["id", "name"])
def test_what_cannot_be_left_empty_keeps_the_clone_from_being_made(
    product: duckdb.DuckDBPyConnection, column: str
) -> None:
    product.execute(f"COMMENT ON COLUMN customer.{column} IS '[private]'")
    cursor = product.cursor()
    plan = plan_clone(cursor, place_of(cursor), ["orders"], [], 10**9)
    assert hindrance(cursor, plan, 10**9) == (
        f"customer.{column} is private, and cannot be left empty: it is a key, or NOT NULL where foreign keys refer to"
    )


def clone_of(
    product: duckdb.DuckDBPyConnection,
    asked: list[str],
    file: Path,
    *,
    texts: list[str] | None = None,
    settings: ClientSettings = GENEROUS,
    slowness: Slowness | None = None,
    wanted: Callable[[], bool] = lambda: True,
    between: Callable[[Plan], None] = lambda _: None,
) -> CloneFacts:
    """`between` runs after planning."""
    cursor = product.cursor()
    place = place_of(cursor)
    plan = plan_clone(cursor, place, asked, texts or [], settings.clone_bytes)
    assert hindrance(cursor, plan, settings.clone_bytes) is None
    between(plan)
    return make_clone(cursor, plan, file, Pace(settings, file.parent, slowness or Slowness(), Event(), wanted))


@contextmanager
def opened(clone: CloneFacts) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(clone.file) as connection:
        for statement in clone.indexes:
            connection.execute(statement)
        yield connection


def names(connection: duckdb.DuckDBPyConnection, function: str, column: str) -> list[str]:
    found = connection.execute(f"SELECT {column} FROM {function}() WHERE NOT internal ORDER BY 1").fetchall()
    return [name for (name,) in found]


def test_a_clone_holds_what_was_asked_for_and_what_that_stands_on(
    product: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    clone = clone_of(product, ["orders"], tmp_path / "clone.duckdb")
    assert (clone.kind, clone.share, clone.rows) == ("full", 1.0, 101_000)
    with opened(clone) as copy:
        assert names(copy, "duckdb_tables", "table_name") == ["customer", "orders"]
        [(cents, euros)] = copy.execute("SELECT sum(cents), sum(euros) FROM orders").fetchall()
        assert (cents, euros) == (5_000_050_000, 49_951_000)


def test_keys_checks_defaults_indexes_types_sequences_and_comments_stay(
    product: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with opened(clone_of(product, ["main.ORDERS"], tmp_path / "clone.duckdb")) as copy:
        kept = "SELECT sql, comment FROM duckdb_tables() WHERE table_name IN ('customer', 'orders') ORDER BY table_name"
        assert copy.execute(kept).fetchall() == product.execute(kept).fetchall()
        assert copy.execute("SELECT index_name, sql FROM duckdb_indexes()").fetchall() == [
            ("orders_by_customer", "CREATE INDEX orders_by_customer ON orders(customer);")
        ]
        assert copy.execute("INSERT INTO orders (customer, cents) VALUES (1, 1) RETURNING id").fetchall() == [
            (100_005,)
        ]
        for statement, error in {
            "INSERT INTO orders (customer, cents) VALUES (1000, 1)": "foreign key",
            "INSERT INTO orders (customer, cents) VALUES (1, 0)": "CHECK",
            "INSERT INTO customer VALUES (1, 'again', 'sad')": "Duplicate key",
            "INSERT INTO customer VALUES (1000, 'new', 'angry')": "Could not convert",
        }.items():
            with pytest.raises(duckdb.Error, match=error):
                copy.execute(statement)


def test_a_view_and_a_macro_bring_the_tables_they_name(product: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    clone = clone_of(product, ["dearest"], tmp_path / "clone.duckdb", texts=["SELECT twice(id) FROM odd($1)"])
    with opened(clone) as copy:
        assert names(copy, "duckdb_tables", "table_name") == ["customer", "odd name", "orders"]
        assert copy.execute("SELECT * FROM dearest").fetchall() == [(100_000,)]
        assert copy.execute("SELECT twice(id) FROM odd(2)").fetchall() == [(4,)]


def test_a_table_that_was_not_asked_for_is_missing_rather_than_empty(
    product: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with (
        opened(clone_of(product, ["customer"], tmp_path / "clone.duckdb")) as copy,
        pytest.raises(duckdb.CatalogException, match="orders"),
    ):
        copy.execute("SELECT * FROM dear")


def test_rows_keep_their_order_and_their_row_groups(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "live.duckdb") as product:
        product.execute("SET preserve_insertion_order = false")
        product.execute("CREATE TABLE t AS SELECT range AS n, hash(range) AS h FROM range(300_000) ORDER BY h")
        with opened(clone_of(product, ["t"], tmp_path / "clone.duckdb")) as copy:
            for query in (
                "SELECT md5(string_agg(n::VARCHAR, ',' ORDER BY rowid)) FROM t",
                "SELECT DISTINCT row_group_id, sum(count) FROM pragma_storage_info('t') WHERE column_name = 'n' "
                "AND segment_type = 'BIGINT' GROUP BY ALL ORDER BY ALL",
            ):
                assert copy.execute(query).fetchall() == product.execute(query).fetchall()


def test_a_clone_is_of_one_moment_while_others_write(tmp_path: Path) -> None:
    """Every transfer changes two accounts and logs itself in a second table: the three must agree in every clone."""
    with duckdb.connect(tmp_path / "live.duckdb") as product:
        product.execute("CREATE TABLE account AS SELECT range AS id, 1000 AS balance FROM range(1000)")
        product.execute("CREATE TABLE transfer AS SELECT 0 AS source, 0 AS target, 0 AS amount FROM range(200_000)")
        stop, transfers = Event(), [0, 0]

        def write(worker: int) -> None:
            cursor = product.cursor()
            while not stop.is_set():
                source = (transfers[worker] * 2 + worker) % 1000
                target = (source + 2) % 1000
                cursor.execute("BEGIN")
                cursor.execute("UPDATE account SET balance = balance - 1 WHERE id = ?", [source])
                cursor.execute("UPDATE account SET balance = balance + 1 WHERE id = ?", [target])
                cursor.execute("INSERT INTO transfer VALUES (?, ?, 1)", [source, target])
                cursor.execute("COMMIT")
                transfers[worker] += 1

        writers = [Thread(target=write, args=[worker]) for worker in range(2)]
        for writer in writers:
            writer.start()
        seen = []
        try:
            for number in range(4):
                clone = clone_of(product, ["account", "transfer"], tmp_path / f"{number}.duckdb")
                with opened(clone) as copy:
                    assert (
                        copy.execute(
                            "SELECT id FROM account WHERE balance <> 1000 "
                            "- coalesce((SELECT sum(amount) FROM transfer WHERE source = id), 0) "
                            "+ coalesce((SELECT sum(amount) FROM transfer WHERE target = id), 0)"
                        ).fetchall()
                        == []
                    )
                    seen += copy.execute("SELECT sum(amount) FROM transfer").fetchall()
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        assert seen == sorted(seen)
        assert seen[0] < seen[-1]  # they did write


def test_a_database_that_is_only_read_is_cloned_too(product: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    product.close()
    with (
        duckdb.connect(tmp_path / "live.duckdb", read_only=True) as reader,
        opened(clone_of(reader, ["shop.odd name"], tmp_path / "clone.duckdb")) as copy,
    ):
        assert copy.execute('SELECT sum(id) FROM shop."odd name"').fetchall() == [(3,)]


def test_a_database_in_memory_is_cloned_too(tmp_path: Path) -> None:
    with duckdb.connect() as product:
        product.execute(SCHEMA)
        with opened(clone_of(product, ["dear"], tmp_path / "clone.duckdb")) as copy:
            assert copy.execute("SELECT count(*) FROM dear").fetchall() == [(99_500,)]


def test_above_the_limit_large_tables_are_sampled_from_everywhere_and_others_stay_whole(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "live.duckdb") as product:
        product.execute("CREATE TABLE kind (id INTEGER PRIMARY KEY)")
        product.execute("INSERT INTO kind SELECT range FROM range(10)")
        product.execute("CREATE TABLE fact (kind INTEGER REFERENCES kind (id), n BIGINT, noise UBIGINT)")
        product.execute("INSERT INTO fact SELECT range % 10, range, hash(range) FROM range(1_300_000)")
        product.execute("CHECKPOINT")
        small = GENEROUS.model_copy(update={"clone_bytes": 7_000_000})
        clone = clone_of(product, ["fact"], tmp_path / "clone.duckdb", settings=small)
        with opened(clone) as copy:
            assert clone.kind == "sample"
            [(rows, last, kinds, disorder)] = copy.execute(
                "SELECT count(*), max(n), count(DISTINCT kind), count(*) FILTER (n < before) "
                "FROM (SELECT *, lag(n) OVER (ORDER BY rowid) AS before FROM fact)"
            ).fetchall()
            assert rows == clone.rows - 10
            assert 1_000_000 <= rows < 1_100_000
            assert clone.share == clone.rows / 1_300_010
            assert last > 1_280_000
            assert (kinds, disorder) == (10, 0)
            assert copy.execute("SELECT count(*) FROM kind").fetchall() == [(10,)]


def slow() -> Slowness:
    class Slow(Slowness):
        ratio = 2.5

    return Slow()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"settings": GENEROUS.model_copy(update={"clone_s": 1e-9})}, "not complete after 1e-09 s"),
        ({"settings": GENEROUS.model_copy(update={"clone_free_bytes": 10**18})}, "clone_free_bytes"),
        ({"slowness": slow()}, "2.5 times as slow while it was cloned"),
        ({"wanted": lambda: False}, "the product closed its connection while it was cloned"),
    ],
    ids=["time", "disk", "slowness", "closed"],
)
def test_a_clone_that_is_given_up_leaves_nothing_with_the_product(
    product: duckdb.DuckDBPyConnection, tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    databases = names(product, "duckdb_databases", "database_name")
    with pytest.raises(CloneError, match=message):
        clone_of(product, ["orders"], tmp_path / "clone.duckdb", **changed)  # type: ignore[arg-type]
    assert names(product, "duckdb_databases", "database_name") == databases
    product.execute("INSERT INTO orders (customer, cents) VALUES (1, 1)")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import duckdb
from schemas.errors import CloneError
from tests.unit.test_clone import SCHEMA, clone_of, names
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[1])
product = duckdb.connect()
product.execute(SCHEMA)
before = names(product, "duckdb_databases", "database_name")
size = clone_of(product, ["orders"], folder / "whole.duckdb").bytes
for limit in (0, 4096, size // 2, size - 1):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        clone_of(product, ["orders"], folder / f"{limit}.duckdb")
    except CloneError as error:
        print(str(error).partition(": ")[2])
    product.execute("INSERT INTO orders (customer, cents) VALUES (1, 1)")
    assert names(product, "duckdb_databases", "database_name") == before
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(clone_of(product, ["orders"], folder / "again.duckdb").rows)
"""


def test_a_full_disk_costs_the_clone_and_the_product_nothing(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True)
    assert ended.stdout.splitlines() == [
        *["see whether its disk is full, or set clone_folder to a larger one"] * 4,
        "101004",
    ], ended.stderr


def test_what_duckdb_says_stays_with_the_product(product: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    product.execute("CREATE TABLE lonely (id INTEGER, mood INTEGER)")
    product.execute("INSERT INTO lonely VALUES (1, 1)")

    def alter(_: Plan) -> None:
        product.execute("ALTER TABLE lonely DROP COLUMN mood")

    with pytest.raises(CloneError) as raised:
        clone_of(product, ["lonely"], tmp_path / "clone.duckdb", between=alter)
    assert "BinderException" in str(raised.value)
    assert "mood" not in str(raised.value)
    assert str(tmp_path) not in str(raised.value)


def planned(product: duckdb.DuckDBPyConnection, largest: int) -> Plan:
    return plan_clone(product, place_of(product), ["orders"], [], largest)


def test_no_file_can_be_attached_without_external_access(product: duckdb.DuckDBPyConnection) -> None:
    product.execute("SET enable_external_access = false")
    assert hindrance(product, planned(product, 10**9), 10**9) == (
        "enable_external_access is off, so that no other file can be attached"
    )


def test_small_tables_that_are_too_many_cannot_be_sampled(product: duckdb.DuckDBPyConnection) -> None:
    plan = planned(product, 1000)
    assert hindrance(product, plan, 1000) == (
        f"even a sample of the tables would take {plan.bytes} bytes, and clone_bytes is 1000"
    )


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"encrypted": True}, "the database is encrypted, and a clone would not be"),
        ({"type": "sqlite"}, "the database is of type sqlite, and only DuckDB's own can be cloned"),
    ],
)
def test_what_would_not_be_the_same_as_a_clone_is_not_cloned(
    product: duckdb.DuckDBPyConnection, changed: dict[str, object], reason: str
) -> None:
    plan = planned(product, 10**9)
    other = replace(plan, place=replace(plan.place, **changed))  # type: ignore[arg-type]
    assert hindrance(product, other, 10**9) == reason
