"""Files that are read again and again: CSV and JSON as Parquet, and Parquet in the order of its filters.

CSV to Parquet 29x, Parquet sorted by the filtered column 4-8x (10M rows, DuckDB 2.0.0). The file is another then,
and whoever writes it has to write the new form.
"""

from collections import Counter

from schemas.actions import ConvertFile, SortKey
from schemas.records import Table

from ..rule import Finding, Findings, Rule, listed, of_the_time
from ..tables import column_of, in_order
from ..workload import Query, Workload

TEXTS = ("csv", "tsv", "txt", "json", "ndjson", "jsonl")
ROW_GROUPS = 4
"""A Parquet file of fewer has next to nothing to skip."""


def _search(rule: Rule, workload: Workload) -> Findings:
    for table in workload.tables.all:
        queries = workload.reads_of(table)
        if table.kind != "file" or not any(query.is_slow for query in queries):
            continue
        suffixes = table.name.lower().split(".")[1:]
        keys = _keys(table, queries)
        if set(suffixes) & set(TEXTS):
            yield _candidate(rule, workload, table, queries, keys, "is parsed from text each time")
        elif "parquet" in suffixes and keys and table.row_groups < ROW_GROUPS:
            yield rule.refusal(f"Sort {table.name}", f"it has {table.row_groups} row groups: nothing to skip", queries)
        elif "parquet" in suffixes and keys:
            yield _candidate(rule, workload, table, queries, keys, "is in no order of its filters")


def _keys(table: Table, queries: list[Query]) -> list[str]:
    """The column that the most time filters, if the file is not in its order."""
    time: Counter[str] = Counter()
    for query in queries:
        for scan in query.scans_of(table):
            for one in query.conditions.of(scan):
                if one.kind in ("eq", "in", "lower", "upper"):
                    time[one.origin.column.name] += query.shape.total_us
    for name, _ in time.most_common(1):
        column = column_of(table, name)
        return [name] if column and not in_order(column) else []
    return []


def _candidate(
    rule: Rule, workload: Workload, table: Table, queries: list[Query], keys: list[str], why: str
) -> Finding:
    order = f", ordered by {listed(keys)}" if keys else ""
    return rule.candidate(
        f"{table.name} as Parquet{order}",
        f"{of_the_time(workload, queries)} read the file, which {why}.",
        [ConvertFile(file=table.name, keys=[SortKey(column=key) for key in keys])],
        gaining=queries,
        affected=[],
        equality="physical",
        equality_reason="the same rows with the same types, in another order where it is ordered anew",
    )


RULE = Rule("file scan", 6.0, _search)
