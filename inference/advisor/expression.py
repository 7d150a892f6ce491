"""Expressions of a statement as the typed ones that an action may carry."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sqlglot import exp

from schemas.expressions import FUNCTIONS, Call, Cast, ColumnRef, Constant, Expression, Operation

from .reading import Origin, Reading, own_nodes
from .statement import KEPT, SAME_FUNCTION, duckdb_tree, render

OPERATORS = frozenset(("+", "-", "*", "/", "//", "%", "||"))
_PLACEHOLDER = re.compile(r"\$\d+")


def typed(node: exp.Expr, reading: Reading, ref: Callable[[Origin], ColumnRef | None]) -> Expression | None:
    """None where it holds data, a function outside the allow-list, or a column that `ref` has no name for.

    DuckDB's own parser reads it, so that `extract(year FROM d)` and `date_part('year', d)` come out the same.
    """
    refs: dict[tuple[str, ...], ColumnRef] = {}
    for part in own_nodes(node):
        if isinstance(part, exp.Query):
            return None
        if isinstance(part, exp.Column):
            origin = reading.origin(part)
            if origin is None or (name := ref(origin)) is None:
                return None
            refs[tuple(identifier.name.lower() for identifier in part.parts)] = name
    tree = _tree(render(node))
    return None if tree is None else _converted(tree, refs)


@lru_cache(KEPT)
def _tree(text: str) -> dict[str, Any] | None:
    tree = duckdb_tree(f"SELECT {text}")
    return None if tree is None else tree["statements"][0]["node"]["select_list"][0]


def _converted(tree: dict[str, Any], refs: dict[tuple[str, ...], ColumnRef]) -> Expression | None:
    match tree:
        case {"class": "COLUMN_REF", "column_names": names}:
            return refs.get(tuple(name.lower() for name in names))
        case {"class": "CONSTANT", "literal": {"kind": "INTEGER", "text": text}}:
            return Constant(value=int(text))
        case {"class": "CONSTANT", "literal": {"kind": "STRING", "text": text}} if not _PLACEHOLDER.fullmatch(text):
            return Constant(value=text)
        case {"class": "FUNCTION", "function_name": name, "arguments": given} if not tree.get("distinct"):
            arguments = [_converted(argument["expression"], refs) for argument in given]
            if any(argument is None for argument in arguments):
                return None
            return _called(SAME_FUNCTION.get(name.lower(), name.lower()), [one for one in arguments if one])
        case {"class": "CAST", "child": child, "type_expr": type_tree} if not tree.get("try_cast"):
            operand = _converted(child, refs)
            target = type_tree.get("type_name", "").upper()
            if operand is None or type_tree.get("children") or not target.isalpha():
                return None
            return Cast(operand=operand, type=target)
    return None


def _called(name: str, arguments: list[Expression]) -> Expression | None:
    if name in OPERATORS and len(arguments) == 2:
        return Operation(operator=name, left=arguments[0], right=arguments[1])
    if name in FUNCTIONS:
        return Call(function=name, arguments=_with_lower_unit(name, arguments))
    return None


def _with_lower_unit(name: str, arguments: list[Expression]) -> list[Expression]:
    """Units of dates have no case; written alike, they are found to be alike."""
    if name.startswith("date_") and isinstance(arguments[0], Constant) and isinstance(arguments[0].value, str):
        return [Constant(value=arguments[0].value.lower()), *arguments[1:]]
    return arguments
