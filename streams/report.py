"""Suggestions as a person wants to read them, and the same as JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from schemas.records import Considered, Cost, Gain, QueryResult, Suggestion

QUERIES_SHOWN = 5
DAY_S = 86_400
A_DAY_FROM_S = 4 * 3_600


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
            suggestion.model_dump(mode="json", exclude={"considered"}) | {"sql": _sql(suggestion)}
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
    parts: list[RenderableType] = [Text(suggestion.reason)]
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column()
    if suggestion.asked:
        facts.add_row("asked for", Text(suggestion.asked))
        facts.add_row("read as", Text(suggestion.read_as))
    if suggestion.kind == "nothing":
        parts += [Text(), facts] if suggestion.asked else []
        return Panel(Group(*parts), title=Text(suggestion.title), title_align="left")
    if suggestion.gain:
        facts.add_row("measured", gain_text(suggestion.gain))
        facts.add_row("saves", _saved(suggestion, suggestion.gain))
    if suggestion.cost:
        facts.add_row("costs", cost_text(suggestion.cost))
        facts.add_row("pays back", break_even(suggestion.cost))
    facts.add_row("results", f"{suggestion.equality}: {suggestion.equality_reason}")
    facts.add_row("way back", _way_back(suggestion))
    if suggestion.after:
        facts.add_row("order", "measured on top of the suggestions above that it names")
    parts += [Text(), facts, Text()]
    parts.append(Syntax(";\n".join(_sql(suggestion)) + ";", "sql", word_wrap=True, background_color="default"))
    if suggestion.queries:
        parts += [Text(), _queries(suggestion.queries, suggestion.statements)]
    title = f"{suggestion.position} of {suggestion.of}  {suggestion.title}"
    return Panel(Group(*parts), title=Text(title, style="bold"), title_align="left")


def _sql(suggestion: Suggestion) -> list[str]:
    return [statement for step in suggestion.steps for statement in step.sql]


def _way_back(suggestion: Suggestion) -> str:
    irreversible = [step.action.kind for step in suggestion.steps if not step.reversible]
    if irreversible:
        return f"none: {', '.join(irreversible)} cannot be undone"
    return "; ".join(sql for step in reversed(suggestion.steps) for sql in step.inverse_sql) or "none is needed"


def gain_text(gain: Gain) -> str:
    text = (
        f"{gain.speedup:.2f}x faster ({gain.low:.2f} to {gain.high:.2f}, k={gain.k}), "
        f"{gain.before_ms:.1f} ms to {gain.after_ms:.1f} ms a run, on {gain.measured_on}"
    )
    return f"{text}; unproved: a sample cannot carry this figure" if gain.unproved else text


def _saved(suggestion: Suggestion, gain: Gain) -> str:
    """For a day only where the workload was watched for long enough to say so."""
    watched_s = (suggestion.window_end - suggestion.window_start).total_seconds()
    if watched_s >= A_DAY_FROM_S:
        return f"{seconds(gain.saved_s_per_day)} of query time a day at the workload seen"
    return f"{seconds(gain.saved_s_per_day / DAY_S * watched_s)} of query time in the {seconds(watched_s)} watched"


def cost_text(cost: Cost) -> str:
    writes = (
        f"writes take {cost.write_ratio:.2f}x ({cost.write_low:.2f} to {cost.write_high:.2f}, {cost.writes} replayed)"
        if cost.writes
        else "no write seen that it could slow down"
    )
    return f"{seconds(cost.build_s)} to build, {size(cost.extra_bytes)} more on disk, {writes}"


def break_even(cost: Cost) -> str:
    if cost.break_even_runs < 0:
        return "never at the workload seen"
    if cost.build_s == 0:
        return "at once: nothing has to be built"
    return f"after {cost.break_even_runs:,.0f} runs, {seconds(cost.break_even_s)} at the workload seen"


def _queries(queries: Sequence[QueryResult], statements: dict[str, str]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
    for name, justify in (("before", "right"), ("after", "right"), ("gain", "right"), ("query", "left")):
        table.add_column(name, justify=justify, no_wrap=name != "query")  # type: ignore[arg-type]
    for query in sorted(queries, key=lambda query: query.before_ms - query.after_ms, reverse=True)[:QUERIES_SHOWN]:
        statement = " ".join(statements.get(query.fingerprint, query.fingerprint).split())
        table.add_row(f"{query.before_ms:.1f} ms", f"{query.after_ms:.1f} ms", f"{query.speedup:.2f}x", statement[:110])
    if (more := len(queries) - QUERIES_SHOWN) > 0:
        table.add_row("", "", "", f"and {more} more")
    return table


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


def seconds(value: float) -> str:
    if value < 0:
        return f"-{seconds(-value)}"
    if value < 1:
        return f"{value * 1000:.1f} ms" if value < 0.01 else f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.0f} min" if value < 7_200 else f"{value / 3_600:.1f} h"


def size(count: int) -> str:
    if abs(count) < 1_000_000:
        return f"{count / 1_000:.0f} kB"
    return f"{count / 1_000_000:.0f} MB" if abs(count) < 1_000_000_000 else f"{count / 1_000_000_000:.1f} GB"
