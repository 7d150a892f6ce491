"""What nothing uses: when its drop is proposed, and what keeps it."""

from typing import Any

import pytest

from inference.advisor.rules import unused
from schemas.actions import DropColumn, DropIndex, DropTable, RenameColumn, RenameTable
from schemas.records import Candidate, Constraint
from tests.advising import bodies, column, index, key, propose, table, view, workload

ORDERS = table(
    "orders",
    [
        column("id", nullable=False),
        column("customer"),
        column("day", "DATE"),
        column("status", "VARCHAR"),
        column("amount", "DECIMAL(15,2)"),
    ],
)
DEAD = table("dead", [column("a")])
INDEXED = ORDERS.model_copy(update={"indexes": [index("amount"), index("customer")]})
BY_CUSTOMER = "SELECT id, day FROM orders WHERE customer = 5"
KNOWN: dict[str, Any] = {"days": 40, "doubt": ""}


def dropped(candidates: list[Candidate]) -> list[str]:
    """Their titles, without what is common to all."""
    return [one.title.removeprefix("Drop the ") for one in candidates]


def test_what_nothing_uses_is_dropped_where_the_log_shows_every_use() -> None:
    statements = [BY_CUSTOMER, "UPDATE orders SET amount = 5 WHERE id = 1"]
    candidates, refused = propose(unused.RULE, [INDEXED, DEAD], statements, **KNOWN)
    assert bodies(candidates) == [
        DropIndex(table="orders", name="idx_amount", columns=["amount"]),
        RenameColumn(table="orders", column="status", to="status to drop"),
        DropColumn(table="orders", column="status to drop"),
        RenameTable(table="dead", to="dead to drop"),
        DropTable(table="dead to drop"),
    ]
    assert [one.reason for one in candidates] == [
        "No query of 40 days filters amount by equality; orders was written 10 times in the window.",
        "Nothing named it in 40 days of full coverage.",
        "Nothing read or wrote it in 40 days of full coverage; it takes about 150 MB.",
    ]
    assert refused == {}


def test_nothing_is_unused_that_may_only_not_have_been_seen() -> None:
    candidates, refused = propose(unused.RULE, [INDEXED, DEAD], [BY_CUSTOMER], doubt="the log begins 3 days ago")
    reason = "nothing seen used it, but the log begins 3 days ago"
    assert (candidates, refused) == (
        [], {"Drop the index idx_amount of orders": reason, "Drop the table dead": reason})  # fmt: skip


def test_a_table_that_a_statement_beside_the_workload_names_is_used() -> None:
    assert propose(unused.RULE, [DEAD], [], elsewhere=["dead"], **KNOWN) == ([], {})


def test_a_statement_beside_the_workload_may_take_any_column_of_its_tables_and_filter_what_it_names() -> None:
    def found(*elsewhere: str) -> list[str]:
        return dropped(propose(unused.RULE, [INDEXED], [BY_CUSTOMER], elsewhere=list(elsewhere), **KNOWN)[0])

    assert found() == ["index idx_amount of orders", "column orders.status"]
    assert found("amount", "status") == found(), "of other tables"
    assert found("orders") == ["index idx_amount of orders"]
    assert found("orders", "amount") == []


def test_a_view_that_a_statement_beside_the_workload_names_may_be_filtered_by_what_it_passes_on() -> None:
    seen = view("seen", [column("who")], "SELECT who FROM inner")
    inner = view("inner", [column("who")], "SELECT amount FROM orders")
    tables = [INDEXED, inner, seen]
    without, _ = propose(unused.RULE, tables, [BY_CUSTOMER], **KNOWN)
    assert dropped(without) == ["index idx_amount of orders"]
    assert propose(unused.RULE, tables, [BY_CUSTOMER], elsewhere=["seen"], **KNOWN)[0] == []


@pytest.mark.parametrize(
    ("routine", "kept"), [("SELECT max(a) FROM Dead", True), ('SELECT "dead".a', True), ("SELECT deadline", False)]
)
def test_what_a_macro_or_a_trigger_names_is_kept(routine: str, kept: bool) -> None:
    candidates, refused = propose(unused.RULE, [DEAD], [], catalog_routines=[routine], **KNOWN)
    assert (dropped(candidates), refused) == ([] if kept else ["table dead"], {})


def test_a_statement_that_could_not_be_read_uses_what_it_names() -> None:
    def found(statement: str) -> list[str]:
        given = workload([DEAD, ORDERS], [statement, BY_CUSTOMER], **KNOWN)
        assert len(given.unreadable) == 1
        return dropped([one.found for one in unused.RULE.propose(given) if isinstance(one.found, Candidate)])

    assert found("COPY dead TO 'a.csv'") == ["column orders.status", "column orders.amount"]
    assert found("COPY orders TO 'a.csv'") == ["table dead"]
    assert found("BEGIN TRANSACTION") == ["table dead", "column orders.status", "column orders.amount"]


def test_no_column_is_dropped_of_a_table_that_a_view_reads() -> None:
    seen = view("seen", [], "SELECT id FROM orders")
    candidates, refused = propose(unused.RULE, [ORDERS, seen], [BY_CUSTOMER], **KNOWN)
    assert (candidates, refused) == ([], {"Drop a column of orders": "the view seen names it"})


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM orders",
        "SELECT o FROM orders AS o",
        "SELECT other.x FROM orders NATURAL JOIN other",
        "INSERT INTO orders VALUES (1, 2, '2024-01-01', 'a', 3)",
        "INSERT INTO orders (id, customer, day, status, amount) SELECT 1, 2, NULL, 'a', 3",
        "INSERT INTO orders (id) VALUES (1) ON CONFLICT (id) DO NOTHING",
        "DELETE FROM orders WHERE id = 1 RETURNING *",
    ],
)
def test_a_column_that_may_be_returned_written_or_joined_by_without_its_name_is_used(statement: str) -> None:
    other = table("other", [column("x"), column("id")], constraints=[key("id")])
    candidates, _ = propose(unused.RULE, [ORDERS, other], [statement, "SELECT x FROM other"], **KNOWN)
    assert candidates == []


def test_a_column_of_which_only_the_name_is_seen_in_a_statement_on_its_table_is_used() -> None:
    named = "UPDATE orders SET amount = 1 WHERE id IN (SELECT customer FROM range(3) AS r(status))"
    assert dropped(propose(unused.RULE, [ORDERS], [named], **KNOWN)[0]) == ["column orders.day"]


def test_a_table_that_only_a_view_reads_is_kept() -> None:
    tables = [DEAD, view("v", [column("a")], "SELECT a FROM dead")]
    assert propose(unused.RULE, tables, [], **KNOWN) == ([], {"Drop the table dead": "the view v names it"})


def test_a_table_that_is_read_through_a_view_alone_may_have_an_index_too_many() -> None:
    seen = view("seen", [column("who")], "SELECT customer FROM orders")
    candidates, refused = propose(unused.RULE, [INDEXED, seen], ["SELECT who FROM seen WHERE who = 5"], **KNOWN)
    assert dropped(candidates) == ["index idx_amount of orders"]
    assert refused == {"Drop a column of orders": "the view seen names it"}


@pytest.mark.parametrize(("name", "kept"), [("dead", True), ("Quite dead", True), ("very dead", False)])
def test_a_table_whose_name_stands_anywhere_in_a_statement_is_kept(name: str, kept: bool) -> None:
    tables = [ORDERS, table(name, [column("a")])]
    statement = 'WITH dead AS (SELECT 1 AS "quite dead") SELECT "quite dead" FROM dead'
    candidates, _ = propose(unused.RULE, tables, [statement], **KNOWN)
    assert (f"table {name}" not in dropped(candidates)) is kept


def test_a_table_that_a_foreign_key_refers_to_is_kept() -> None:
    refers = Constraint(kind="foreign key", columns=["a"], references="dead", referenced_columns=["a"])
    dead = DEAD.model_copy(update={"constraints": [key("a")]})
    tables = [dead, table("lines", [column("a")], constraints=[refers])]
    assert propose(unused.RULE, tables, ["SELECT a FROM lines"], **KNOWN) == ([], {})


def test_what_is_out_of_sight_already_is_not_put_there_again() -> None:
    hidden = table("gone to drop", [column("a")], indexes=[index("a")])
    orders = table("orders", [column("id"), column("status to drop")])
    assert propose(unused.RULE, [hidden, orders], ["SELECT id FROM orders"], **KNOWN) == ([], {})


def test_of_tables_with_one_name_in_two_schemas_nobody_knows_which_is_meant() -> None:
    tables = [INDEXED, INDEXED.model_copy(update={"schema_name": "old"})]
    assert propose(unused.RULE, tables, [BY_CUSTOMER], **KNOWN) == ([], {})
