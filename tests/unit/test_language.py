"""What may be asked of a language model, what counts as its answer, and what the rules say without one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from inference.language import forms
from inference.language.asks import Form, OneOf, Prose, messages, read
from inference.language.proposal import Contract, Proposal
from inference.language.reading import Operation, Table
from inference.language.rules import Rules
from inference.language.tasks import operations_of, proposal_ask, reason_ask, request_ask
from schemas.errors import InvalidAnswer, JudgementError, TooLate
from tests.asking import CHOICE, FORM, TABLES, TASK, ask, outside


@given(st.text(), st.sampled_from([CHOICE, FORM]))
def test_whatever_a_model_says_is_an_answer_or_refused(said: str, wanted: OneOf | Form) -> None:
    asked = ask(answer=wanted)
    try:
        answer = read(asked, said)
    except InvalidAnswer:
        return
    assert not outside(asked, answer)


FREE = {"type": "string", "maxLength": 9}


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"type": "string", "enum": ["a"]}, "a form is an object"),
        ({"type": "object", "properties": {}}, "has no others"),
        ({"sql": {"type": "string"}}, "form.sql: text is enumerated"),
        ({"sql": FREE}, "form.sql: text is enumerated"),
        ({"explanation": {"type": "string"}}, "form.explanation: text is enumerated"),
        (
            {"explanation": {"type": "object", "properties": {"x": FREE}, "additionalProperties": False}},
            "explanation.x: ",
        ),
        ({"list": {"type": "array", "items": {"enum": ["a"]}}}, "an array has a maxItems"),
        ({"list": {"type": "array", "items": FREE, "maxItems": 3}}, r"form.list\[\]: text"),
        ({"n": {"type": "integer", "minimum": 0}}, "a minimum and a maximum"),
        ({"n": {"type": "number"}}, "of number these keywords"),
        ({"n": {"$ref": "#/x"}}, "of None these keywords"),
        ({"n": {"enum": []}}, "something to choose from"),
        ({"n": {"enum": ["a"], "pattern": "b"}}, "stands alone"),
        ({"n": {"anyOf": [{"enum": ["a"]}, {"type": "string"}]}}, "form.n: text"),
        ({"n": 7}, "a schema is an object"),
    ],
)
def test_a_form_that_leaves_something_free_is_not_taken(form: dict[str, Any], problem: str) -> None:
    if "type" not in form:
        form = {"type": "object", "properties": form, "additionalProperties": False}
    with pytest.raises(ValidationError, match=problem):
        Form(form=form)


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"operation": {"table": "orders", "column": "day"}, "sure": True}, True),
        ({"operation": {"table": "orders", "column": "price"}, "sure": True}, False),
        ({"operation": {"table": "orders", "column": "day"}, "sure": 1}, False),
        ({"operation": {"table": "orders", "column": "day"}}, False),
        ({"operation": {"table": "orders", "column": "day"}, "sure": True, "sql": "x"}, False),
        ({"operation": {"table": "orders", "column": "day"}, "sure": True, "rank": 9}, True),
        ({"operation": {"table": "orders", "column": "day"}, "sure": True, "rank": 10}, False),
        ({"operation": {"table": "orders", "column": "day"}, "sure": True, "rank": True}, False),
        ({"operation": {"table": "orders", "column": "day"}, "sure": True, "explanation": "x" * 30}, True),
        ({"operation": {"table": "orders", "column": "day"}, "sure": True, "explanation": "x" * 31}, False),
        ([], False),
    ],
)
def test_a_value_fits_a_form_or_not(value: object, fits: bool) -> None:
    assert forms.matches(FORM.form, value) is fits


def test_what_does_not_fit_the_form_is_no_answer() -> None:
    said = '{"operation": {"table": "lines", "column": "%s"}, "sure": true}'
    assert read(ask(answer=FORM), said % "price") == {"operation": {"table": "lines", "column": "price"}, "sure": True}
    for wrong in (said % "day", "[]", "7", "{"):
        with pytest.raises(InvalidAnswer, match="request: the answer"):
            read(ask(answer=FORM), wrong)


@pytest.mark.parametrize(
    ("value", "fits"),
    [([], False), (["a"], True), (["a", "a"], True), (["a", "a", "a"], False), (["b"], False), ("a", False)],
)
def test_an_array_has_its_bounds(value: object, fits: bool) -> None:
    items = {"type": "array", "items": {"enum": ["a"]}, "minItems": 1, "maxItems": 2}
    form = Form(form={"type": "object", "properties": {"l": items}, "additionalProperties": False})
    assert forms.matches(form.form, {"l": value}) is fits


@pytest.mark.parametrize("ids", [("a", "a"), ("b",), ("a", ""), (" a", "a"), ("a", "x" * 201)])
def test_ids_are_a_set_with_what_says_that_nothing_fits(ids: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        OneOf(ids=ids, otherwise="a")


def test_of_a_text_that_no_encoding_takes_a_question_mark_is_left() -> None:
    assert ask("slow \ud800 since").text == "slow ? since"


def test_a_task_comes_first_in_what_is_asked_and_the_text_last() -> None:
    system, user = messages(ask("slow!", context="tables: orders"))
    assert system == {"role": "system", "content": TASK.instructions}
    assert user["content"].startswith("tables: orders\n\nAnswer with one of these")
    assert user["content"].endswith("slow!")


@pytest.mark.parametrize(("said", "text"), [(" a\x1b[31m\x00 b\n", "a[31m b"), ("\u202egnol", "gnol")])
def test_an_explanation_has_no_control_characters(said: str, text: str) -> None:
    assert read(ask(answer=Prose()), said) == text
    for nothing in ("", "\x00 ", "x" * 4_001):
        with pytest.raises(InvalidAnswer):
            read(ask(answer=Prose()), nothing)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cluster the SHIPMENTS by day", "cluster shipments"),
        ("the late ones: create an index", "create index late"),
        ("index", "not understood"),  # of two alike
        ("nothing of that", "not understood"),
        ("ｄｒｏｐ it", "drop"),
        ("drоp it", "not understood"),
    ],
)
async def test_the_rules_choose_by_shared_words(text: str, expected: str) -> None:
    assert (await Rules().say(ask(text), within_s=1)).answer == expected


async def test_the_rules_read_operations_and_reasons_by_the_matcher_of_words() -> None:
    text = "an index on the customer of these orders: cust"
    said = (await Rules().say(request_ask(text, TABLES), within_s=1)).answer
    assert operations_of(said) == (Operation(kind="create_index", table="orders", columns=("cust_no",)),)
    assert (await Rules().say(reason_ask("It breaks two consumers"), within_s=1)).answer == "risk"
    assert (await Rules().say(reason_ask("I say no"), within_s=1)).answer == "unclear"


async def test_the_rules_read_nothing_on_no_table_or_with_too_many_columns() -> None:
    wide = Table(name="wide", columns=tuple((f"length_{name}", "DATE") for name in "abcdefg"))
    asked = request_ask("wide is slow by length: a b c d e f g", [wide])
    assert (await Rules().say(asked, within_s=1)).answer == {"operations": []}
    assert (await Rules().say(request_ask("orders are slow", ()), within_s=1)).answer == {"operations": []}


async def test_the_rules_accept_no_proposal_by_its_own_words() -> None:
    proposal = Proposal(of="stock", to="sales", purpose="accept")
    asked = proposal_ask(proposal, Contract(table="orders", owner="sales"))
    assert (await Rules().say(asked, within_s=1)).answer == "not understood"


async def test_the_rules_fill_no_form_and_are_not_late() -> None:
    for wanted in (FORM, Prose()):
        with pytest.raises(JudgementError, match="request: the rules read by words, and write nothing"):
            await Rules().say(ask(answer=wanted), within_s=1)
    with pytest.raises(TooLate):
        await Rules().say(ask(), within_s=0)
