"""What people are told of the records on the topics, in plain text that holds no data and can do nothing."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.actions import AddColumn, ChangeType, Cluster, CreateIndex, Rewrite, SortKey
from schemas.errors import RecordError
from schemas.expressions import Call, ColumnRef, Constant
from schemas.plan import plan_hash
from schemas.records import Gain, Outcome, Record, Ruling, Suggestion, Verdict
from streams.notify.notices import NEW_AGAIN, Notice, notice, subject
from tests.access import DROP, INDEX, MEASURED, planned
from tests.store_records import request, suggestion

OPERATION = "2d0a7e1c-0000-4000-8000-000000000001"
GAIN = Gain(
    speedup=5, low=4, high=8, k=8, before_ms=10, after_ms=2, saved_s_per_day=7, measured_on="a full clone",
    unproved=False,
)  # fmt: skip
ONE = planned(INDEX, title="Index orders.customer", gain=GAIN)
ENVELOPE = {
    "product": "sales", "database": "main", "instance": "web-1", "event_id": "event", "time": MEASURED,
    "suggestion_id": ONE.suggestion_id, "revision": 3,
}  # fmt: skip
PAGE = "https://page.example/sidecar/"


def outcome(kind: str = "apply", state: str = "done", **more: Any) -> Outcome:
    return Outcome(
        **{
            **ENVELOPE, "operation_id": OPERATION, "kind": kind, "plan_hash": "", "first": 0, "last": 1, "state": state,
            "reason": "2 moves", "began": MEASURED, "seconds": 1.5, "waiting": 0, "waited_ms": 0, **more,
        }
    )  # fmt: skip


def verdict(told: str, **more: Any) -> Verdict:
    return Verdict(
        **{
            **ENVELOPE, "operation_id": OPERATION, "verdict": told, "reason": "1.9x, 5x was promised", "speedup": 1.9,
            "low": 1.5, "high": 2, "slots": 9, "promised": 5, "promised_low": 4, "promised_high": 8,
            "as_promised": None, "taking_back": False, **more,
        }
    )  # fmt: skip


def ruling(told: str, **more: Any) -> Ruling:
    return Ruling(
        **{
            **ENVELOPE, "approval_id": "", "plan_hash": "", "approver": "bob", "verdict": told,
            "reason": "orders changed since it was planned", "steps": 0, "opens": None, **more,
        }
    )  # fmt: skip


def told(record: Record, known: Suggestion | None = ONE, page: str = PAGE) -> Notice:
    found = notice(record, known, page)
    assert found
    return found


def test_a_suggestion_says_what_it_gains_and_costs_what_it_does_and_how_to_approve_it() -> None:
    assert told(ONE, None) == Notice(
        id=ONE.event_id,
        title="sales/main: suggested: Index orders.customer",
        facts=(
            "measured: 5.00x faster (4.00 to 8.00, k=8), 10.0 ms to 2.0 ms a run, on a full clone",
            "costs: 10.0 s to build, 1 kB more on disk, no write seen that it could slow down; pays back after 1 runs, "
            "1.0 s at the workload seen",
            "results: physical:",
            "can be taken back",
        ),
        sql=('CREATE INDEX "i" ON "main"."orders"("customer")',),
        command=f"sidecar approve {ONE.suggestion_id}",
        link=f"https://page.example/sidecar/suggestions/{ONE.suggestion_id}",
    )
    assert told(planned(DROP), None, "").facts[-1] == "cannot be undone: drop_table"
    assert told(ONE, None, "").link == ""


def test_a_change_that_is_found_again_is_told_once_unless_it_was_away_for_long() -> None:
    before = ONE.model_copy(update={"revision": 2, "time": ONE.time - NEW_AGAIN + timedelta(seconds=1)})
    assert notice(ONE, before, PAGE) is None
    long_ago = before.model_copy(update={"time": ONE.time - NEW_AGAIN})
    assert told(ONE, long_ago) == told(ONE, None)


@pytest.mark.parametrize(
    ("record", "title", "urgent", "command"),
    [
        (outcome(), "carried out", False, f"rollback {OPERATION}"),
        (outcome(way_back="code"), "carried out", False, f"code {ONE.suggestion_id} --back"),
        (outcome(way_back=""), "carried out", False, "operations"),
        (outcome(state="refused"), "not carried out", False, "operations"),
        (outcome(state="undone"), "gave way, and all is as before", True, "operations"),
        (outcome(state="stuck"), "apply stuck: a person has to look", True, "operations"),
        (outcome("revert"), "taken back", False, "operations"),
        (outcome("revert", "refused"), "was not taken back", True, "operations"),
        (outcome("revert", "undone"), "could not be taken back", True, "operations"),
        (outcome("revert", "stuck"), "revert stuck: a person has to look", True, "operations"),
        (verdict("confirmed"), "confirmed", False, "operations"),
        (verdict("inconclusive"), "inconclusive", False, "operations"),
        (verdict("worse", taking_back=True), "worse", True, "operations"),
        (verdict("worse"), "worse", True, f"rollback {OPERATION}"),
        (verdict("worse", reason="take it back by `sidecar code x --back`"), "worse", True, "operations"),
        (ruling("void"), "approved, but not carried out", False, f"show {ONE.suggestion_id}"),
    ],
)
def test_what_became_of_a_change_is_told_and_what_is_bad_at_once(
    record: Record, title: str, urgent: bool, command: str
) -> None:
    found = told(record)
    assert found.title == f"sales/main: {title}: Index orders.customer"
    assert (found.urgent, found.command) == (urgent, f"sidecar {command}")
    assert found.facts[0] == record.reason  # type: ignore[attr-defined]
    assert found.link == f"{PAGE}suggestions/{ONE.suggestion_id}"


def test_what_was_done_says_how_long_it_took_and_who_waited() -> None:
    assert told(outcome(waiting=2, waited_ms=41.6)).facts[1] == "took 1.5 s; 2 writers waited, 42 ms at most"
    assert len(told(outcome(state="refused")).facts) == 1


@pytest.mark.parametrize(
    "record",
    [suggestion(kind="nothing"), ruling("counted"), ruling("refused"), ruling("complete"), request()],
)
def test_what_nobody_waits_for_is_not_told(record: Record) -> None:
    assert subject(record) is None
    assert subject(ONE) == (ONE.suggestion_id, 3)


@pytest.mark.parametrize("wrong", ["x; rm -rf ~", "../admin", "", OPERATION.upper()])
def test_what_is_no_id_can_neither_be_typed_nor_followed(wrong: str) -> None:
    for record in (
        ONE.model_copy(update={"suggestion_id": wrong}),
        ruling("void", suggestion_id=wrong),
        outcome(operation_id=wrong),
        verdict("worse", suggestion_id=wrong),
    ):
        with pytest.raises(RecordError, match="is no id"):
            subject(record)


def test_the_sql_that_is_sent_holds_no_value() -> None:
    canary = "canary of a customer"
    column = AddColumn(
        table="orders", column="c", type="VARCHAR",
        expression=Call(function="concat", arguments=[ColumnRef(name="customer"), Constant(value=canary)]),
    )  # fmt: skip
    rewrite = Rewrite(
        fingerprint="1-0", statement=f"SELECT id FROM orders WHERE customer IN ('{canary}', 4711) -- 4712"
    )
    enum = ChangeType(table="orders", column="customer", from_type="BIGINT", to_type="ENUM")
    steps = [*planned(column).steps, *planned(rewrite).steps, *planned(enum).steps]
    steps[-1] = steps[-1].model_copy(update={"sql": [*steps[-1].sql, f"CREATE TYPE e AS ENUM ('{canary}')"]})
    text = "\n".join(told(planned(INDEX, steps=steps, plan_hash=plan_hash(steps)), None).sql)
    assert '"c" = concat("customer", $1)' in text
    assert "SELECT id FROM orders WHERE customer IN ($1)" in text
    assert "ENUM('$1')" in text
    assert "canary" not in text
    assert "471" not in text


def test_a_plan_of_many_statements_is_cut_and_says_where_the_rest_is() -> None:
    many = planned(*[CreateIndex(table="orders", name=f"i{number}", columns=["id"]) for number in range(20)])
    found = told(many, None).sql
    assert len(found) == 13
    assert found[-1] == f"-- and 8 more: sidecar show {many.suggestion_id}"


def test_every_text_is_one_line_of_bounded_length_without_control_characters() -> None:
    name = "a\r\nBcc: x\x00\x1b[31m\u202egnp.exe\u2028\ud800" + "b" * 500
    keys = [SortKey(column="id")]
    one = planned(Cluster(table="orders", keys=keys), product=name, title=name, equality_reason=name)
    found = told(
        one.model_copy(update={"steps": [one.steps[0].model_copy(update={"sql": [f'SELECT "{name}"']})]}), None
    )
    for text in (found.title, *found.facts, *found.sql):
        assert text.isprintable()
        assert len(text) <= 1000
    assert found.title.startswith("a Bcc: x [31m gnp.exe bbb")
    assert len(found.title) == 300
