from datetime import date

import pytest
import sqlglot

from schemas.errors import NotMeasurable
from schemas.fingerprint import Shape, fill, shape


def same(*statements: str) -> bool:
    return len({shape(sql).id for sql in statements}) == 1


def test_the_id_names_the_algorithm() -> None:
    assert shape("SELECT a FROM t WHERE b = 5").id == "1-ed03c65fad9d06958674bd8da4a09f50"


@pytest.mark.parametrize(
    "statements",
    [
        (
            "SELECT a FROM t WHERE b = 5",
            "select  a\nfrom t where b=7 -- c",
            "/* x */ SELECT a FROM t WHERE b = -5.5e3;",
        ),
        ("SELECT a FROM t WHERE b = 5", "SELECT A FROM T WHERE B = 'five'", "SELECT a FROM t WHERE b = $$five$$"),
        ("SELECT a FROM t WHERE b = 5", "SELECT a FROM t WHERE b = ?", "SELECT a FROM t WHERE b = $name"),
        ("SELECT a FROM t WHERE b IN (1)", "SELECT a FROM t WHERE b IN (1, -2, 'x', NULL, DATE '2024-01-01', ?)"),
        ("SELECT [1]", "SELECT [1, 2, 3]"),
        ("SELECT (a, b) IN ((1, 2))", "SELECT (a, b) IN ((3, 4), (5, NULL))"),
        ("INSERT INTO t VALUES (1, 'a')", "INSERT INTO t VALUES (1, NULL), (2, 'b'), (-3, TRUE)"),
        ("INSERT INTO t VALUES (1, now())", "INSERT INTO t VALUES (1, now()), (2, now())"),
        ("SELECT d >= DATE '2024-01-01'", "SELECT d >= date'2023-01-01'", "SELECT d >= CAST('2024-01-01' AS DATE)"),
        ("SELECT INTERVAL '7 days'", "SELECT INTERVAL 1 DAY", "SELECT INTERVAL (-3) DAYS", "SELECT INTERVAL '1' day"),
        ("SELECT a FROM t LIMIT 10 PERCENT", "SELECT a FROM t LIMIT 20%"),
        ("SELECT 'a'\n'b'", "SELECT 'ab'"),
        ("SET s3_secret_access_key = 'x'", "set s3_secret_access_key to y"),
        ("SELECT date_trunc('month', d)", "SELECT date_trunc('MONTH', d)"),
    ],
)
def test_statements_of_one_shape_have_one_id(statements: tuple[str, ...]) -> None:
    assert same(*statements)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t", "SELECT b FROM t"),
        ("SELECT a FROM t", "SELECT a FROM u"),
        ("SELECT a - 5", "SELECT a + 5"),
        ("SELECT a - 5", "SELECT a, -5"),
        ("SELECT a < 5", "SELECT a <= 5"),
        ("SELECT a FROM t ORDER BY 1", "SELECT a FROM t ORDER BY 2"),
        ("SELECT a FROM t GROUP BY 1, 2", "SELECT a FROM t GROUP BY 1"),
        ("SELECT a FROM t GROUP BY ROLLUP (1)", "SELECT a FROM t GROUP BY ROLLUP (2)"),
        ("SELECT DISTINCT ON (1) a, b FROM t", "SELECT DISTINCT ON (2) a, b FROM t"),
        ("SELECT date_trunc('month', d)", "SELECT date_trunc('year', d)"),
        ("SELECT extract(year FROM d)", "SELECT extract(month FROM d)"),
        ("SELECT strftime(d, '%Y-%m')", "SELECT strftime(d, '%y-%M')"),
        ("SELECT INTERVAL '7 days'", "SELECT INTERVAL '7 weeks'"),
        ("SELECT time_bucket(INTERVAL '5 minutes', d)", "SELECT time_bucket(INTERVAL '9 minutes', d)"),
        ("SELECT j -> '$.a'", "SELECT j -> '$.A'"),
        ("SELECT json_extract(j, '$.a')", "SELECT json_extract(j, '$.b')"),
        ("SELECT j -> 0", "SELECT j -> 1"),
        ("SELECT {'a': 1}", "SELECT {'b': 1}"),
        ("SELECT a::DECIMAL(10, 2)", "SELECT a::DECIMAL(12, 2)"),
        ("SELECT a IS NULL", "SELECT a IS NOT NULL"),
        ("SELECT coalesce(a, NULL)", "SELECT coalesce(a, 5)"),
        ("SELECT a = TRUE", "SELECT a = FALSE"),
        ("SELECT a IN (1)", "SELECT a = 1"),
        ("SELECT a IN (1, b)", "SELECT a IN (1, 2)"),
        ("INSERT INTO t VALUES (1, 2)", "INSERT INTO t VALUES (1, 2, 3)"),
        ("SELECT f(1, 2)", "SELECT f(1)"),
        ("SELECT nextval('a')", "SELECT nextval('b')"),
        ("SELECT #1 FROM t", "SELECT #2 FROM t"),
        ("SELECT a FROM 'x.csv'", "SELECT a FROM 'y.csv'"),
        ("SELECT 1; SELECT a", "SELECT a; SELECT 1"),
        ("SELECT a IN (SELECT 1, 2)", "SELECT a IN (SELECT 1)"),
    ],
)
def test_statements_of_different_shapes_have_different_ids(one: str, other: str) -> None:
    assert shape(one).id != shape(other).id


@pytest.mark.parametrize(
    ("sql", "text", "literals"),
    [
        (
            "select sum(x) as s from t where a=-5 and b in ('p','q')  -- c",
            "SELECT sum(x) AS s FROM t WHERE a = $1 AND b IN ($2)",
            ("-5", "'p', 'q'"),
        ),
        ("INSERT INTO t VALUES (1,'a'),(2,'b')", "INSERT INTO t VALUES ($1, $2)", ("1", "'a'), (2, 'b'")),
        (
            "SELECT DATE '2024-01-01' - INTERVAL 7 DAYS",
            "SELECT CAST($1 AS DATE) - INTERVAL '$2' DAY",
            ("'2024-01-01'", "7"),
        ),
        ("SELECT TIMESTAMP WITH TIME ZONE 'x'", "SELECT CAST($1 AS TIMESTAMP WITH TIME ZONE)", ("'x'",)),
        ("SELECT INTERVAL '1 year 2 days'", "SELECT CAST($1 AS INTERVAL)", ("'1 year 2 days'",)),
        (
            "SELECT x[1:-1], -(-5), - -5, 5-5",
            "SELECT x[$1: $2], - ($3), $4, $5 - $6",
            ("1", "-1", "-5", "- -5", "5", "5"),
        ),
        ("SELECT t.end, 1 AS order FROM t", "SELECT t.end, $1 AS order FROM t", ("1",)),
        ("SELECT list_transform(l, x -> 'a'), j -> 'a'", "SELECT list_transform(l, x -> $1), j -> 'a'", ("'a'",)),
        ("CREATE TYPE m AS ENUM ('a', 'b')", "CREATE TYPE m AS ENUM('$1')", ("'a', 'b'",)),
        ("PIVOT t ON y IN (1, 2) USING sum(z)", "PIVOT t ON y IN ('$1') USING sum(z)", ("1, 2",)),
        ("COMMENT ON TABLE t IS 'x'", "COMMENT ON TABLE t IS '$1'", ("'x'",)),
        ("SELECT (SELECT 1)[1][2]", "SELECT (SELECT $1) [$2] [$3]", ("1", "1", "2")),
        ("SELECT 'a'.upper().replace('A', 'b')", "SELECT $1 .upper() .replace($2, $3)", ("'a'", "'A'", "'b'")),
    ],
)
def test_the_text_and_the_literals_of_a_statement(sql: str, text: str, literals: tuple[str, ...]) -> None:
    found = shape(sql)
    assert (found.text, found.literals) == (text, literals)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1", "select"),
        ("(SELECT 1) UNION SELECT 2", "select"),
        ("FROM t", "select"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "select"),
        ("WITH a AS (SELECT 1) DELETE FROM t USING a", "delete"),
        ("insert into t values (1)", "insert"),
        ("MERGE INTO t USING s ON a = b WHEN MATCHED THEN DELETE", "update"),
        ("TRUNCATE t", "delete"),
        ("copy t to 'x'", "copy"),
        ("CREATE TABLE t AS SELECT 1", "ddl"),
        ("EXPLAIN SELECT 1", "other"),
        ("PREPARE p AS SELECT 1", "other"),
        ("SET threads = 1", "other"),
        ("", "other"),
        ("not SQL at all", "other"),
    ],
)
def test_the_kind_of_a_statement(sql: str, kind: str) -> None:
    assert shape(sql).kind == kind


def test_parameters_are_literals_in_the_order_of_their_placeholders() -> None:
    day = date(2024, 1, 1)
    assert shape("SELECT ? + -?", [1, -2]).literals == ("1", "-(-2)")
    assert shape("SELECT $2, $1, $2", (1, "a")).literals == ("'a'", "1", "'a'")
    assert shape("SELECT $b, $a", {"a": 1, "b": day}).literals == ("DATE '2024-01-01'", "1")
    assert shape("SELECT a IN (?, ?)", [1, 2]).literals == ("1, 2",)
    assert shape("INSERT INTO t VALUES (?, ?), (?, ?)", [1, 2, 3, 4]).literals == ("1", "2), (3, 4")
    assert shape("SELECT INTERVAL (?) DAY", [7]) == shape("SELECT INTERVAL (7) DAY")


@pytest.mark.parametrize("parameters", [None, [], [object()], {"a": 1}, object(), "x"])
def test_without_a_parameters_value_there_are_no_literals(parameters: object) -> None:
    assert shape("SELECT a = ? AND b = 5", parameters).literals is None


@pytest.mark.parametrize("value", [5, None, date(2024, 1, 1), [1], "x", object()])
def test_the_id_does_not_depend_on_the_parameters(value: object) -> None:
    assert shape("SELECT a = ?", [value]).id == shape("SELECT a = ?").id


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE SECRET s (TYPE s3, KEY_ID 'hunter2', SECRET hunter2, SCOPE 's3://hunter2')",
        "create or replace secret (type http, extra_http_headers map {'a': 'hunter2', 'b': hunter2})",
        "EXPLAIN CREATE SECRET s (SECRET hunter2",
        "SET s3_secret_access_key = hunter2",
        "SET GLOBAL s3_session_token TO 'hunter2' || hunter2",
        "PRAGMA s3_secret = hunter2",
        "PRAGMA add_parquet_key('k', 'hunter2')",
        "ATTACH 'postgres://me:hunter2@host/db' AS p (TYPE postgres)",
        "ATTACH 'host=h password=hunter2' AS p (TYPE postgres)",
        "ATTACH 'x.db' AS x (ENCRYPTION_KEY hunter2)",
        "FROM 'https://host/x.parquet?signature=hunter2'",
        'FROM "s3://hunter2:hunter2@b/x.parquet"',
        "FROM read_parquet(['s3://b/hunter2.parquet'])",
        "COPY t TO 'x.parquet' (ENCRYPTION_CONFIG {footer_key: 'hunter2'}, PASSWORD hunter2)",
        "SELECT postgres_query('p', 'hunter2')",
        "SELECT 'hunter2",
        'SELECT "hunter2',
        "SELECT $a$hunter2",
        "SELECT 1 /* hunter2",
        "SELECT E'\\'hunter2'",
    ],
)
def test_a_secret_is_in_no_text(sql: str) -> None:
    assert "hunter2" not in shape(sql).text


@pytest.mark.parametrize(
    ("sql", "text", "path"),
    [
        ("FROM 'data/x.parquet'", "FROM '@file:755349f5804a.parquet'", "data/x.parquet"),
        ("FROM 's3://b/x.csv.gz?k=1'", "FROM '@url:19b0aa18dc27.csv.gz'", "s3://b/x.csv.gz?k=1"),
        ('FROM "it\'s/x"', 'FROM "it\'s/x"', None),
        ('FROM "./it""s/x"', 'FROM "@file:f19822dfa1dc"', './it"s/x'),
        ("FROM 'it''s'", "FROM '@file:c1ef716ccab1'", "it's"),
        ("ATTACH ':memory:' AS m", "ATTACH ':memory:' AS m", None),
    ],
)
def test_a_path_is_a_salted_id(sql: str, text: str, path: str | None) -> None:
    found = shape(sql, salt=b"salt")
    assert found.text == text
    assert [original for _, original in found.files] == ([] if path is None else [path])
    assert fill(found.text, (), dict(found.files)) == sql
    assert shape(found.text, salt=b"other") == Shape(found.id, found.text, (), found.kind)
    assert path is None or shape(sql, salt=b"other").id != found.id


def test_a_string_after_from_is_no_path_where_from_names_no_table() -> None:
    assert shape("SELECT trim('x' FROM 'y'), a IS DISTINCT FROM 'z'").files == ()


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$2 = $1 AND $2 > 0", "'b' = 5 AND 'b' > 0"),
        ("a -$3 AND a-$3", "a - -7 AND a- -7"),
        ("INTERVAL '$4' DAY + INTERVAL ($1) DAY", "INTERVAL '7 days' + INTERVAL (5) DAY"),
        ("INTERVAL '$1' DAY", "INTERVAL 5 DAY"),
        ("'$5' || '$1.00' || \"$1\" /* $1 */", "1, 2 || '$1.00' || \"$1\" /* $1 */"),
    ],
)
def test_a_rewritten_text_can_be_filled(text: str, filled: str) -> None:
    assert fill(text, ("5", "'b'", "-7", "'7 days'", "1, 2")) == filled


@pytest.mark.parametrize("text", ["SELECT $2", "SELECT $0", "SELECT '$7'"])
def test_a_placeholder_without_a_literal_cannot_be_filled(text: str) -> None:
    with pytest.raises(NotMeasurable, match="has no literal"):
        fill(text, ("1",))


def test_a_text_that_sqlglot_has_written_anew_can_be_filled() -> None:
    found = shape("SELECT a FROM t WHERE d > DATE '2024-01-01' - INTERVAL '7 days' AND b IN (1, 2) LIMIT 5")
    assert found.literals is not None
    rewritten = sqlglot.parse_one(found.text, read="duckdb").sql(dialect="duckdb")
    assert fill(rewritten, found.literals) == (
        "SELECT a FROM t WHERE d > CAST('2024-01-01' AS DATE) - INTERVAL '7 days' AND b IN (1, 2) LIMIT 5"
    )
