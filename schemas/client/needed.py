"""Which tables a clone needs: those that are asked for, and what they stand on."""

import re
from collections.abc import Iterable, Mapping, Sequence

from ..records import Table

_WORD = re.compile(r'"((?:[^"]|"")*)"|([^\W\d]\w*)')


def needed(
    asked: Iterable[str], texts: Iterable[str], tables: Sequence[Table], bodies: Mapping[str, str]
) -> list[Table]:
    """Tables in an order in which every foreign key's parent comes before it.

    `asked` are names with or without their schema. `texts` are the statements to be run, `bodies` the texts of all
    views and macros by name. Of a view that is asked for, and of a macro that a statement names, every table comes
    along whose name is a word of its text: rather one too many than one too few.
    """
    by_name: dict[str, list[Table]] = {}
    for table in tables:
        for name in (table.name, f"{table.schema_name}.{table.name}"):
            by_name.setdefault(name.lower(), []).append(table)
    body_of = {name.lower(): body for name, body in bodies.items()}

    waiting = [name.lower() for name in asked]
    waiting += [word for text in texts for word in _words(text) if word in body_of and word not in by_name]
    seen: set[str] = set()
    found: list[Table] = []
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for table in by_name.get(name, []):
            if table.kind == "table":
                found += [table] if table not in found else []
                waiting += [".".join(parent) for parent in _parents(table)]
            else:
                waiting += _words(table.statement or "")
        waiting += _words(body_of.get(name, ""))
    return parents_first(found)


def _parents(table: Table) -> set[tuple[str, str]]:
    """Those that its foreign keys refer to: of its own schema always."""
    schema = table.schema_name.lower()
    parents = {(schema, one.references.lower()) for one in table.constraints if one.references}
    return parents - {_name(table)}


def parents_first(tables: list[Table]) -> list[Table]:
    waiting = {_name(table): table for table in tables}
    ordered: list[Table] = []
    while waiting:
        ready = [name for name, table in waiting.items() if not _parents(table) & waiting.keys()]
        ordered += [waiting.pop(name) for name in ready]
    return ordered


def _name(table: Table) -> tuple[str, str]:
    return table.schema_name.lower(), table.name.lower()


def _words(text: str) -> list[str]:
    return [(quoted.replace('""', '"') or plain).lower() for quoted, plain in _WORD.findall(text)]
