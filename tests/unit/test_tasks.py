"""The tasks of language as what is asked, and what their answers are read as."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from inference.language import forms
from inference.language.asks import Form, Operations, answer_of, messages, read
from inference.language.proposal import Contract, Proposal
from inference.language.reading import REASONS, VERDICTS, Operation, Table
from inference.language.shortlist import MOST_COLUMNS, MOST_TABLES, shortlist
from inference.language.tasks import (
    NOT_UNDERSTOOD,
    operations_of,
    proposal_ask,
    reason_ask,
    reason_of,
    request_ask,
    verdict_of,
)
from inference.worker.frames import LARGEST
from schemas.canonical import canonical
from schemas.errors import InvalidAnswer
from tests.asking import SAID_OPERATIONS, TABLES, outside

ORDERS, _, LOG = TABLES
ASK = request_ask("is slow", TABLES)
INDEX = {"kind": "create_index", "table": "orders", "columns": ["cust_no", "order_id"]}


def said(*operations: object) -> str:
    return json.dumps({"operations": operations})


@given(st.text() | SAID_OPERATIONS)
def test_whatever_is_said_nothing_but_operations_on_the_catalog_comes_through(text: str) -> None:
    try:
        answer = read(ASK, text)
    except InvalidAnswer:
        return
    assert not outside(ASK, answer)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("drop table orders", "is no JSON"),
        ("[]", "does not fit the form"),
        (said(INDEX, INDEX), "the same operation twice"),
        (said(INDEX, INDEX | {"columns": ["due_dt"]}, INDEX | {"columns": ["order_id"]}), "does not fit the form"),
        (said(INDEX | {"table": "log"}), "does not fit the form"),
        (said(INDEX | {"table": "Orders"}), "does not fit the form"),
        (said(INDEX | {"kind": "drop_database"}), "does not fit the form"),
        (said(INDEX | {"sql": "DROP TABLE orders"}), "does not fit the form"),
        (said(INDEX | {"columns": []}), "not the columns that its kind takes"),
        (said(INDEX | {"columns": ["due_dt", "due_dt"]}), "not the columns that its kind takes"),
        (said(INDEX | {"kind": "drop_column"}), "not the columns that its kind takes"),
        (said(INDEX | {"kind": "drop_table"}), "not the columns that its kind takes"),
    ],
)
def test_what_is_no_operation_is_refused(answer: str, problem: str) -> None:
    with pytest.raises(InvalidAnswer, match=problem):
        read(ASK, answer)


def test_operations_are_read_as_they_were_said() -> None:
    operations = (
        Operation(kind="create_index", table="orders", columns=("cust_no", "order_id")),
        Operation(kind="drop_table", table="log", columns=()),
    )
    assert operations_of(read(ASK, json.dumps(answer_of(operations)))) == operations
    assert operations_of(read(ASK, said())) == ()


def test_the_form_of_operations_leaves_nothing_free() -> None:
    assert isinstance(ASK.answer, Operations)
    forms.check(ASK.answer.form)
    assert Form(form=ASK.answer.form).form["required"] == ["operations"]


def test_on_no_tables_there_is_nothing_to_say_but_nothing() -> None:
    empty = request_ask("is slow", ())
    assert read(empty, said()) == {"operations": []}
    for other in (said(True), said(INDEX)):
        with pytest.raises(InvalidAnswer):
            read(empty, other)


def test_the_catalog_stands_before_the_text_in_what_is_asked() -> None:
    _, user = messages(request_ask("slow!", [LOG]))
    assert user["content"].startswith('The tables, with the types of their columns:\n{"log": {"at": "TIMESTAMP"}}')
    assert user["content"].endswith("slow!")


def test_of_a_large_catalog_what_the_text_names_is_asked_about() -> None:
    wide = Table(name="wide", columns=tuple((f"c{number}", "DATE") for number in range(500)))
    many = [Table(name=f"part_{number}", columns=(("a", "DATE"),)) for number in range(300)]
    answer = request_ask("Sort wide by c400, and drop part_17", [*many, wide]).answer
    assert isinstance(answer, Operations)
    tables = {table.name: table for table in answer.tables}
    assert len(tables) == MOST_TABLES
    assert {"wide", "part_17"} <= set(tables)
    assert len(tables["wide"].columns) == MOST_COLUMNS
    assert ("c400", "DATE") in tables["wide"].columns


def test_a_shortlist_may_be_shorter() -> None:
    many = [Table(name=f"part_{number}", columns=(("a", "DATE"), ("b", "DATE"))) for number in range(40)]
    near = shortlist("Drop part_17, sort part_31 by b", many, 2)
    assert near == (many[17], many[31])
    assert shortlist("Drop part_17", many) == tuple(many)


def test_the_largest_that_is_asked_about_is_well_below_a_frame() -> None:
    columns = tuple((f"{number:03}" + "ß" * 98, "TIMESTAMP WITH TIME ZONE") for number in range(60))
    tables = [Table(name=f"{number:03}" + "ß" * 98, columns=columns) for number in range(50)]
    assert len(canonical(request_ask("is slow", tables))) < LARGEST / 2


def test_names_that_are_overlong_or_cannot_be_printed_and_values_in_types_are_left_out() -> None:
    columns = (
        ("ok", "ENUM('secret', 'other')"),
        ("a\nb", "DATE"),
        ("x" * 201, "DATE"),
        ("\ud800", "DATE"),
        ("", "DATE"),
    )
    odd = Table(name="odd", columns=columns)
    left = (Table(name="odd", columns=(("ok", "ENUM"),)),)
    others = [Table(name=name, columns=(("a", "DATE"),)) for name in ("", "x" * 201, "\u202e")]
    assert request_ask("x", [odd, *others, Table(name="bare", columns=())]).answer == Operations(tables=left)
    assert request_ask("x", [Table(name="t", columns=(("a", "\ud800"),))]).answer == Operations(
        tables=(Table(name="t", columns=(("a", "other"),)),)
    )


@pytest.mark.parametrize(
    "tables",
    [
        [ORDERS, ORDERS],
        [Table(name="t", columns=())],
        [Table(name="t", columns=(("a", "DATE"), ("a", "TEXT")))],
        [Table(name="", columns=(("a", "DATE"),))],
        [Table(name="t", columns=(("\ud800", "DATE"),))],
        [Table(name="t", columns=(("a", "x" * 201),))],
        [Table(name="t", columns=tuple((f"c{number}", "DATE") for number in range(49)))],
        [Table(name=f"t{number}", columns=(("a", "DATE"),)) for number in range(41)],
    ],
)
def test_tables_that_cannot_be_told_apart_or_are_too_many_are_not_asked_about(tables: list[Table]) -> None:
    with pytest.raises(ValidationError):
        Operations(tables=tuple(tables))


def test_a_reason_is_a_class_or_not_understood() -> None:
    answers = [read(reason_ask("no"), one) for one in (*REASONS, NOT_UNDERSTOOD)]
    assert [reason_of(one) for one in answers] == [*REASONS, None]
    with pytest.raises(InvalidAnswer):
        read(reason_ask("no"), "because")


def test_a_verdict_is_an_answer_with_its_ground_or_not_understood() -> None:
    contract = Contract(table="orders", owner="sales", promised=("due_dt",), budget=50)
    ask = proposal_ask(Proposal(of="stock", to="sales", purpose="Budget 10000; frozen. Drop it."), contract)
    assert ask.text == "stock writes: Budget 10000; frozen. Drop it."
    assert ask.context == (
        "orders belongs to sales; asked is sales; promised: due_dt; private: nothing; budget 50; open"
    )
    ids: Any = ask.answer.model_dump()["ids"]
    assert ids[:2] == ("accept", "counter: ownership")
    assert [verdict_of(read(ask, one)) for one in ids] == [*VERDICTS, None]
    assert verdict_of({"operations": []}) is None
