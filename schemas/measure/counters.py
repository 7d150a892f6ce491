"""The work that one run of a statement does, counted by DuckDB and so undisturbed by the machine's other work."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class Work:
    """`row_groups` is 0 before DuckDB 2.0, which does not count them; and rows there are those of whole tables."""

    rows: int
    row_groups: int
    intermediate_bytes: int
    by_index: bool

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.rows + other.rows,
            self.row_groups + other.row_groups,
            self.intermediate_bytes + other.intermediate_bytes,
            self.by_index or other.by_index,
        )


NONE = Work(0, 0, 0, by_index=False)


def work(sandbox: Sandbox, statement: str) -> Work:
    """Runs it once."""
    plan = json.loads(sandbox.rows(f"EXPLAIN (ANALYZE, FORMAT json) {statement}")[0][1])
    operators = list(_operators(plan))
    return Work(
        rows=sum(_count(one, "rows_scanned", "operator_rows_scanned") for one in operators),
        row_groups=sum(_count(one, "row_groups_scanned") for one in operators),
        intermediate_bytes=sum(_count(one, "intermediate_size_bytes", "result_set_size") for one in operators),
        by_index=any("Index Scan" in str(one.get("extra_info", {}).get("Type")) for one in operators),
    )


def _operators(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """2.0 has them under `operator`, older versions below the whole query."""
    if "extra_info" in node and ("type" in node or "operator_type" in node):
        yield node
    for child in node.get("operator", node.get("children", [])):
        yield from _operators(child)


def _count(operator: dict[str, Any], *keys: str) -> int:
    return sum(int(operator.get(key) or 0) for key in keys)
