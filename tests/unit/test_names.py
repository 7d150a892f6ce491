"""Names as words, and which of them a text shares."""

import numpy as np
import pytest

from inference.language.catalog import Catalog
from inference.language.names import Names, said_of_column, said_of_table, words_of
from inference.language.reading import Table
from inference.language.shortlist import MOST_COLUMNS, MOST_TABLES
from tests.language_models import ITEMS, LOG, ORDERS, pieces


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cust_no", ["customer", "number"]),
        ("startedTs", ["started", "time"]),
        ("DUE_DT", ["due", "date"]),
        ("t2_x", ["t", "2", "x"]),
        ("Größe", ["gr", "e"]),
        ("_", ["_"]),
    ],
)
def test_names_are_words(name: str, words: list[str]) -> None:
    assert words_of(name) == words


def test_a_candidate_is_said_with_what_tells_it_from_others() -> None:
    assert said_of_table(ORDERS) == "table orders: order id, customer number, due date"
    assert said_of_column(ORDERS, "due_dt", "DATE") == "due date of orders, date"
    assert said_of_column(ITEMS, "price_amt", "DECIMAL(12,2)") == "price amount of order items, number"
    assert said_of_column(ITEMS, "shape", "GEOMETRY") == "shape of order items, geometry"


NAMES = Names(["cust_no", "order_no", "harvested_on", "prc"])


def overlap(text: str) -> dict[str, list[float]]:
    figures, _ = NAMES.overlap(text.split())
    rows = [[round(value, 2) for value in row] for row in figures.tolist()]
    return dict(zip(["cust_no", "order_no", "harvested_on", "prc"], rows, strict=True))


def test_a_name_as_it_is_written_is_seen() -> None:
    found = overlap("index cust _ no please")
    assert [found[name][0] for name in found] == [1, 0, 0, 0]


def test_words_count_the_more_the_fewer_names_have_them() -> None:
    found = overlap("the number")
    assert found["cust_no"][1] == found["order_no"][1] == 0.41
    assert overlap("the customers")["cust_no"][1] == 0.59
    assert found["harvested_on"][1] == 0


def test_endings_and_typing_errors_and_abbreviations_come_near() -> None:
    assert overlap("harvest")["harvested_on"][1] == 0.5
    assert 0.2 < overlap("harvsted")["harvested_on"][3] < 0.5
    assert overlap("harvsted")["harvested_on"][1] == 0
    assert overlap("hrvst")["harvested_on"][4] == 0.5
    assert overlap("price")["prc"][1] == 1


def test_no_other_day_is_near_to_a_day() -> None:
    names = Names(["sales_20240101", "sales_archive"])
    figures, covers = names.overlap(["20240102"])
    assert figures.tolist() == [[0.0] * 5] * 2
    assert covers.tolist() == [[0, 0]]
    assert names.overlap(["archives"])[0][1, 3] > 0


def test_words_of_a_text_know_whether_a_name_has_them() -> None:
    _, covers = NAMES.overlap(["customers", "unicorns"])
    assert covers[0, 0] == 1
    assert covers[1, 0] == 0
    assert covers[0, 1] > covers[1, 1]


def test_a_text_without_words_shares_none() -> None:
    figures, covers = NAMES.overlap([])
    assert figures.sum() == 0
    assert covers.shape == (0, 2)


def test_of_a_small_catalog_all_is_picked_in_order() -> None:
    catalog = Catalog([ORDERS, ITEMS, LOG], pieces())
    picked = catalog.picked(np.zeros(len(catalog.tokens)))
    assert picked.layout.tables == (ORDERS, ITEMS, LOG)
    assert picked.mask.tolist() == [1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 0]
    assert picked.rows[picked.mask > 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]


def test_of_a_large_one_what_is_near_is_picked() -> None:
    wide = Table(name="wide", columns=tuple((f"c{number}", "DATE") for number in range(500)))
    many = [Table(name=f"t{number}", columns=(("a", "DATE"), ("b", "DATE"))) for number in range(60)]
    catalog = Catalog([*many, wide], pieces())
    nearness = np.zeros(len(catalog.tokens))
    nearness[17] = 1.0
    first_of_wide = 61 + 2 * 60
    nearness[first_of_wide + 400] = nearness[first_of_wide + 7] = 2.0
    picked = catalog.picked(nearness)
    tables = {table.name: table for table in picked.layout.tables}
    assert len(tables) == MOST_TABLES
    assert "t17" in tables
    names = [name for name, _ in tables["wide"].columns]
    assert len(names) == MOST_COLUMNS
    assert {"c7", "c400"} <= set(names)
    place = [table.name for table in picked.layout.tables].index("wide")
    rows = picked.rows[picked.layout.columns(place)]
    assert rows.tolist() == [first_of_wide + int(name[1:]) for name in names]


def test_figures_of_a_text_stand_at_its_tokens() -> None:
    catalog = Catalog([ORDERS], pieces())
    read = pieces().read("unicorn orders")
    _, covers = catalog.overlaps([read])
    exact = covers[0, :, 0].tolist()
    assert exact == [0.0] * (len(read.ids) - 2) + [1.0, 0.0]
