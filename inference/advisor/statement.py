"""Statements as trees: sqlglot reads them for the rules, and DuckDB's own parser says whether it read them right."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.generators.duckdb import DuckDBGenerator

from schemas.errors import Unreadable
from schemas.lexer import TOKEN

DIALECT = "duckdb"
STATEMENTS = (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.TruncateTable)
SAME_TYPE = {
    "text": "varchar",
    "string": "varchar",
    "char": "varchar",
    "bpchar": "varchar",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "int1": "tinyint",
    "bool": "boolean",
    "real": "float",
    "hugeint": "int128",
    "float4": "float",
    "float8": "double",
    "numeric": "decimal",
    "dec": "decimal",
    "datetime": "timestamp",
    "timestamptz": "timestamp with time zone",
}
"""Names of types that sqlglot writes for one another."""

SAME_FUNCTION = {
    "->>": "json_extract_string",
    "datediff": "date_diff",
    "datetrunc": "date_trunc",
    "substr": "substring",
}

KEPT = 4096
"""Statements whose tree is kept between analyses; the shapes of a few dozen products."""

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # its warnings quote the statement


@lru_cache(KEPT)
def parse(text: str) -> exp.Expr:
    """The tree of a stripped statement. It is shared: copy it before changing it.

    Raises: Unreadable with the reason, also for statements that are no query and no change of rows.
    """
    trees = _parsed(text)
    if len(trees) != 1:
        raise Unreadable(f"it holds {len(trees)} statements")
    tree = trees[0]
    if not isinstance(tree, STATEMENTS):
        raise Unreadable("it is no query and no insert, update, delete, merge or truncate")
    return tree


def _unit(node: exp.Expr) -> exp.Literal:
    return exp.Literal.string(node.args["unit"].name.lower())


class _Writer(DuckDBGenerator):
    """Writes as people do. DuckDB's `->>` binds weaker than `=`: the function does not change what is meant."""

    TRANSFORMS: ClassVar = {
        **DuckDBGenerator.TRANSFORMS,
        exp.JSONExtractScalar: lambda self, node: self.func("json_extract_string", node.this, node.expression),
        exp.TimestampTrunc: lambda self, node: self.func("date_trunc", _unit(node), node.this),
        exp.DateDiff: lambda self, node: self.func("date_diff", _unit(node), node.expression, node.this),
    }


def render(tree: exp.Expr) -> str:
    return _Writer(dialect=DIALECT, normalize_functions="lower").generate(tree)


@lru_cache(KEPT)
def faithful(text: str) -> bool:
    """Whether the tree of a query, written out again, is the same query to DuckDB.

    A rewrite is made from the tree; where sqlglot read something else than DuckDB does, or writes something
    else than it read, none may be made.
    """
    ours = _normal_tree(render(parse(text)))
    return ours is not None and ours == _normal_tree(text)


def substituted(node: exp.Expr, replacements: Mapping[int, exp.Expr]) -> exp.Expr:
    """A copy of the node with other nodes in the place of some, which are given by their `id`."""
    copy = node.copy()
    twins = [
        (twin, replacements[id(one)])
        for one, twin in zip(node.walk(), copy.walk(), strict=True)
        if id(one) in replacements
    ]
    for twin, replacement in twins:
        if twin is copy:
            return replacement.copy()
        twin.replace(replacement.copy())
    return copy


def reselected(
    select: exp.Expr,
    replacements: Mapping[int, exp.Expr],
    source: exp.Expr,
    conditions: Iterable[exp.Expr],
) -> exp.Select:
    """The SELECT over another source, under conditions of it, with the output names that it had."""
    new = exp.Select()
    for name, clause in select.args.items():
        if name in ("from_", "joins", "where") or clause is None:
            continue
        parts = clause if isinstance(clause, list) else [clause]
        copies = [substituted(part, replacements) if isinstance(part, exp.Expr) else part for part in parts]
        new.set(name, copies if isinstance(clause, list) else copies[0])
    outputs = zip(select.args["expressions"], new.expressions, strict=True)
    new.set("expressions", [_named(before, after) for before, after in outputs])
    new.set("from_", exp.From(this=source))
    if kept := [substituted(condition, replacements) for condition in conditions]:
        new.set("where", exp.Where(this=exp.and_(*kept, copy=False)))
    return new


def _named(before: exp.Expr, after: exp.Expr) -> exp.Expr:
    """A column without an alias keeps its name; DuckDB names other expressions by their text."""
    renamed = isinstance(before, exp.Column) and after.alias_or_name != before.name
    return exp.alias_(after, before.name) if renamed else after


def may_aggregate(node: exp.Expr) -> bool:
    """Whether it is a function that the parser does not know, which may be an aggregate, or one that picks a row."""
    return isinstance(node, exp.Anonymous | exp.IgnoreNulls | exp.AnonymousAggFunc)


def is_placeholder(node: exp.Expr | None) -> bool:
    return isinstance(node, exp.Placeholder) or (
        isinstance(node, exp.Literal) and node.is_string and str(node.this).startswith("$")
    )


def parts(node: exp.Expr, *names: str) -> list[exp.Expr]:
    """What a node holds under these names, in their order."""
    found = []
    for name in names:
        clause = node.args.get(name)
        found += [one for one in (clause if isinstance(clause, list) else [clause]) if isinstance(one, exp.Expr)]
    return found


def conjuncts(node: exp.Expr | None) -> Iterator[exp.Expr]:
    """The parts of a condition that all must hold, without parentheses around them."""
    if node is None:
        return
    bare = node.unnest()
    if isinstance(bare, exp.And):
        yield from conjuncts(bare.left)
        yield from conjuncts(bare.right)
    else:
        yield bare


def disjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
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


def duckdb_tree(text: str) -> dict[str, Any] | None:
    """What DuckDB's own parser makes of a query, None where it reads none. Nothing is run or bound."""
    with _parser().cursor() as cursor:
        row = cursor.execute("SELECT json_serialize_sql(?::VARCHAR)", [text]).fetchone()
    tree: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    return None if tree.get("error") else tree


def _normal_tree(text: str) -> object:
    """DuckDB's tree without places and upper case."""
    return _normal(duckdb_tree(text))


def _normal(node: object) -> object:
    match node:
        case {"type": "OPERATOR_NOT", "children": [{"type": "OPERATOR_IS_NULL", "children": operands}]}:
            return _normal({"type": "OPERATOR_IS_NOT_NULL", "class": "OPERATOR", "children": operands})
        case {"function_name": name, **rest} if name.lower() in SAME_FUNCTION:
            same = SAME_FUNCTION[name.lower()]
            return _normal(rest | {"function_name": same, "is_operator": False, "qualified_name": {"path": [same]}})
        case dict():
            places = ("query_location", "query_location_length")
            return {key: _normal(value) for key, value in node.items() if value != "" and key not in places}
        case list():
            return [_normal(item) for item in node]
        case str():
            return SAME_TYPE.get(node.lower(), node.lower())
    return node


@lru_cache(KEPT)
def parse_view(text: str) -> exp.Expr:
    """The query of a view's definition. Raises: Unreadable."""
    trees = _parsed(text)
    query = trees[0].expression if trees and isinstance(trees[0], exp.Create) else trees and trees[0]
    if not isinstance(query, exp.Query):
        raise Unreadable("a view is defined by no query")
    return query


def _parsed(text: str) -> list[exp.Expr]:
    try:
        found = sqlglot.parse(_spaced(text), dialect=DIALECT)
    except Exception as error:
        raise Unreadable("the parser of the rules does not know its syntax") from error
    return [tree for tree in found if isinstance(tree, exp.Expr)]
