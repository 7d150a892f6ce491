"""Typed actions: canonical bytes, hashes and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.actions import (
    CreateIndex,
    CreateSummary,
    DropTable,
    actions_hash,
    pack,
    suggestion_id,
    unpack,
)
from schemas.errors import ActionError
from schemas.expressions import Call, ColumnRef, Constant
from schemas.records import Action

INDEX = CreateIndex(table="orders", name="orders_o_custkey", columns=["o_custkey"])


def test_the_bytes_are_canonical_json() -> None:
    assert pack(INDEX) == Action(
        kind="create_index",
        version=1,
        body=b'{"columns":["o_custkey"],"name":"orders_o_custkey","schema_name":"main","table":"orders","unique":false}',
    )


@given(st.text(min_size=1), st.lists(st.text(), max_size=3), st.booleans())
def test_what_is_packed_is_what_is_unpacked(table: str, columns: list[str], unique: bool) -> None:
    body = CreateIndex(table=table, name="i", columns=columns, unique=unique)
    assert unpack(pack(body)) == body


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (Action(kind="drop_database", version=1, body=b"{}"), "unknown action 'drop_database' version 1"),
        (Action(kind="create_index", version=2, body=pack(INDEX).body), "unknown action 'create_index' version 2"),
        (Action(kind="create_index", version=1, body=b'{"sql":"DROP TABLE x"}'), "not valid"),
        (Action(kind="create_index", version=1, body=b"CREATE INDEX"), "not valid"),
    ],
)
def test_what_is_unknown_is_refused(action: Action, message: str) -> None:
    with pytest.raises(ActionError, match=message):
        unpack(action)


def test_a_field_that_the_kind_does_not_know_is_refused() -> None:
    with pytest.raises(ActionError):
        unpack(Action(kind="drop_table", version=1, body=b'{"schema_name":"main","table":"t","cascade":true}'))


def test_an_expression_that_the_kinds_do_not_know_is_refused() -> None:
    action = pack(
        CreateSummary(
            table="t", name="s", alias="t", aggregates=[],
            group_by=[{"name": "m", "expression": {"node": "column", "name": "d"}}],  # type: ignore[list-item]
        )
    )  # fmt: skip
    with pytest.raises(ActionError):
        unpack(Action(kind=action.kind, version=1, body=action.body.replace(b'"column"', b'"sql"')))


def test_the_hash_covers_the_carried_bytes_and_their_order() -> None:
    index, drop = pack(INDEX), pack(DropTable(table="orders"))
    spaced = Action(kind=index.kind, version=index.version, body=index.body.replace(b":", b": "))
    hashes = [actions_hash(actions) for actions in ([index], [spaced], [drop], [index, drop], [drop, index], [])]
    assert len(set(hashes)) == len(hashes)


def test_bytes_moved_between_parts_change_the_hash() -> None:
    one, other = Action(kind="ab", version=1, body=b"c"), Action(kind="a", version=1, body=b"bc")
    assert actions_hash([one]) != actions_hash([other])


def test_the_same_change_of_the_same_database_has_the_same_id() -> None:
    actions = [pack(INDEX)]
    assert suggestion_id("shop", "main", actions) == suggestion_id("shop", "main", [pack(INDEX)])
    assert suggestion_id("shop", "main", actions) != suggestion_id("shop", "other", actions)


def test_expressions_nest() -> None:
    month = Call(function="date_trunc", arguments=[Constant(value="month"), ColumnRef(name="day", table="o")])
    assert Call.model_validate_json(month.model_dump_json()) == month
