"""What may run on a clone: reading statements whose every part is on a list, and replayed writes.

The judge is DuckDB itself: the tree that it parses (`json_serialize_sql`) and the operators that it plans. A
statement that it calls a SELECT may still write, as `WITH x AS (DELETE ... RETURNING *) SELECT` does in 2.0. Of writes
there is no tree: they are known by their type and their plan. Planning may compute already, without an end, so this
belongs in the process that is killed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb

from ..errors import NotMeasurable
from .sandbox import Sandbox

NODES = frozenset(
    "SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE CTE_NODE EMPTY BASE_TABLE SUBQUERY JOIN TABLE_FUNCTION "
    "EXPRESSION_LIST PIVOT SHOW_REF ORDER_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER DISTINCT_MODIFIER "
    "ORDER_DEFAULT ASCENDING DESCENDING".split()
)
"""Of the tree's nodes that are no expressions."""

EXPRESSIONS = frozenset(
    "BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA LAMBDA_REF OPERATOR "
    "POSITIONAL_REFERENCE STAR SUBQUERY TYPE WINDOW".split()
)

SCALARS = frozenset("unnest -> random uuid gen_random_uuid uuidv4 uuidv7".split())
"""Beside all of DuckDB's own that have no side effect."""

READERS = frozenset(
    "parquet_scan read_csv read_csv_auto read_json read_json_auto read_json_objects read_json_objects_auto "
    "read_ndjson read_ndjson_auto read_ndjson_objects read_parquet".split()
)
"""Table functions over files: the sandbox lets them read copies alone."""

TABLE_FUNCTIONS = READERS | frozenset("generate_series json_each json_tree range repeat repeat_row unnest".split())

READS = frozenset(
    "ASOF_JOIN BLOCKWISE_NL_JOIN COLUMN_DATA_SCAN COLUMN_SCAN CROSS_PRODUCT CTE CTE_SCAN DELIM_JOIN DELIM_SCAN "
    "DUMMY_SCAN EMPTY_RESULT EXPRESSION_SCAN FILTER GROUPED_TOP_N HASH_GROUP_BY HASH_JOIN IE_JOIN INDEX_SCAN "
    "INOUT_FUNCTION LEFT_DELIM_JOIN LIMIT LIMIT_PERCENT MATERIALIZED_COLLECTOR NESTED_LOOP_JOIN ORDER_BY "
    "PARTITIONED_AGGREGATE PERFECT_HASH_GROUP_BY PIECEWISE_MERGE_JOIN PIVOT POSITIONAL_JOIN POSITIONAL_SCAN PROJECTION "
    "REC_CTE REC_CTE_SCAN REC_KEY_CTE RECURSIVE_CTE RECURSIVE_CTE_SCAN RESERVOIR_SAMPLE RESULT_COLLECTOR "
    "RIGHT_DELIM_JOIN SEQ_SCAN SIMPLE_AGGREGATE STREAMING_LIMIT STREAMING_SAMPLE STREAMING_WINDOW TABLE_SCAN TOP_N "
    "UNGROUPED_AGGREGATE UNION UNNEST WINDOW".split()
) | {name.upper() for name in TABLE_FUNCTIONS}

WRITES = READS | frozenset("BATCH_INSERT DELETE INSERT MERGE_ACTION_SOURCE MERGE_INTO UPDATE".split())

JOINS = frozenset(name for name in READS if name.endswith("_JOIN")) | {"CROSS_PRODUCT"}

WRITE_TYPES = frozenset("INSERT UPDATE DELETE MERGE_INTO".split())

OPEN_ENDED = frozenset(
    "any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_min arg_min_null "
    "argmax argmin array_agg first group_concat last list listagg max_by min_by mode reservoir_quantile "
    "string_agg".split()
)
"""Aggregates whose value depends on the order of rows, or on chance."""

ALL = "*"
"""ORDER BY ALL."""

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """A statement that may be run.

    `order` holds the outermost sort keys, None without ORDER BY: the place (from 1) or the name of an output column,
    ALL, or "" for what is not in the output. `limited` says that a LIMIT may cut among equals, `open_ended` that SQL
    leaves the result open in another way.
    """

    operators: frozenset[str]
    order: tuple[str | int, ...] | None
    limited: bool
    open_ended: bool


@dataclass(slots=True)
class Gate:
    """In front of one sandbox, whose functions and macros it knows."""

    sandbox: Sandbox
    _functions: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        # A name that has an overload with side effects is refused whole; of a macro the body counts.
        rows = self.sandbox.rows("""
            SELECT lower(function_name), list(macro_definition) FILTER (NOT internal) FROM duckdb_functions()
            WHERE function_type IN ('scalar', 'aggregate', 'macro', 'table_macro')
            GROUP BY 1 HAVING NOT coalesce(bool_or(has_side_effects), false)
        """)
        self._functions = {name: definitions or [] for name, definitions in rows}

    def reading(self, statement: str) -> Reading:
        """Raises NotMeasurable with the reason, which holds none of the statement's data."""
        tree = self._tree(statement)
        nodes = list(self._checked(tree))
        operators = self._plan(statement, READS)
        return Reading(
            operators=operators,
            order=_order(tree),
            limited=any(str(node.get("type")).startswith("LIMIT") for node in nodes),
            open_ended=any(_open_ended(node) for node in nodes),
        )

    def writing(self, statement: str) -> None:
        """Raises NotMeasurable with the reason."""
        try:
            found = [one.type.name for one in duckdb.extract_statements(statement)]
        except duckdb.Error:
            raise NotMeasurable("DuckDB does not parse it") from None
        if len(found) != 1 or found[0] not in WRITE_TYPES:
            raise NotMeasurable(f"it is no single write but {' and '.join(found) or 'nothing'}")
        self._plan(statement, WRITES)

    def _tree(self, statement: str) -> Node:
        [(text,)] = self.sandbox.rows("SELECT json_serialize_sql(?::VARCHAR)", [statement])
        tree = json.loads(text)
        if tree["error"]:
            raise NotMeasurable("DuckDB does not parse it as a statement that reads")
        if len(tree["statements"]) != 1:
            raise NotMeasurable("it is more than one statement")
        found: Node = tree["statements"][0]["node"]
        return found

    def _checked(self, value: Any, *, of_table_function: bool = False, depth: int = 0) -> Iterator[Node]:
        """Every typed node below, itself included."""
        if isinstance(value, list):
            for item in value:
                yield from self._checked(item, depth=depth)
        elif isinstance(value, dict):
            kind = value.get("type")
            if isinstance(kind, str):
                self._check(value, kind, of_table_function, depth)
                yield value
            for key, item in value.items():
                called = kind == "TABLE_FUNCTION" and key == "function"
                yield from self._checked(item, of_table_function=called, depth=depth)

    def _check(self, node: Node, kind: str, of_table_function: bool, depth: int) -> None:
        if "class" not in node:
            if kind not in NODES and not kind.endswith("_TYPE_INFO"):
                raise NotMeasurable(f"it holds a {kind}, which is not on the list of what may run")
            return
        if node["class"] not in EXPRESSIONS:
            raise NotMeasurable(f"it holds a {node['class']}, which is not on the list of what may run")
        name = str(node.get("function_name", "")).lower()
        if node["class"] not in ("FUNCTION", "WINDOW") or (node["class"] == "WINDOW" and name not in self._functions):
            return
        if definitions := self._functions.get(name):
            self._macro(name, definitions, depth)
        elif name not in (TABLE_FUNCTIONS if of_table_function else SCALARS | self._functions.keys()):
            raise NotMeasurable(f"it calls {name}, which is not on the list of what may run")

    def _macro(self, name: str, definitions: list[str], depth: int) -> None:
        if depth > 20:
            raise NotMeasurable(f"the macro {name} calls too many others")
        for definition in definitions:
            try:
                tree = self._tree(definition)
            except NotMeasurable:
                tree = self._tree(f"SELECT {definition}")
            for _ in self._checked(tree, depth=depth + 1):
                pass

    def _plan(self, statement: str, allowed: frozenset[str]) -> frozenset[str]:
        found = frozenset(_operators(json.loads(self.sandbox.rows(f"EXPLAIN (FORMAT json) {statement}")[0][1])))
        if refused := found - allowed:
            raise NotMeasurable(f"it runs {', '.join(sorted(refused))}, which is not on the list of what may run")
        return found


def _operators(plan: Any) -> Iterator[str]:
    for node in plan if isinstance(plan, list) else [plan]:
        yield str(node["name"]).strip()
        yield from _operators(node["children"])


def _order(tree: Node) -> tuple[str | int, ...] | None:
    orders = [
        order["expression"] for one in tree["modifiers"] if one["type"] == "ORDER_MODIFIER" for order in one["orders"]
    ]
    selected = [_plain(node) for node in tree.get("select_list", [])]
    places = {} if any(node["class"] == "STAR" for node in selected) else {str(n): i for i, n in enumerate(selected, 1)}
    return tuple(_key(node, places) for node in orders) or None


def _key(node: Node, places: dict[str, int]) -> str | int:
    if node["class"] == "CONSTANT":
        value = node["literal"]["text"] if "literal" in node else node["value"].get("value")
        return int(value) if str(value).isdecimal() else ""
    if node["class"] == "STAR":
        return ALL
    name = node["column_names"][-1].lower() if node["class"] == "COLUMN_REF" else ""
    return places.get(str(_plain(node)), name)


def _plain(node: Any) -> Any:
    """Without what differs between two writings of one expression."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if isinstance(node, dict):
        return {key: _plain(item) for key, item in node.items() if key != "alias" and not key.startswith("query_loc")}
    return node


def _open_ended(node: Node) -> bool:
    return (
        node.get("class") == "WINDOW"
        or node.get("sample") is not None
        or (node["type"] == "DISTINCT_MODIFIER" and bool(node.get("distinct_on_targets")))
        or str(node.get("function_name", "")).lower() in OPEN_ENDED
    )
