"""Which table and column every name of a statement means."""

import pytest

from inference.advisor.reading import Reading
from inference.advisor.resolve import resolve
from inference.advisor.statement import parse
from inference.advisor.tables import Tables
from schemas.errors import Unreadable
from schemas.fingerprint import shape
from tests.advising import column, table, view

ORDERS = table("orders", [column("id"), column("customer"), column("day", "DATE"), column("info", "STRUCT(a INTEGER)")])
CUSTOMERS = table("customers", [column("id"), column("name", "VARCHAR")])
ARCHIVE = table("orders", [column("id"), column("year")], schema_name="archive")
RECENT = view("recent", [column("number"), column("on_day")], "SELECT id, day FROM orders WHERE customer > $1")
LATEST = view("latest", [column("number")], "SELECT id FROM orders ORDER BY day LIMIT $1")
FILE = table("@file:0123456789ab.csv", [column("a")], kind="file", schema_name="")
TABLES = Tables([ORDERS, CUSTOMERS, ARCHIVE, RECENT, LATEST, FILE])


def read(sql: str) -> Reading:
    return resolve(parse(shape(sql).text), TABLES)


def used(sql: str) -> set[str]:
    return {f"{schema}.{name}.{column}".lstrip(".") for (schema, name), column in read(sql).used}


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT day FROM orders", {"main.orders.day"}),
        ("SELECT O.DAY FROM orders AS o", {"main.orders.day"}),
        ("SELECT year FROM archive.orders", {"archive.orders.year"}),
        ("SELECT name FROM orders JOIN customers ON customer = customers.id", {
            "main.customers.name", "main.orders.customer", "main.customers.id"}),
        ("SELECT a.id FROM orders a JOIN orders b ON a.id = b.customer", {"main.orders.id", "main.orders.customer"}),
        ("SELECT id FROM orders JOIN customers USING (id)", {"main.orders.id", "main.customers.id"}),
        ("SELECT x FROM (SELECT day AS x FROM orders) t", {"main.orders.day"}),
        ("SELECT x FROM (SELECT day FROM orders) t(x)", {"main.orders.day"}),
        ("WITH t(x) AS (SELECT day FROM orders) SELECT x FROM t", {"main.orders.day"}),
        ("WITH orders AS (SELECT name FROM customers) SELECT name FROM orders", {"main.customers.name"}),
        ("SELECT number FROM recent WHERE on_day > '2024-01-01'", {
            "main.orders.id", "main.orders.day", "main.orders.customer"}),
        ("SELECT name FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE customer = customers.id)", {
            "main.customers.name", "main.orders.customer", "main.customers.id"}),
        ("SELECT count(*) FROM orders", set()),
        ("SELECT date_trunc('month', day) AS m, count(*) FROM orders GROUP BY m HAVING m > '2024-01-01'", {
            "main.orders.day"}),
        ("SELECT info.a FROM orders", {"main.orders.info"}),
        ("SELECT orders.info.a FROM orders", {"main.orders.info"}),
        ("SELECT list_transform([1], lambda y: y + id) FROM orders", {"main.orders.id"}),
        ("SELECT id FROM orders UNION ALL SELECT id FROM customers ORDER BY id", {
            "main.orders.id", "main.customers.id"}),
        ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r", set()),
        ("SELECT a FROM '@file:0123456789ab.csv'", {"@file:0123456789ab.csv.a"}),
        ("SELECT a FROM read_csv('@file:0123456789ab.csv', header = true)", {"@file:0123456789ab.csv.a"}),
        ("UPDATE orders SET customer = 5 WHERE id = 7", {"main.orders.customer", "main.orders.id"}),
        ("DELETE FROM orders USING customers WHERE customer = customers.id", {
            "main.orders.customer", "main.customers.id"}),
    ],
)  # fmt: skip
def test_names_are_those_of_base_tables(sql: str, columns: set[str]) -> None:
    assert used(sql) == columns


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT * FROM orders", {"orders"}),
        ("SELECT o.*, name FROM orders o JOIN customers c ON o.customer = c.id", {"orders"}),
        ("SELECT orders FROM orders", {"orders"}),
        ("SELECT COLUMNS('i.*') FROM customers", {"customers"}),
        ("SELECT name FROM customers WHERE EXISTS (SELECT * FROM orders)", set()),
        ("SELECT count(*) FROM orders", set()),
    ],
)
def test_a_star_takes_all_columns_where_it_returns_them(sql: str, tables: set[str]) -> None:
    assert {name for _, name in read(sql).starred} == tables


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT a FROM nowhere", "nowhere is in no catalog"),
        ("SELECT nothing FROM orders", "the column nothing is in none"),
        ("SELECT orders.nothing FROM orders", "orders.nothing is in none"),
        ("SELECT id FROM orders USING SAMPLE 10%", "random sample"),
        ("SELECT id FROM orders TABLESAMPLE 10%", "random sample"),
        ("PIVOT orders ON customer USING sum(id)", "no query"),
        ("INSERT INTO nowhere VALUES (1)", "nowhere, is in no catalog"),
    ],
)
def test_what_is_not_known_is_said(sql: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(sql)


def test_writes_name_their_table_and_columns() -> None:
    insert, update = read("INSERT INTO orders VALUES (1, 2, '2024-01-01', NULL)"), read("UPDATE orders SET day = NULL")
    named = read("INSERT INTO orders (id, day) SELECT id, NULL FROM customers")
    assert insert.written is ORDERS
    assert insert.positional
    assert not named.positional
    assert named.assigned == {"id", "day"}
    assert update.assigned == {"day"}
    assert {scan.table.name for scan in named.scans} == {"customers"}


def test_a_view_is_read_through_and_remembered() -> None:
    reading = read("SELECT number FROM recent")
    assert reading.touched() == {("main", "recent"), ("main", "orders")}


def test_a_view_that_reads_itself_is_refused() -> None:
    tables = Tables([view("v", [column("a")], "SELECT a FROM v")])
    with pytest.raises(Unreadable, match="reads itself"):
        resolve(parse("SELECT a FROM v"), tables)
