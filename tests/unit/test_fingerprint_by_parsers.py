"""DuckDB's own parser, and sqlglot's, as second opinions on shapes."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot.errors import SqlglotError

from schemas.fingerprint import Shape, fill, shape
from schemas.lexer import tokens

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT.joinpath("tests", "golden", "statements.sql").read_text()
STATEMENTS = [line.rstrip(";") for line in GOLDEN.splitlines() if line and not line.startswith("--")]
KINDS = {"ALTER": "ddl", "COPY": "copy", "CREATE": "ddl", "DELETE": "delete", "INSERT": "insert", "SELECT": "select"}
KINDS |= {"MERGE_INTO": "update", "UPDATE": "update"}


def demo(name: str) -> list[str]:
    """Statements of the demo's workload, with a literal for each of its parameters."""
    text = ROOT.joinpath("streams", "demo", name).read_text()
    values = {"day": "DATE '1995-03-05'", "from": "DATE '1995-03-05'", "until": "DATE '1996-03-05'"}
    return [
        re.sub(r"\$(\w+)", lambda match: values.get(match[1], "'x'"), sql) for sql in text.split(";") if sql.strip()
    ]


TPCH = demo("tpch.sql")
ALL = STATEMENTS + TPCH + demo("dashboard.sql")


@cache
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def tree(sql: str) -> Any:
    """DuckDB's syntax tree without positions; None for what it does not serialise, all but queries."""
    row = connection().execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    assert row is not None
    found = json.loads(row[0])
    return None if found["error"] else without(found["statements"], "query_location", "query_location_length")


def without(node: Any, *names: str) -> Any:
    if isinstance(node, list):
        return [without(item, *names) for item in node]
    if isinstance(node, dict):
        return {key: without(value, *names) for key, value in node.items() if key not in names}
    return node


def types(sql: str) -> list[str]:
    return [statement.type.name for statement in connection().extract_statements(sql)]


def filled(found: Shape) -> str:
    assert found.literals is not None
    return fill(found.text, found.literals, dict(found.files))


def readable(sql: str) -> bool:
    try:
        sqlglot.parse(sql, read="duckdb")
    except SqlglotError:
        return False
    return True


@pytest.mark.parametrize("sql", ALL)
def test_a_shape_is_its_own_shape(sql: str) -> None:
    found = shape(sql)
    again = shape(found.text, salt=b"another")
    assert (again.id, again.text, again.kind) == (found.id, found.text, found.kind)


@pytest.mark.parametrize("sql", ALL)
def test_duckdb_reads_the_text_as_the_same_kind_of_statement(sql: str) -> None:
    found = shape(sql)
    assert types(found.text) == types(sql)
    assert found.kind == KINDS.get(types(sql)[0], found.kind)


def test_sqlglot_reads_each_text_whose_statement_it_reads() -> None:
    assert [sql for sql in ALL if readable(sql) and not readable(shape(sql).text)] == []


@pytest.mark.parametrize("sql", ALL)
def test_a_filled_text_is_the_statement_to_duckdb(sql: str) -> None:
    found = shape(sql)
    if (original := tree(sql)) is not None:
        assert tree(filled(found)) == original
    else:
        assert shape(filled(found)) == found


def test_all_statements_have_different_ids() -> None:
    assert len({shape(sql).id for sql in ALL}) == len(ALL)


def other(literal: str) -> str:
    """The SQL of a literal with other digits or letters, and a list of another length."""
    texts = []
    for word, operator, string, _ in tokens(literal):
        changed = re.sub(r"\d", lambda match: str((int(match[0]) + 3) % 10), string)
        if changed == string and string[:1] == "'":
            changed = re.sub(r"\w", "z", string)
        texts.append(word or operator or changed)
    text = " ".join(texts)
    return f"{text}, {text}" if re.fullmatch(r"('\w*', )+'\w*'|(\d+, )+\d+", literal) else text


@pytest.mark.parametrize("sql", ALL)
def test_other_data_have_the_same_id(sql: str) -> None:
    found = shape(sql)
    assert found.literals is not None
    changed = shape(fill(found.text, [other(literal) for literal in found.literals], dict(found.files)))
    assert changed.id == found.id
    assert changed.text == found.text


def test_the_22_queries_of_tpch_are_22_shapes() -> None:
    assert len({shape(sql).id for sql in TPCH}) == len(TPCH) == 22
