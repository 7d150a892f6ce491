"""Suggestions as a person wants to read them, and the same as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from inference.advisor import explain
from schemas.records import Considered, Suggestion


def show(suggestions: Sequence[Suggestion], console: Console) -> None:
    """One panel a suggestion, best first, then what was considered and refused."""
    for suggestion in suggestions:
        console.print(_panel(suggestion))
    considered = refused(suggestions)
    if considered:
        console.print(_refusals(considered))


def refused(suggestions: Sequence[Suggestion]) -> list[Considered]:
    """What the analysis looked at and did not suggest; every suggestion of one analysis carries the same."""
    return list(suggestions[0].considered) if suggestions else []


def as_json(suggestions: Sequence[Suggestion], counts: dict[str, int], more: Mapping[str, Any]) -> str:
    values: dict[str, Any] = {
        "suggestions": [
            suggestion.model_dump(mode="json", exclude={"considered"})
            | {"sql": _sql(suggestion), "explanation": asdict(explain(suggestion))}
            for suggestion in suggestions
            if suggestion.kind == "change"
        ],
        "nothing_to_do": [one.reason for one in suggestions if one.kind == "nothing"],
        "refused": [one.model_dump(mode="json") for one in refused(suggestions)],
        "counts": counts,
        **more,
    }
    return json.dumps(values, indent=2, ensure_ascii=False)


def _panel(suggestion: Suggestion) -> RenderableType:
    found = explain(suggestion)
    told = Table.grid(padding=(0, 2))
    told.add_column(style="bold", no_wrap=True)
    told.add_column()
    if suggestion.asked:
        told.add_row("asked for", Text(suggestion.asked))
        told.add_row("read as", Text(suggestion.read_as))
    for name, lines in (("why", found.factors), ("brings", found.impact), ("risks", found.risks)):
        for place, line in enumerate(lines):
            told.add_row("" if place else name, Text(line))
    if suggestion.kind == "nothing":
        return Panel(told, title=Text(suggestion.title), title_align="left")
    told.add_row("way back", Text(_way_back(suggestion)))
    sql = Syntax(";\n".join(_sql(suggestion)) + ";", "sql", word_wrap=True, background_color="default")
    title = f"{suggestion.position} of {suggestion.of}  {suggestion.title}"
    return Panel(Group(told, Text(), sql), title=Text(title, style="bold"), title_align="left")


def _sql(suggestion: Suggestion) -> list[str]:
    return [statement for step in suggestion.steps for statement in step.sql]


def _way_back(suggestion: Suggestion) -> str:
    irreversible = [step.action.kind for step in suggestion.steps if not step.reversible]
    if irreversible:
        return f"none: {', '.join(irreversible)} cannot be undone"
    return "; ".join(sql for step in reversed(suggestion.steps) for sql in step.inverse_sql) or "none is needed"


def _refusals(considered: Sequence[Considered]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), title="Considered and not suggested", title_justify="left")
    table.add_column("what", ratio=2)
    table.add_column("verdict", no_wrap=True)
    table.add_column("why", ratio=3)
    said = ""
    for one in considered:
        table.add_row(Text(one.title), one.verdict, Text("the same" if one.reason == said else one.reason))
        said = one.reason
    return Padding(table, (1, 0))
