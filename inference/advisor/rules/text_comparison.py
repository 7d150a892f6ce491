"""`CAST(x AS VARCHAR) = $1` as a comparison of x itself.

Nothing is turned into text: 15x for a date, 13x for a number (3M rows in no order, DuckDB 2.0.0), 56x for a date in
order on 1.4.4; DuckDB 1.2 does it by itself. The second condition holds no column and makes it the same for any
text: `1995-3-5` is no text of a date.
"""

from sqlglot import exp

from ..rewriting import Rewriting, Rewritten, comparison, in_filters
from ..statement import substituted
from ..workload import Query, Workload

SINCE = (1, 3)
TYPES = ("DATE", "TIMESTAMP", "UUID", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
"""Types of which every value has one text that reads as it alone."""


def _transform(query: Query, workload: Workload) -> Rewritten | None:
    if workload.version < SINCE:
        return None
    replacements = {}
    column = ""
    for node in in_filters(query):
        for side, constant in comparison(node):
            if not isinstance(side, exp.Cast) or isinstance(side, exp.TryCast) or not side.is_type("VARCHAR", "TEXT"):
                continue
            origin = query.reading.origin(side.this)
            if origin and origin.column.type in TYPES and _is_text(constant):
                column = origin.column.name
                value = exp.TryCast(this=constant.copy(), to=exp.DataType.build(origin.column.type, dialect="duckdb"))
                replacements[id(node)] = exp.and_(
                    exp.EQ(this=side.this.copy(), expression=value),
                    exp.EQ(this=exp.cast(value.copy(), "TEXT"), expression=constant.copy()),
                )
    if not replacements:
        return None
    return Rewritten(
        substituted(query.reading.tree, replacements),
        f"{column} compared as it is instead of as text",
        f"{column} is turned into text in every row, and no row group can be skipped",
        "logic",
        f"every value of {column} has one text, and the second condition holds for such a text alone",
    )


def _is_text(constant: exp.Expr) -> bool:
    return isinstance(constant, exp.Placeholder)


REWRITING = Rewriting("text comparison", 13.0, _transform)
