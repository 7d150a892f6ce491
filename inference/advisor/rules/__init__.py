"""The rules, as data: each file is one, and says when it pays, what was measured, and on which DuckDB."""

from ..rewriting import Rewriting, together
from ..rule import Rule
from . import (
    clustering,
    computed_column,
    count_to_exists,
    date_trunc_range,
    enum_type,
    file_scan,
    not_worth_it,
    or_join,
    or_to_in,
    redundant_distinct,
    regroup,
    selective_index,
    strftime_range,
    subquery_order,
    summary_table,
    text_comparison,
    type_fix,
    unused,
    year_range,
)

REWRITINGS: tuple[Rewriting, ...] = (
    strftime_range.REWRITING,
    date_trunc_range.REWRITING,
    year_range.REWRITING,
    text_comparison.REWRITING,
    or_to_in.REWRITING,
    count_to_exists.REWRITING,
    redundant_distinct.REWRITING,
    subquery_order.REWRITING,
    or_join.REWRITING,
    regroup.REWRITING,
)

RULES: tuple[Rule, ...] = (
    summary_table.RULE,
    clustering.RULE,
    selective_index.RULE,
    type_fix.RULE,
    enum_type.RULE,
    computed_column.RULE,
    file_scan.RULE,
    unused.RULE,
    *(rewriting.rule() for rewriting in REWRITINGS),
    together(REWRITINGS),
    not_worth_it.RULE,
)
