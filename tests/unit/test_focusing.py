"""What was asked for in words, as operations: which proposals are left, what names alone add, and what is said."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.advisor import focusing, propose
from inference.advisor.focusing import IN_USE, THEIRS
from inference.advisor.proposing import Proposal
from inference.language.reading import KINDS, Kind, Operation
from schemas.actions import Body, Cluster, CreateIndex, CreateSummary, DropTable, OnTable, RenameTable, SortKey, unpack
from schemas.records import Constraint, Mute
from tests.advising import bodies, column, index, key, request, table, use, view

ORDERS = table(
    "orders",
    [
        column("id", nullable=False, distinct=3_000_000, ordered=1.0),
        column("customer", distinct=100_000),
        column("day", "DATE", distinct=2_500),
        column("status", "VARCHAR", distinct=5),
        column("amount", "DECIMAL(15,2)", distinct=500_000),
        column("tags", "VARCHAR[]"),
    ],
)
VISITS = table("visits", [column("page", distinct=100_000), column("note", "VARCHAR")])
DEAD = table("dead", [column("a")])
REVENUE = use("SELECT status, sum(amount) AS amount FROM orders GROUP BY status", p50_us=300_000, p95_us=400_000)
OF_CUSTOMER = use("SELECT id FROM orders WHERE customer = 5", count=100)
OF_STATUS = use("SELECT id FROM orders WHERE status = 'a' AND amount > 5 AND tags = ['b']")
OF_PAGE = use("SELECT note FROM visits WHERE page = 7", count=50)
WORKLOAD = [REVENUE, OF_CUSTOMER, OF_STATUS, OF_PAGE]


def operation(kind: Kind, table: str, *columns: str) -> Operation:
    return Operation(kind=kind, table=table, columns=columns)


def proposal(*tables: Any, **more: Any) -> Proposal:
    return propose(request(tables or (ORDERS, VISITS, DEAD), WORKLOAD, **more))


def focused(*operations: Operation, of: Proposal | None = None) -> tuple[list[Body], list[tuple[str, str]]]:
    """The bodies of what is left, and titles and reasons of what is refused."""
    found = focusing.focused(of or proposal(), operations)
    return bodies(found.candidates), [(one.title, one.reason) for one in found.refused]


def test_a_table_to_look_into_leaves_the_candidates_of_its_queries_and_says_which_are_left_out() -> None:
    whole = proposal()
    left, refused = focused(operation("look_into", "visits", "note"))
    assert left == [
        Cluster(table="visits", keys=[SortKey(column="page")]),
        CreateIndex(table="visits", name="visits_page_idx", columns=["page"]),
    ]
    titles = {one.title for one in whole.candidates} - {"Index visits.page", "Cluster visits by page"}
    assert {title for title, reason in refused if reason == "it was not asked for"} == titles
    assert {(one.title, one.reason) for one in whole.refused} <= set(refused)


def test_a_view_to_look_into_is_about_the_queries_that_read_it() -> None:
    recent = view("recent", [column("page")], "SELECT page FROM visits")
    of = propose(request([ORDERS, VISITS, recent], [OF_CUSTOMER, use("SELECT page FROM recent WHERE page = 3")]))
    left, _ = focused(operation("look_into", "recent"), of=of)
    assert {body.table for body in left if isinstance(body, OnTable)} == {"visits"}


def test_a_table_for_which_nothing_is_proposed_leaves_nothing_and_that_is_the_answer() -> None:
    left, refused = focused(operation("look_into", "dead"))
    assert left == []
    assert refused[0] == ("Look into dead", "the rules propose nothing for the queries that use it")


def test_what_the_rules_propose_is_taken_as_they_made_it() -> None:
    whole = proposal()
    (customer,) = [one for one in whole.candidates if one.title == "Index orders.customer"]
    found = focusing.focused(whole, [operation("create_index", "orders", "customer")])
    assert found.candidates == [customer]
    summary, _ = focused(operation("create_summary", "orders", "status", "amount"))
    assert [type(one) for one in summary if isinstance(one, OnTable)] == [CreateSummary]
    assert focused(operation("cluster", "visits", "page"))[0] == [
        Cluster(table="visits", keys=[SortKey(column="page")])
    ]


def test_an_index_that_the_rules_do_not_propose_is_made_of_the_names_and_measured() -> None:
    found = focusing.focused(proposal(), [operation("create_index", "orders", "status", "customer")])
    (made,) = found.candidates
    assert bodies([made]) == [
        CreateIndex(table="orders", name="orders_status_customer_idx", columns=["status", "customer"])
    ]
    assert (made.rule, made.title) == ("selective index", "Index orders.status and customer")
    assert made.reason == (
        "Asked for. 1 query (5 % of the time) with orders filtered by status; no write of orders was seen."
    )
    assert made.affected == made.gaining == [OF_STATUS.fingerprint]
    assert (made.equality, made.promised_s) == ("physical", 0.75)


def test_an_order_that_the_rules_do_not_propose_is_made_of_the_names_and_measured() -> None:
    found = focusing.focused(proposal(), [operation("cluster", "orders", "status", "amount", "customer")])
    (made,) = found.candidates
    keys = [SortKey(column="status"), SortKey(column="amount"), SortKey(column="customer")]
    assert bodies([made]) == [Cluster(table="orders", keys=keys)]
    assert made.rule == "clustering"
    assert set(made.affected) == {REVENUE.fingerprint, OF_CUSTOMER.fingerprint, OF_STATUS.fingerprint}


REFERRING = table("lines", [column("of")], constraints=[
    Constraint(kind="foreign key", columns=["of"], references="orders")
])  # fmt: skip
INDEXED = ORDERS.model_copy(update={"indexes": [index("customer")], "constraints": [key("id")]})
NO_SUCH = "the catalog has no such thing"
MUTE = Mute(rule="selective index", table="orders", reason="muted by alice: writes")


@pytest.mark.parametrize(
    ("one", "title", "reason", "more"),
    [
        (operation("create_index", "orders", "customer"), "Index orders.customer", "there is one already", {}),
        (operation("create_index", "orders", "id"), "Index orders.id", "there is one already", {}),
        (operation("create_index", "orders", "tags"), "Index orders.tags", "no index can be made on VARCHAR[]", {}),
        (
            operation("create_index", "orders", "day"), "Index orders.day",
            "no query that takes more than 1 ms filters orders by day", {},
        ),
        (operation("create_index", "orders", "status"), "Index orders.status", MUTE.reason, {"mutes": [MUTE]}),
        (
            operation("cluster", "orders", "amount"), "Cluster orders by amount",
            "foreign keys of lines keep it from being replaced", {},
        ),
        (
            operation("cluster", "visits", "note"), "Cluster visits by note",
            "no query that takes more than 1 ms filters it by note", {},
        ),
        (
            operation("create_index", "recent", "page"), "Create an index on recent (page)",
            "a view has no rows of its own: name the tables that it reads", {},
        ),
        (operation("change_type", "orders", "day"), "Change a type in orders (day)", THEIRS["change_type"], {}),
        (operation("add_column", "orders", "day"), "Keep a computed column in orders (day)", THEIRS["add_column"], {}),
        (operation("create_summary", "visits", "page"), "Keep totals of visits (page)", THEIRS["create_summary"], {}),
        (operation("drop_table", "orders"), "Drop orders", IN_USE, {}),
        (operation("drop_table", "dead"), "Drop dead", IN_USE, {"doubt": "the log is young"}),
        (operation("drop_column", "orders", "id"), "Drop a column of orders (id)", IN_USE, {}),
        (operation("drop_index", "orders", "customer"), "Drop an index of orders (customer)", IN_USE, {}),
        (operation("drop_table", "Robert'); DROP TABLE"), "Drop Robert'); DROP TABLE", NO_SUCH, {}),
        (operation("drop_column", "orders", "x"), "Drop a column of orders (x)", NO_SUCH, {}),
        (operation("create_index", "orders"), "Create an index on orders", NO_SUCH, {}),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_reason(
    one: Operation, title: str, reason: str, more: dict[str, Any]
) -> None:
    recent = view("recent", [column("page")], "SELECT page FROM visits")
    left, refused = focused(one, of=proposal(INDEXED, VISITS, DEAD, REFERRING, recent, **more))
    assert left == []
    assert refused[0] == (title, reason)


def test_what_nothing_uses_is_dropped_as_the_rules_would_out_of_sight_first() -> None:
    left, _ = focused(operation("drop_table", "dead"), of=proposal(days=40, doubt=""))
    assert left == [RenameTable(table="dead", to="dead to drop"), DropTable(table="dead to drop")]


def test_two_operations_leave_what_either_is_about() -> None:
    left, refused = focused(operation("create_index", "orders", "customer"), operation("look_into", "visits"))
    assert [body.table for body in left if isinstance(body, OnTable)] == ["orders", "visits", "visits"]
    assert {reason for title, reason in refused if title.startswith("Cluster orders")} == {"it was not asked for"}


def test_what_was_not_asked_for_is_not_reached_and_what_cannot_be_is_refused() -> None:
    found = focusing.focused(
        proposal(), [operation("create_index", "orders", "customer"), operation("drop_table", "x")]
    )
    assert {one.verdict for one in found.refused if one.reason == "it was not asked for"} == {"not reached"}
    assert {one.verdict for one in found.refused if one.rule == focusing.RULE} == {"refused"}


def test_of_many_that_were_not_asked_for_the_number_is_told() -> None:
    whole = proposal()
    many = [whole.candidates[0].model_copy(update={"candidate_id": str(n), "title": f"{n}"}) for n in range(43)]
    _, refused = focused(operation("look_into", "dead"), of=replace(whole, candidates=many))
    left_out = [title for title, reason in refused if "not asked for" in reason]
    assert left_out == [*map(str, range(40)), "3 more changes"]


def test_tables_of_one_name_are_told_apart_by_their_schemas() -> None:
    other = VISITS.model_copy(update={"schema_name": "old"})
    of = proposal(ORDERS, VISITS, other)
    assert [one.name for one in focusing.readable(of.workload.tables)] == ["orders", "visits", "old.visits"]
    assert focusing.readable(of.workload.tables)[1].columns == (("page", "BIGINT"), ("note", "VARCHAR"))
    left, refused = focused(operation("look_into", "old.visits"), of=of)
    assert (left, refused[0][0]) == ([], "Look into old.visits")


def test_what_is_out_of_sight_and_files_are_not_read_about() -> None:
    csv = table("@file:0123456789ab.csv", [column("a")], schema_name="", kind="file", rows=-1, row_groups=0)
    of = proposal(ORDERS, table("dead to drop", [column("a")]), csv)
    assert [one.name for one in focusing.readable(of.workload.tables)] == ["orders"]


def test_a_text_that_is_not_understood_narrows_nothing_and_says_what_to_do() -> None:
    whole = proposal()
    found = focusing.not_understood(whole, "x" * 500)
    assert found.candidates == whole.candidates
    told, *rest = found.refused
    assert rest == whole.refused
    assert (told.title, told.reason) == (
        "Asked for: " + "x" * 120,
        "not understood, so all was looked at: name tables and columns as the database has them",
    )


def test_an_operation_is_said_in_words() -> None:
    assert focusing.said([operation("look_into", "visits"), operation("cluster", "orders", "day", "status")]) == (
        "look into visits; sort the rows of orders (day, status)"
    )


NAMES = st.sampled_from(["orders", "visits", "dead", "id", "customer", "status", "page", "x; DROP TABLE orders"])
OPERATIONS = st.builds(
    Operation, kind=st.sampled_from(KINDS), table=NAMES, columns=st.lists(NAMES, max_size=3, unique=True).map(tuple)
)


@given(st.lists(OPERATIONS, max_size=2))
def test_whatever_is_read_nothing_is_added_but_an_index_or_an_order_of_names_of_the_catalog(
    operations: list[Operation],
) -> None:
    whole = proposal()
    found = focusing.focused(whole, operations)
    known = {one.candidate_id for one in whole.candidates}
    asked = {(one.kind, one.table, one.columns) for one in operations}
    for made in (one for one in found.candidates if one.candidate_id not in known):
        (body,) = map(unpack, made.actions)
        assert isinstance(body, CreateIndex | Cluster)
        names = body.columns if isinstance(body, CreateIndex) else [one.column for one in body.keys]
        assert (body.kind, body.table, tuple(names)) in asked
        assert {"orders", "visits", "dead"} >= {body.table}
    told = {one.title for one in found.refused} | {one.title for one in found.candidates}
    assert {one.title for one in whole.candidates} <= told, "nothing is dropped silently"
