"""The matcher of words reads what names and lists tell, and nothing else."""

import pytest

from inference.evaluation.written import Table
from inference.language.reading import Operation, Reason
from inference.language.words import operations, reason, words

TABLES = (
    Table(name="books", rows=10, columns=(("book_id", "BIGINT"), ("shelf_no", "VARCHAR"), ("due_on", "DATE"))),
    Table(name="book_loans", rows=10, columns=(("card_no", "VARCHAR"), ("days", "INTEGER"), ("due_on", "DATE"))),
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("An index on the cards of book loans.", ("create_index", "book_loans", "card_no")),
        ("books sorted by shelf", ("cluster", "books", "shelf_no")),
        ("Totals of book loans, by card, of days", ("create_summary", "book_loans", "card_no", "days")),
        ("Make the loans' days of a card an integer type: card_no first", ("change_type", "book_loans", "card_no")),
        ("the book loan list is slow", ("look_into", "book_loans")),
        ("drop book loans", ("drop_table", "book_loans")),
        ("remove days from book loans", ("drop_column", "book_loans", "days")),
        ("remove the idx on the card of a book loan", ("drop_index", "book_loans", "card_no")),
    ],
)
def test_a_text_is_read_by_the_words_that_it_shares(text: str, found: tuple[str, ...]) -> None:
    kind, table, *columns = found
    assert operations(text, TABLES) == (
        Operation.model_validate({"kind": kind, "table": table, "columns": tuple(columns)}),
    )


@pytest.mark.parametrize(
    "text",
    [
        "an index on the reader's name",  # no table, no column
        "Our books are lovely.",  # no kind
        "an index on book loans",  # no column of an operation that needs one
    ],
)
def test_where_a_table_a_kind_or_a_column_that_is_needed_is_lacking_nothing_is_read(text: str) -> None:
    assert operations(text, TABLES) == ()


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("a list of book loans is slow", "book_loans"),
        ("a list of books is slow", "books"),
        ("why is all that is on the card slow", "book_loans"),
    ],
)
def test_the_table_has_most_words_of_its_name_in_the_text_then_the_shorter_name_then_more_columns(
    text: str, table: str
) -> None:
    wanted = Operation(kind="look_into", table=table, columns=("card_no",) if "card" in text else ())
    assert operations(text, TABLES) == operations(text, TABLES[::-1]) == (wanted,)


def test_a_name_of_nothing_but_noise_is_found_by_it() -> None:
    table = Table(name="visits", rows=10, columns=(("dt", "DATE"), ("place_id", "BIGINT")))
    assert operations("visits sorted by dt", [table]) == (Operation(kind="cluster", table="visits", columns=("dt",)),)


def test_words_are_apart_at_underscores_and_in_the_singular() -> None:
    assert words("Book_Loans, entries; classes 2x of gas") == ["book", "loan", "entry", "classe", "2x", "of", "gas"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It breaks two consumers", "risk"),
        ("inserts", "writes"),
        ("No space on disk", "space"),
        ("wait for the freeze", "timing"),
        ("The report is retired", "obsolete"),
        ("Already solved", "done"),
        ("rarely worth it", "small"),
        ("I do not believe these figures", "doubt"),
        ("Another team is the owner", "ownership"),
        ("I say no", "unclear"),
    ],
)
def test_a_reason_is_the_class_with_most_words_in_the_text(text: str, expected: Reason) -> None:
    assert reason(text) == expected
