"""The conditions that reach a scan."""

import pytest

from inference.advisor.workload import Query
from tests.advising import column, table, view, workload

TABLES = [
    table("orders", [column("id"), column("customer"), column("day", "DATE"), column("status", "VARCHAR")]),
    table("customers", [column("id"), column("name", "VARCHAR")]),
    view("recent", [column("number"), column("on_day", "DATE")], "SELECT id, day FROM orders WHERE status = $1"),
    view("latest", [column("number")], "SELECT id FROM orders ORDER BY day LIMIT $1"),
]


def one(sql: str) -> Query:
    found = workload(TABLES, [sql])
    assert found.unreadable == {}
    return found.queries[0]


def filters(sql: str) -> set[str]:
    return {
        f"{filtered.origin.scan.table.name}.{filtered.origin.column.name} {filtered.kind}"
        + (" inferred" if filtered.inferred else "")
        for filtered in one(sql).conditions.filters
    }


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("id = 5", {"orders.id eq"}),
        ("5 = id", {"orders.id eq"}),
        ("id IN (1, 2)", {"orders.id in"}),
        ("id = 1 OR id = 2 OR id IN (3, 4)", {"orders.id in"}),
        ("id = 1 OR customer = 2", {"orders.id other", "orders.customer other"}),
        ("day > '2024-01-01'", {"orders.day lower"}),
        ("'2024-01-01' > day", {"orders.day upper"}),
        (
            "day >= '2024-01-01' AND (day < DATE '2024-01-01' + INTERVAL 7 DAY)",
            {"orders.day lower", "orders.day upper"},
        ),
        ("day BETWEEN '2024-01-01' AND current_date", {"orders.day lower", "orders.day upper"}),
        ("status LIKE 'a%'", {"orders.status like"}),
        ("status IS NULL", {"orders.status null"}),
        ("status <> 'a'", {"orders.status other"}),
        ("NOT id = 5", {"orders.id other"}),
        ("lower(status) = 'a'", {"orders.status other"}),
        ("id + 1 = 5", {"orders.id other"}),
        ("id > customer", {"orders.id other", "orders.customer other"}),
        ("id IN (SELECT id FROM customers)", {"orders.id other"}),
        ("id = (SELECT max(id) FROM customers)", {"orders.id other"}),
    ],
)
def test_a_condition_has_the_kind_that_an_index_or_an_order_could_answer(condition: str, found: set[str]) -> None:
    assert filters(f"SELECT 1 FROM orders WHERE {condition}") == found


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT 1 FROM orders o JOIN customers c ON o.customer = c.id WHERE c.id = 5", {
            "customers.id eq", "orders.customer eq inferred"}),
        ("SELECT 1 FROM orders o, customers c WHERE o.customer = c.id AND o.customer > 5", {
            "orders.customer lower", "customers.id lower inferred"}),
        ("SELECT 1 FROM orders o LEFT JOIN customers c ON o.customer = c.id AND o.id = 5", set()),
        ("SELECT 1 FROM orders o LEFT JOIN customers c ON o.customer = c.id WHERE o.id = 5", {"orders.id eq"}),
        ("SELECT x FROM (SELECT day AS x FROM orders) t WHERE x = '2024-01-01'", {"orders.day eq"}),
        ("SELECT x FROM (SELECT day AS x FROM orders LIMIT 5) t WHERE x = '2024-01-01'", set()),
        ("SELECT x FROM (SELECT day AS x, row_number() OVER () AS n FROM orders) t WHERE x = '2024-01-01'", set()),
        ("SELECT d FROM (SELECT day AS d, count(*) AS n FROM orders GROUP BY day) WHERE d = '2024-01-01' AND n > 1", {
            "orders.day eq"}),
        ("SELECT number FROM recent WHERE on_day = '2024-01-01'", {"orders.day eq", "orders.status eq"}),
        ("SELECT number FROM latest WHERE number = 5", set()),
        ("WITH t AS (SELECT day FROM orders) SELECT 1 FROM t WHERE day = '2024-01-01'", {"orders.day eq"}),
        ("WITH t AS (SELECT day FROM orders) SELECT 1 FROM t, t AS u WHERE t.day = '2024-01-01'", set()),
        ("WITH t AS MATERIALIZED (SELECT day FROM orders) SELECT 1 FROM t WHERE day = '2024-01-01'", set()),
        ("WITH orders AS (SELECT 1 AS day) SELECT 1 FROM orders WHERE day = 5", set()),
        ("SELECT 1 FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id AND o.id = 5)", {
            "orders.id eq"}),
        ("SELECT day FROM orders UNION ALL SELECT day FROM orders WHERE id = 5", {"orders.id eq"}),
    ],
)  # fmt: skip
def test_a_filter_is_found_where_duckdb_pushes_it_to(sql: str, found: set[str]) -> None:
    assert filters(sql) == found


@pytest.mark.parametrize(
    ("sql", "is_top_n"),
    [
        ("SELECT id FROM orders WHERE customer = 5 ORDER BY day LIMIT 10", True),
        ("SELECT id FROM orders WHERE customer = 5 ORDER BY day", False),
        ("SELECT id FROM orders WHERE customer = 5 LIMIT 10", False),
        ("SELECT day, count(*) FROM orders GROUP BY day ORDER BY day LIMIT 10", False),
    ],
)
def test_a_top_n_is_known(sql: str, is_top_n: bool) -> None:
    assert bool(one(sql).conditions.top_n) is is_top_n


def test_the_order_of_filters_is_that_of_the_statement() -> None:
    found = one("SELECT 1 FROM orders WHERE id > customer AND customer > id").conditions.filters
    assert [filtered.origin.column.name for filtered in found] == ["id", "customer", "customer", "id"]
