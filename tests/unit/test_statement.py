"""Statements as trees, and DuckDB's own word on whether they were read right."""

import pytest

from inference.advisor.statement import faithful, parse, render
from schemas.errors import Unreadable


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("EXPLAIN SELECT $1", "no query"),
        ("CHECKPOINT", "no query"),
        ("COPY (SELECT a FROM t) TO '@file:x.csv'", "no query"),
        ("CREATE TABLE x AS SELECT a FROM t", "no query"),
        ("SELECT a FROM", "syntax"),
        ("SELECT a FROM t; SELECT b FROM t", "2 statements"),
    ],
)
def test_what_is_no_query_is_said_not_guessed(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        parse(text)


def test_placeholders_without_spaces_between_them_are_no_dollar_quoted_string() -> None:
    assert render(parse("SELECT a FROM t WHERE b IN ($1,$2) AND c[$3][$4] = $5")) == (
        "SELECT a FROM t WHERE b IN ($1, $2) AND c[$3][$4] = $5"
    )


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t WHERE d IS NOT NULL AND NOT b IN ($1)",
        "SELECT doc ->> '$.a' FROM t WHERE doc ->> '$.b' = $1",
        "SELECT a::VARCHAR, b::INT, datediff('day', c, d) FROM t",
        "WITH x AS (SELECT a FROM t) SELECT count(*) FILTER (WHERE a > $1) FROM x GROUP BY ALL ORDER BY ALL LIMIT $2",
        "SELECT extract(year FROM d), INTERVAL '$1' DAY + d FROM t",
        'SELECT "Weird ""name""" FROM "s"."t" AS "T"',
    ],
)
def test_what_duckdb_reads_the_same_is_faithful(text: str) -> None:
    assert faithful(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t ORDER BY b DESC NULLS LAST",  # sqlglot leaves it out, and a setting may say otherwise
        "SELECT bool_and(a) FROM t",  # it adds a cast
        "SELECT a FROM t, unnest(t.l) AS u(x)",  # it makes a join of it
        "SELECT at FROM t",  # DuckDB reserves the word
    ],
)
def test_what_sqlglot_would_write_otherwise_is_not_rewritten(text: str) -> None:
    assert not faithful(text)
