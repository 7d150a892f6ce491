"""Rules that change tables: when they propose, and what they say when they do not."""

from typing import Any

import pytest

from inference.advisor.rules import clustering, enum_type, file_scan, not_worth_it, selective_index, type_fix
from schemas.actions import CreateIndex
from schemas.records import Column, Constraint, Table
from tests.advising import bodies, column, index, key, propose, table, use, view

ORDERS = table(
    "orders",
    [
        column("id", nullable=False, distinct=3_000_000, ordered=1.0),
        column("customer", distinct=100_000),
        column("day", "DATE", distinct=2_500),
        column("status", "VARCHAR", distinct=5),
        column("amount", "DECIMAL(15,2)", distinct=500_000),
    ],
)


def with_column(changed: Column, of: Table = ORDERS, **more: Any) -> Table:
    columns = [changed if one.name == changed.name else one for one in of.columns]
    return of.model_copy(update={"columns": columns, **more})


BY_CUSTOMER = "SELECT id, day FROM orders WHERE customer = 5"


def test_an_equality_that_finds_few_rows_is_worth_an_index() -> None:
    insert = use("INSERT INTO orders VALUES (1, 2, '2024-01-01', 'a', 3)", count=7)
    candidates, refused = propose(selective_index.RULE, [ORDERS], [BY_CUSTOMER, insert])
    assert bodies(candidates) == [CreateIndex(table="orders", name="orders_customer_idx", columns=["customer"])]
    [candidate] = candidates
    assert candidate.affected == [use(BY_CUSTOMER).fingerprint, insert.fingerprint]
    assert candidate.equality == "physical"
    assert "for about 30 of 3,000,000 rows; orders was written 7 times in the window" in candidate.reason
    assert refused == {}


@pytest.mark.parametrize(
    ("condition", "name", "reason"),
    [
        ("status = 'a'", "status", "5 distinct values, so that an equality finds about 600,000 rows: an index is never "
         "scanned for more than 3,000"),
        ("day BETWEEN '2024-01-01' AND '2024-01-02'", "day", "by ranges only"),
        ("customer = 5 AND amount > 7", "customer", "together with another column"),
        ("customer = 5 AND customer > 3", "customer", "together with another"),
        ("customer = 5 ORDER BY day LIMIT 9", "customer", "ORDER BY ... LIMIT"),
        ("id = 5", "id", "the rows are in its order"),
    ],
)  # fmt: skip
def test_where_no_index_would_be_scanned_none_is_proposed_and_the_reason_said(
    condition: str, name: str, reason: str
) -> None:
    candidates, refused = propose(selective_index.RULE, [ORDERS], [f"SELECT id FROM orders WHERE {condition}"])
    assert candidates == []
    assert reason in refused[f"Index orders.{name}"]


@pytest.mark.parametrize("indexed", [{"indexes": [index("customer")]}, {"constraints": [key("customer")]}])
def test_what_is_indexed_is_not_indexed_again(indexed: dict[str, Any]) -> None:
    assert propose(selective_index.RULE, [ORDERS.model_copy(update=indexed)], [BY_CUSTOMER]) == ([], {})


def test_a_column_whose_distinct_values_are_not_known_is_not_indexed() -> None:
    orders = with_column(column("customer", distinct=-1))
    assert propose(selective_index.RULE, [orders], [BY_CUSTOMER]) == (
        [], {"Index orders.customer": "how many distinct values it has is not known"})  # fmt: skip


def test_queries_below_a_millisecond_have_nothing_to_gain() -> None:
    assert propose(selective_index.RULE, [ORDERS], [use(BY_CUSTOMER, p50_us=400, p95_us=900)]) == ([], {})


def test_an_index_helps_through_a_view_and_through_an_inner_join() -> None:
    shops = table("shops", [column("owner", distinct=50), column("name", "VARCHAR")], rows=50)
    recent = view("recent", [column("who")], "SELECT customer FROM orders")
    for sql in (
        "SELECT who FROM recent WHERE who = 5",
        "SELECT name FROM shops JOIN orders ON owner = customer WHERE owner = 5",
    ):
        candidates, _ = propose(selective_index.RULE, [ORDERS, shops, recent], [sql])
        assert [body.model_dump()["columns"] for body in bodies(candidates)] == [["customer"]]


BY_DAY = "SELECT sum(amount) FROM orders WHERE day >= '2024-01-01' AND day < '2024-02-01'"


def test_a_range_on_a_column_in_no_order_is_worth_clustering() -> None:
    other = use("SELECT max(amount) FROM orders WHERE id = 7")
    candidates, refused = propose(clustering.RULE, [ORDERS], [use(BY_DAY), other])
    assert [body.model_dump()["keys"] for body in bodies(candidates)] == [[{"column": "day", "descending": False}]]
    [candidate] = candidates
    assert set(candidate.affected) == {use(BY_DAY).fingerprint, other.fingerprint}
    assert "now they are in the order of id, which gets lost" in candidate.reason
    assert refused == {"Cluster orders by id": "its rows are in that order already"}


@pytest.mark.parametrize("ordered", [1.0, 0.0])
def test_a_table_in_the_order_of_its_filter_up_or_down_is_left_alone(ordered: float) -> None:
    orders = with_column(column("day", "DATE", distinct=2_500, ordered=ordered))
    assert propose(clustering.RULE, [orders], [BY_DAY]) == (
        [], {"Cluster orders by day": "its rows are in that order already"})  # fmt: skip


def test_few_values_come_first_where_queries_filter_both_columns() -> None:
    both = "SELECT amount FROM orders WHERE status = 'a' AND day > '2024-01-01'"
    candidates, _ = propose(clustering.RULE, [ORDERS], [both])
    keys = [[one["column"] for one in body.model_dump()["keys"]] for body in bodies(candidates)]
    assert keys == [["status"], ["day"], ["status", "day"]]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"rows": 700_000, "row_groups": 6}, "its 700,000 rows are 6 row groups: skipping pays from about 10"),
        ({}, "foreign keys of lines keep it from being replaced"),
    ],
)
def test_a_table_that_is_small_or_referred_to_is_not_clustered(changed: dict[str, Any], reason: str) -> None:
    refers = Constraint(kind="foreign key", columns=["order"], references="orders", referenced_columns=["id"])
    lines = table("lines", [column("order")], constraints=[refers])
    candidates, refused = propose(clustering.RULE, [ORDERS.model_copy(update=changed), lines], [BY_DAY])
    assert (candidates, refused) == ([], {"Cluster orders": reason})


def test_duckdb_1_2_cannot_cluster_a_table_with_a_key() -> None:
    orders = ORDERS.model_copy(update={"constraints": [key("id")]})
    candidates, refused = propose(clustering.RULE, [orders], [BY_DAY], catalog_duckdb_version="1.2.2")
    assert (candidates, list(refused)) == ([], ["Cluster orders"])
    assert len(propose(clustering.RULE, [orders], [BY_DAY])[0]) == 1


def test_a_text_in_a_key_or_an_index_keeps_its_type() -> None:
    for held in ({"constraints": [key("status")]}, {"indexes": [index("status")]}):
        orders = with_column(column("status", "VARCHAR", holds="integer"), **held)
        candidates, refused = propose(type_fix.RULE, [orders], ["SELECT id FROM orders WHERE status = '5'"])
        assert (candidates, len(refused)) == ([], 1)


def test_a_text_of_few_values_that_nothing_writes_may_be_an_enum() -> None:
    grouped = "SELECT status, count(*) FROM orders GROUP BY status"
    candidates, _ = propose(enum_type.RULE, [ORDERS], [grouped])
    assert [body.model_dump()["to_type"] for body in bodies(candidates)] == ["ENUM"]
    candidates, refused = propose(enum_type.RULE, [ORDERS], [grouped, "UPDATE orders SET status = 'b' WHERE id = 1"])
    assert (candidates, list(refused)) == ([], ["orders.status as ENUM"])


def test_a_csv_is_converted_and_a_parquet_sorted_by_its_filter() -> None:
    csv = table("@file:0123456789ab.csv", [column("a")], schema_name="", kind="file", rows=-1, row_groups=0)
    parquet = csv.model_copy(update={"name": "@file:0123456789ac.parquet", "row_groups": 20})
    statements = [f"SELECT count(*) FROM '{one.name}' WHERE a > 5" for one in (csv, parquet)]
    candidates, _ = propose(file_scan.RULE, [csv, parquet], statements)
    assert [body.model_dump() for body in bodies(candidates)] == [
        {"file": csv.name, "keys": [{"column": "a", "descending": False}]},
        {"file": parquet.name, "keys": [{"column": "a", "descending": False}]},
    ]


def test_a_parquet_without_a_filter_or_with_few_row_groups_stays() -> None:
    parquet = table("@file:0123456789ac.parquet", [column("a")], schema_name="", kind="file", rows=1, row_groups=2)
    assert propose(file_scan.RULE, [parquet], [f"SELECT count(a) FROM '{parquet.name}'"]) == ([], {})
    _, refused = propose(file_scan.RULE, [parquet], [f"SELECT count(*) FROM '{parquet.name}' WHERE a = 1"])
    assert list(refused.values()) == ["it has 2 row groups: nothing to skip"]


@pytest.mark.parametrize(
    ("sql", "title"),
    [
        ("SELECT id FROM orders ORDER BY id LIMIT 10 OFFSET 50", "Keyset instead of OFFSET"),
        ("SELECT id FROM orders WHERE status LIKE 'a%'", "LIKE as a range"),
        ("SELECT status, count(*) FROM orders GROUP BY status HAVING status = 'a'", "HAVING to WHERE"),
        ("SELECT id FROM orders o WHERE amount > (SELECT avg(amount) FROM orders i WHERE i.status = o.status)",
         "A join instead of a correlated subquery"),
    ],
)  # fmt: skip
def test_what_duckdb_does_itself_is_said_and_never_proposed(sql: str, title: str) -> None:
    candidates, refused = propose(not_worth_it.RULE, [ORDERS], [sql])
    assert candidates == []
    assert list(refused) == [title]


def test_which_columns_of_a_wide_table_a_caller_needs_is_left_to_the_caller() -> None:
    wide = table("wide", [column(f"c{number}") for number in range(12)])
    _, refused = propose(not_worth_it.RULE, [wide], ["SELECT * FROM wide WHERE c1 > 5"])
    assert list(refused) == ["Fewer columns than SELECT * of wide"]
