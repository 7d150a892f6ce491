"""Statements as trees: sqlglot reads them for the rules, and DuckDB's own parser says whether it read them right."""

import json
import logging
from collections.abc import Iterator
from functools import lru_cache

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from schemas.errors import Unreadable
from schemas.lexer import TOKEN

DIALECT = "duckdb"
STATEMENTS = (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.TruncateTable)
KEPT = 4096
"""Statements whose tree is kept between analyses; the shapes of a few dozen products."""

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # its warnings quote the statement


@lru_cache(KEPT)
def parse(text: str) -> exp.Expression:
    """The tree of a stripped statement. It is shared: copy it before changing it.

    Raises: Unreadable with the reason, also for statements that are no query and no change of rows.
    """
    try:
        trees = sqlglot.parse(_spaced(text), dialect=DIALECT)
    except SqlglotError as error:
        raise Unreadable("the parser of the rules does not know its syntax") from error
    if len(trees) != 1 or not isinstance(tree := trees[0], exp.Expression):
        raise Unreadable(f"it holds {len(trees)} statements")
    if not isinstance(tree, STATEMENTS):
        raise Unreadable("it is no query and no insert, update, delete, merge or truncate")
    return tree


def render(tree: exp.Expression) -> str:
    return tree.sql(dialect=DIALECT)


@lru_cache(KEPT)
def faithful(text: str) -> bool:
    """Whether the tree of a query, written out again, is the same query to DuckDB.

    A rewrite is made from the tree; where sqlglot read something else than DuckDB does, or writes something
    else than it read, none may be made.
    """
    ours = _as_duckdb_reads(render(parse(text)))
    return ours is not None and ours == _as_duckdb_reads(text)


def is_placeholder(node: exp.Expression | None) -> bool:
    return isinstance(node, exp.Placeholder) or (
        isinstance(node, exp.Literal) and node.is_string and str(node.this).startswith("$")
    )


def conjuncts(node: exp.Expression | None) -> Iterator[exp.Expression]:
    """The parts of a condition that all must hold, without parentheses around them."""
    if node is None:
        return
    bare = node.unnest()
    if isinstance(bare, exp.And):
        yield from conjuncts(bare.left)
        yield from conjuncts(bare.right)
    else:
        yield bare


def disjuncts(node: exp.Expression) -> Iterator[exp.Expression]:
    bare = node.unnest()
    if isinstance(bare, exp.Or):
        yield from disjuncts(bare.left)
        yield from disjuncts(bare.right)
    else:
        yield bare


def _spaced(text: str) -> str:
    """Without spaces between them, sqlglot takes two placeholders for the ends of a dollar-quoted string."""
    ends = [match.end() for match in TOKEN.finditer(text) if (match["literal"] or "")[:1] == "$"]
    for end in reversed(ends):
        text = f"{text[:end]} {text[end:]}"
    return text


@lru_cache(1)
def _parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"enable_external_access": "false", "threads": "1"})


def _as_duckdb_reads(text: str) -> object:
    """DuckDB's tree without places and upper case, None where it reads no query. Nothing is run or bound."""
    with _parser().cursor() as cursor:
        row = cursor.execute("SELECT json_serialize_sql(?::VARCHAR)", [text]).fetchone()
    tree = json.loads(row[0]) if row else {"error": True}
    return None if tree.get("error") else _normal(tree)


def _normal(node: object) -> object:
    match node:
        case {"type": "OPERATOR_NOT", "children": [{"type": "OPERATOR_IS_NULL", "children": operands}]}:
            return _normal({"type": "OPERATOR_IS_NOT_NULL", "class": "OPERATOR", "children": operands})
        case dict():
            places = ("query_location", "query_location_length")
            return {key: _normal(value) for key, value in node.items() if key not in places}
        case list():
            return [_normal(item) for item in node]
        case str():
            return node.lower()
    return node


@lru_cache(KEPT)
def parse_view(text: str) -> exp.Expression:
    """The query of a view's definition. Raises: Unreadable."""
    try:
        tree = sqlglot.parse_one(_spaced(text), dialect=DIALECT)
    except SqlglotError as error:
        raise Unreadable("the parser of the rules does not know the syntax of a view") from error
    query = tree.expression if isinstance(tree, exp.Create) else tree
    if not isinstance(query, exp.Query):
        raise Unreadable("a view is defined by no query")
    return query
