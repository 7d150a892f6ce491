"""Shapes of generated statements.

A statement is generated as its terminals: words, operators, constants that make the shape, and holes for data.
Two statements have one shape if, and only if, their terminals are the same. Writing one out is what varies: the
data in the holes, the case of words, spaces and comments.
"""

import json
from dataclasses import dataclass
from typing import Any

import duckdb
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.fingerprint import fill, shape

CANARY = "hunter2"
NUMBER = "31337"


@dataclass(frozen=True)
class Word:
    """A keyword, or a name without quotes."""

    text: str


@dataclass(frozen=True)
class Exact:
    """An operator, a bracket, or a constant that makes the shape."""

    text: str


@dataclass(frozen=True)
class Hole:
    """A place for data."""

    kind: str  # of `data`


Terminal = Word | Exact | Hole
Statement = tuple[Terminal, ...]


def parse(text: str) -> Statement:
    """Terminals from a text in which <kind> is a hole, a part that begins with a letter a word, and all else exact."""
    found: list[Terminal] = []
    for part in text.split():
        if part[0] == "<" and part[-1] == ">" and len(part) > 2:
            found.append(Hole(part[1:-1].replace("_", " ")))
        else:
            found.append(Word(part) if part[0].isalpha() else Exact(part))
    return tuple(found)


def one_of(*texts: str) -> st.SearchStrategy[Statement]:
    return st.sampled_from([parse(text) for text in texts])


def joined(*parts: Statement | st.SearchStrategy[Statement]) -> st.SearchStrategy[Statement]:
    strategies = [st.just(part) if isinstance(part, tuple) else part for part in parts]
    return st.tuples(*strategies).map(lambda found: tuple(terminal for part in found for terminal in part))


def listed(items: st.SearchStrategy[Statement], most: int = 3, by: str = ",") -> st.SearchStrategy[Statement]:
    return st.lists(items, min_size=1, max_size=most).map(
        lambda found: tuple(terminal for item in found for terminal in (*parse(by), *item))[len(parse(by)) :]
    )


NAMES = one_of("a", "b", "c", "d", "day", '"Quoted"', "x . a")
SCALARS = one_of(
    "<value>",
    "<date>",
    "lower ( a )",
    "date_trunc ( 'month' , day )",
    "date_trunc ( 'year' , day )",
    "strftime ( day , '%Y-%m' )",
    "strftime ( day , '%y-%M' )",
    "j ->> '$.a'",
    "j ->> '$.b'",
    "j -> 0",
    "a :: DECIMAL ( 10 , 2 )",
    "CAST ( b AS VARCHAR )",
    "round ( a , <value> )",
    "coalesce ( a , NULL )",
    "{ 'k': <value> }",
    "[ <list> ]",
    "s [ <value> ]",
    "CASE WHEN a > <value> THEN <value> ELSE NULL END",
    "list_filter ( l , lambda e : e > <value> )",
    "extract ( year FROM day )",
    "extract ( month FROM day )",
)
OPERANDS = NAMES | SCALARS
TERMS = OPERANDS | joined(NAMES, one_of("+ <value>", "- <value>", "* <value>", "|| <value>", "- <days>", "+ <days>"))
CONDITIONS = joined(TERMS, one_of("=", "<", "<=", "<>", "LIKE", "IS DISTINCT FROM"), TERMS) | joined(
    NAMES,
    one_of(
        "IN ( <list> )",
        "NOT IN ( <list> )",
        "BETWEEN <value> AND <value>",
        "IS NULL",
        "IN ( SELECT a FROM u WHERE b = <value> )",
        "= TRUE",
    ),
)
ITEMS = (
    TERMS
    | joined(one_of("sum (", "count ( DISTINCT"), NAMES, parse(")"))
    | one_of(
        "count ( * )",
        "*",
        "row_number ( ) OVER ( PARTITION BY a ORDER BY b DESC )",
        "sum ( a ) OVER ( ORDER BY b ROWS <count> PRECEDING )",
    )
)
TABLES = one_of(
    "t",
    "u AS x",
    "t JOIN u USING ( a )",
    "t LEFT JOIN u ON t . a = u . a AND u . b = <value>",
    "t , u",
    "( SELECT a , b FROM t WHERE c > <value> ) AS x",
    "( VALUES <rows_of_2> ) AS x ( a , b )",
    "range ( <value> ) AS x ( a )",
    "<file>",
    "read_csv ( <file> , delim = <value> )",
)
MAYBE_WHERE = st.just(()) | joined(parse("WHERE"), listed(CONDITIONS, by="AND"))
MAYBE_GROUP = st.just(()) | joined(parse("GROUP BY"), listed(NAMES | one_of("1", "2", "3")))
MAYBE_ORDER = st.just(()) | joined(parse("ORDER BY"), listed(NAMES | one_of("1", "2", "1 DESC", "a + <value>")))
MAYBE_LIMIT = one_of("", "LIMIT <value>", "LIMIT <value> OFFSET <value>")
QUERIES = joined(
    one_of("", "WITH w AS ( SELECT <value> AS a )"),
    one_of("SELECT", "SELECT DISTINCT"),
    listed(ITEMS),
    parse("FROM"),
    TABLES,
    MAYBE_WHERE,
    MAYBE_GROUP,
    MAYBE_ORDER,
    MAYBE_LIMIT,
)
WRITES = (
    one_of("INSERT INTO t VALUES <rows_of_2>", "INSERT INTO t ( a , b ) VALUES <rows_of_2> RETURNING a + <value>")
    | joined(
        one_of("UPDATE t SET a = <value> , b = <value>", "UPDATE t SET a = b + <value>", "DELETE FROM t"), MAYBE_WHERE
    )
    | joined(parse("INSERT INTO t"), QUERIES)
    | joined(parse("COPY ("), QUERIES, parse(") TO <file> ( FORMAT csv , DELIMITER <string> )"))
    | joined(parse("CREATE TABLE n AS"), QUERIES)
)
STATEMENTS = QUERIES | QUERIES | WRITES

STRINGS = st.sampled_from(
    [f"'{CANARY}'", f"'it''s {CANARY}'", f"E'\\'{CANARY}'", f"$${CANARY}$$", f"$q${CANARY} $$ $q$"]
)
NUMBERS = st.sampled_from([NUMBER, f"-{NUMBER}", f"{NUMBER}.5", f".{NUMBER}", f"{NUMBER}e3", "31_337", f"- {NUMBER}"])
DATES = st.sampled_from([f"DATE '{CANARY}'", f"date'{CANARY}'", f"CAST('{CANARY}' AS DATE)"])
CONSTANTS = STRINGS | NUMBERS | st.sampled_from(["NULL", "TRUE", f"DATE '{CANARY}'"])
SPACES = st.sampled_from([" ", "  ", "\n", "\t", " /* it's */ ", " -- c'\n", " /* a /* b */ */ "])
TIGHT = frozenset("(),[]{}")


@st.composite
def written(draw: st.DrawFn, statement: Statement) -> str:
    """The statement with data of its own, in spelling and spacing of its own."""
    parts = []
    for terminal in statement:
        if isinstance(terminal, Word):
            parts.append(draw(st.sampled_from([terminal.text, terminal.text.upper(), terminal.text.lower()])))
        elif isinstance(terminal, Exact):
            parts.append(terminal.text)
        else:
            parts.append(draw(data(terminal.kind)))
        parts.append("" if parts[-1] in TIGHT and draw(st.booleans()) else draw(SPACES))
    return "".join(parts).strip()


def data(kind: str) -> st.SearchStrategy[str]:
    match kind:
        case "value":
            return STRINGS | NUMBERS
        case "string":
            return st.just(f"'{CANARY}'")
        case "count":
            return st.just(NUMBER)
        case "list":
            return st.lists(CONSTANTS, min_size=1, max_size=4).map(", ".join)
        case "rows of 2":
            row = st.tuples(CONSTANTS, CONSTANTS).map(lambda pair: f"({pair[0]}, {pair[1]})")
            return st.lists(row, min_size=1, max_size=3).map(",".join)
        case "date":
            return DATES
        case "days":
            return st.sampled_from(
                [f"INTERVAL '{NUMBER} days'", f"INTERVAL {NUMBER} DAY", f"interval (-{NUMBER}) days"]
            )
        case "file":
            return st.just(f"'s3://{CANARY}/x.csv'")
    raise AssertionError(kind)


def two(statement: Statement) -> st.SearchStrategy[tuple[Statement, str, str]]:
    return st.tuples(st.just(statement), written(statement), written(statement))


def tree(sql: str) -> Any:
    """DuckDB's syntax tree without positions; None for what it does not serialise, all but queries."""
    row = duckdb.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    assert row is not None
    found = json.loads(row[0])
    return None if found["error"] else without_positions(found["statements"])


def without_positions(node: Any) -> Any:
    if isinstance(node, list):
        return [without_positions(item) for item in node]
    if isinstance(node, dict):
        return {key: without_positions(value) for key, value in node.items() if not key.startswith("query_location")}
    return node


CONSTANT = "constant"


def skeleton(node: Any) -> Any:
    """A tree with all constants alike, with a type or without, and a list of them a constant; in small letters."""
    if isinstance(node, list):
        items = [skeleton(item) for item in node]
        return CONSTANT if items and all(item == CONSTANT for item in items) else items
    if not isinstance(node, dict):
        return node.lower() if isinstance(node, str) else node
    kind = node.get("type")
    if kind == "VALUE_CONSTANT":
        return CONSTANT
    if kind in ("COMPARE_IN", "COMPARE_NOT_IN"):
        return [kind, skeleton(node["children"][0]), skeleton(node["children"][1:])]
    found = {key: skeleton(value) for key, value in node.items()}
    if CONSTANT in (found.get("child"), found.get("expression")):
        return CONSTANT  # a cast, an argument
    if kind == "FUNCTION" and found["arguments"] == CONSTANT and found["function_name"] in ("-", "to_days", "trunc"):
        return CONSTANT
    return found


@given(STATEMENTS.flatmap(two))
@settings(max_examples=100)
def test_data_case_space_and_comments_are_no_shape(drawn: tuple[Statement, str, str]) -> None:
    _, one, other = drawn
    assert shape(one).id == shape(other).id


@given(STATEMENTS.flatmap(two))
@settings(max_examples=100)
def test_two_writings_of_a_statement_are_one_to_duckdb_but_for_constants(drawn: tuple[Statement, str, str]) -> None:
    _, one, other = drawn
    assert skeleton(tree(one)) == skeleton(tree(other))


@given(STATEMENTS.flatmap(two))
@settings(max_examples=100)
def test_no_data_is_in_a_text_and_all_of_it_is_in_the_literals(drawn: tuple[Statement, str, str]) -> None:
    _, sql, _ = drawn
    found = shape(sql)
    assert CANARY not in found.text
    assert NUMBER not in found.text.replace("_", "")
    assert found.literals is not None
    kept = "".join(found.literals) + "".join(path for _, path in found.files)
    assert kept.count(CANARY) == sql.count(CANARY) - sum(sql.count(f"'{path}'") - 1 for _, path in found.files)


@given(STATEMENTS.flatmap(two))
@settings(max_examples=100)
def test_a_shape_is_its_own_shape_and_can_be_filled(drawn: tuple[Statement, str, str]) -> None:
    _, sql, _ = drawn
    found = shape(sql)
    again = shape(found.text, salt=b"another")
    assert (again.id, again.text) == (found.id, found.text)
    assert found.literals is not None
    filled = fill(found.text, found.literals, dict(found.files))
    assert shape(filled) == found
    assert tree(filled) == tree(sql)
    duckdb.extract_statements(found.text)


@given(STATEMENTS, STATEMENTS, st.data())
@settings(max_examples=100)
def test_two_statements_have_one_id_if_they_are_one(one: Statement, other: Statement, draw: st.DataObject) -> None:
    assert (shape(draw.draw(written(one))).id == shape(draw.draw(written(other))).id) == (one == other)


@given(STATEMENTS, st.data())
@settings(max_examples=100)
def test_one_other_word_is_another_shape(statement: Statement, draw: st.DataObject) -> None:
    place = draw.draw(st.integers(0, len(statement) - 1))
    terminal = statement[place]
    assume(not isinstance(terminal, Hole))
    changed = list(statement)
    if isinstance(terminal, Word):
        changed[place] = Word(terminal.text + "z")
    else:
        assume(terminal.text[0] not in "(),[]{}*|")  # which would be no statement
        changed[place] = Exact({"=": "<>", "<": ">"}.get(terminal.text, terminal.text.translate(OTHER)))
        assume(changed[place] != terminal)
    assert shape(draw.draw(written(statement))).id != shape(draw.draw(written(tuple(changed)))).id


OTHER = str.maketrans("0123%+-abkmy", "9879@-+ijpqv")


@given(st.text(max_size=60) | st.text(alphabet="ab1.,;'\"$`/*-+|&?:=<()[]{}\\é\xa0\n\0\1\2 eE_x", max_size=60))
@settings(max_examples=250)
def test_any_text_has_a_shape(text: str) -> None:
    found = shape(text, ())
    assert shape(found.text).id == found.id


FRAGMENTS = (
    "SELECT FROM WHERE VALUES IN ( ) [ ] { } , ; . :: : = - + * % $ ? $1 '$2' 'a' 1 1.5 \"q\" x NULL TRUE INTERVAL DAY "
    "DATE AS BY GROUP ORDER ON DISTINCT CREATE SECRET TABLE MACRO TYPE ENUM SET PRAGMA TO COPY PIVOT LIMIT PERCENT "
    "EXTRACT trim json_extract time_bucket read_csv TIME ZONE WITH PRECISION DOUBLE -> ->> := # /* */ -- E'x' $$ $t$ "
    "date_trunc 'month' '5 days' NEAREST SAMPLE USING MAP CAST decimal list_transform '@file:0123456789ab.csv' KEY"
).split()


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=30).map(" ".join))
@settings(max_examples=250)
def test_any_heap_of_tokens_has_a_shape_that_is_its_own(text: str) -> None:
    found = shape(text)
    again = shape(found.text)
    assert (again.text, again.id) == (found.text, found.id)
