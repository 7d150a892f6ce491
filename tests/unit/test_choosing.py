"""Requests as rows of choices: nothing but operations on the catalog can come out."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.language.choosing import AND, END, FIRST, NOTHING, Choosing, Layout, choices
from inference.language.reading import COLUMNS, KINDS, MOST_OPERATIONS, Operation, Table
from inference.language.stepping import arrays, followed
from tests.language_models import ITEMS, LOG, ORDERS

LAYOUT = Layout((ORDERS, ITEMS, LOG))
INDEX = Operation(kind="create_index", table="order_items", columns=("price_amt", "item_id"))
GONE = Operation(kind="drop_table", table="log", columns=())
LOOK = Operation(kind="look_into", table="orders", columns=())


def read(row: list[int]) -> tuple[Operation, ...]:
    choosing = Choosing(LAYOUT)
    for choice in row:
        choosing.choose(choice)
    assert choosing.is_done
    return choosing.operations()


@pytest.mark.parametrize("operations", [(), (INDEX,), (GONE,), (LOOK, INDEX), (INDEX, GONE)])
def test_operations_are_read_back_from_their_row_of_choices(operations: tuple[Operation, ...]) -> None:
    assert read(list(choices(LAYOUT, operations))) == operations


def test_a_row_of_choices_is_a_kind_a_table_columns_and_an_end() -> None:
    kind, gone = 1 + KINDS.index("create_index"), 1 + KINDS.index("drop_table")
    columns = [FIRST + LAYOUT.column(1, 1), FIRST + LAYOUT.column(1, 0)]
    assert list(choices(LAYOUT, (INDEX, GONE))) == [kind, FIRST + 1, *columns, AND, gone, FIRST + 2, END]
    assert list(choices(LAYOUT, ())) == [NOTHING]


def test_what_is_said_twice_is_done_once() -> None:
    assert read([*list(choices(LAYOUT, (GONE,)))[:-1], AND, *choices(LAYOUT, (GONE,))]) == (GONE,)


def test_a_column_of_another_table_cannot_be_chosen() -> None:
    choosing = Choosing(LAYOUT)
    choosing.choose(1 + KINDS.index("create_index"))
    choosing.choose(FIRST + 1)
    with pytest.raises(ValueError, match="cannot be chosen"):
        choosing.choose(FIRST + LAYOUT.column(0, 0))


def test_a_table_without_columns_is_only_dropped_or_looked_into() -> None:
    choosing = Choosing(Layout((Table(name="bare", columns=()),)))
    wanted = [1 + KINDS.index("look_into"), 1 + KINDS.index("drop_table")]
    assert choosing.allowed() == [NOTHING, *wanted]
    beside = Choosing(Layout((Table(name="bare", columns=()), LOG)))
    beside.choose(1 + KINDS.index("cluster"))
    assert beside.allowed() == [FIRST + 1]


def test_of_no_catalog_nothing_is_read() -> None:
    assert Choosing(Layout(())).is_done


def test_steps_know_what_was_chosen_and_what_may_be() -> None:
    row = list(choices(LAYOUT, (LOOK, INDEX)))
    steps, allowed = arrays([list(followed(LAYOUT, row))], LAYOUT.candidates)
    assert np.array(steps.step)[0].tolist() == [0, 1, 2, 3, 4, 5, 5, 5]
    kinds = [KINDS.index("look_into") + 1, KINDS.index("create_index") + 1]
    assert np.array(steps.kind)[0].tolist() == [0, kinds[0], kinds[0], 0, *[kinds[1]] * 4]
    assert np.array(steps.before_kind)[0].tolist() == [0, 0, 0, *[kinds[0]] * 5]
    assert np.nonzero(np.array(steps.before)[0, 3])[0].tolist() == [0]
    first, second = LAYOUT.column(1, 1), LAYOUT.column(1, 0)
    assert np.nonzero(np.array(steps.columns)[0, 7])[0].tolist() == [second, first]
    assert np.nonzero(np.array(steps.last)[0, 7])[0].tolist() == [second]
    assert np.nonzero(np.array(steps.table)[0, 7])[0].tolist() == [1]
    assert [bool(np.array(allowed)[0, place, choice]) for place, choice in enumerate(row)] == [True] * 8
    assert np.nonzero(np.array(allowed)[0, 7])[0].tolist() == [END]


tables = st.lists(
    st.builds(
        Table,
        name=st.text(min_size=1, max_size=8),
        columns=st.lists(
            st.tuples(st.text(min_size=1, max_size=8), st.just("DATE")), max_size=5, unique_by=lambda column: column[0]
        ).map(tuple),
    ),
    max_size=4,
    unique_by=lambda table: table.name,
)  # fmt: skip


@given(tables, st.randoms(use_true_random=False))
def test_whoever_chooses_gets_operations_on_the_catalog(made: list[Table], random: Random) -> None:
    choosing = Choosing(Layout(tuple(made)))
    steps = 0
    while not choosing.is_done:
        choosing.choose(random.choice(choosing.allowed()))
        steps += 1
    assert steps < 40
    found = choosing.operations()
    assert len(found) <= MOST_OPERATIONS
    by_name = {table.name: [name for name, _ in table.columns] for table in made}
    for one in found:
        assert set(one.columns) <= set(by_name[one.table])
        assert len(set(one.columns)) == len(one.columns)
        least, most = COLUMNS[one.kind]
        assert least <= len(one.columns) <= most
