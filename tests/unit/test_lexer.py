from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.lexer import END, TOKEN, tokens

GOLDEN = Path(__file__).parents[1].joinpath("golden", "statements.sql").read_text()
STATEMENTS = [line.rstrip(";") for line in GOLDEN.splitlines() if line and not line.startswith("--")]


def texts(sql: str) -> list[str]:
    return [word or operator or literal for word, operator, literal, _ in tokens(sql)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a.b, 'it''s'", ["SELECT", "a", ".", "b", ",", "'it''s'"]),
        (r"E'a\'b' e'c''d' 'a\' x'AB' B'01' n'c'", [r"E'a\'b'", "e'c''d'", r"'a\'", "x'AB'", "B'01'", "n'c'"]),
        ("$$a'b$$ $t$a $$ b$t$ $1 $name ? ?2", ["$$a'b$$", "$t$a $$ b$t$", "$1", "$name", "?", "?2"]),
        ('"a""b" `c d` é_ü a$1', ['"a""b"', "`c d`", "é_ü", "a$1"]),
        ("1 1_000 1.5 .5 5. 1e10 1.5E-3 0xFF", ["1", "1_000", "1.5", ".5", "5.", "1e10", "1.5E-3", "0xFF"]),
        ("a->>'b'->c::d:=e=>f", ["a", "->>", "'b'", "->", "c", "::", "d", ":=", "e", "=>", "f"]),
        ("a<->b<=>c||d!~~*e^@f//g**h", [*"a <-> b <=> c || d !~~* e ^@ f // g ** h".split()]),
        ("{'a':[1:2]}#1;", ["{", "'a'", ":", "[", "1", ":", "2", "]", "}", "#", "1", ";"]),
        ("date'2020-01-01'", ["date", "'2020-01-01'"]),
        ("123abc 1..2", ["123", "abc", "1", ".", ".2"]),
    ],
)
def test_the_tokens_of_a_text(sql: str, expected: list[str]) -> None:
    assert texts(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("a=-5", ["a", "=", "-", "5"]),
        ("a>=-5", ["a", ">=", "-", "5"]),
        ("a*-5", ["a", "*", "-", "5"]),
        ("1-+-1", ["1", "-", "+", "-", "1"]),
        ("a!=-5", ["a", "!=-", "5"]),
        ("a||-5", ["a", "||-", "5"]),
        ("@-5", ["@-", "5"]),
    ],
)
def test_a_sign_belongs_to_an_operator_where_duckdb_says_so(sql: str, expected: list[str]) -> None:
    assert texts(sql) == expected


@pytest.mark.parametrize(
    "comment",
    ["-- b\n", "-- b\r", "/* b */", "/**/", "/***/", "/* a /* b */ c */", "/*/* b */*/", "/* 'b */", "\xa0", "\u3000"],
)
def test_comments_and_spaces_are_no_tokens(comment: str) -> None:
    assert texts(f"SELECT{comment}1") == ["SELECT", "1"]


def test_comments_nest_eight_deep() -> None:
    assert texts("a " + "/*" * 8 + "*/" * 8 + " b") == ["a", "b"]


@pytest.mark.parametrize("sql", ["'b", "'b''c", "E'b\\", "E'b''c", '"b', '"b""c', "$$b", "$t$b$$", "$t$b c"])
def test_what_does_not_end_is_one_literal_up_to_the_end(sql: str) -> None:
    assert tokens("a " + sql)[1][2] == sql


def test_an_open_comment_hides_the_rest() -> None:
    assert texts("a /* b /* c */ d") == ["a"]


def test_quotes_in_comments_and_comments_in_quotes_mean_nothing() -> None:
    assert texts("a -- '\n '--' \"/*\" /* \" */ b") == ["a", "'--'", '"/*"', "b"]


@given(st.text(alphabet=st.sampled_from("ab1.'\"$`/*-+|&?:;()[]{}\\é\xa0\n eE_xX\0"), max_size=30))
def test_tokens_hold_every_character_but_spaces_and_comments(sql: str) -> None:
    found = tokens(sql)
    position = 0
    for token in found:
        text = "".join(token[:3])
        assert text
        assert token != END
        position = sql.index(text, position) + len(text)
    if "--" not in sql and "/*" not in sql:
        spaces = dict.fromkeys(map(ord, " \n\xa0"))
        assert "".join("".join(t[:3]) for t in found).translate(spaces) == sql.translate(spaces)


@pytest.mark.parametrize("length", [1_000, 16_000])
@pytest.mark.parametrize("text", ["/*", "'", "+", "-+", "*+", "$a$", '"', "e'", "`", "/*/", "\\", " ", "1_", "$"])
def test_no_text_takes_more_than_linear_time(text: str, length: int) -> None:
    # The suite's time limit is what fails here: quadratic readings of these took minutes.
    assert len(tokens(text * length)) <= len(text) * length


def test_tokens_begin_where_duckdbs_begin() -> None:
    # Where there are no parameters: of those DuckDB reads the name as a token of its own.
    for sql in STATEMENTS:
        ours = [match.end() - len(match[match.lastgroup]) for match in TOKEN.finditer(sql) if match.lastgroup]
        theirs = [start for start, kind in duckdb.tokenize(sql) if kind != duckdb.token_type.comment]
        assert ours == theirs, sql
