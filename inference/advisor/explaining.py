"""What a suggestion rests on, by templates: from the record alone, so that nobody has to keep it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.actions import Rewrite
from schemas.records import Considered, Cost, QueryResult, Suggestion

from .focusing import RULE
from .wording import break_even, gain_text, saved_text, seconds, size, space_text, writes_text

QUERIES = 5
ALTERNATIVES = 5
STATEMENT = 110
"""Characters of a query that are told."""

HELPS = {
    "create_index": "The index leads to the rows that an equality asks for, where the whole table was scanned.",
    "drop_index": "No write keeps up an index any more that nothing uses.",
    "cluster": "Rows that are asked for together lie together, so that a filter skips the row groups it excludes.",
    "change_type": "Values are stored and compared as numbers, where the text of every row was read.",
    "add_column": "What each query computed for every row is computed once, when the row is written.",
    "create_summary": "Groups are added up once, so that a query reads a row a group instead of all rows.",
    "rewrite": "The query asks for the same in a form that DuckDB answers with less work.",
    "convert_file": "Of a Parquet file only the columns and row groups are read that a query needs.",
    "rename_table": "What nothing uses goes out of sight, and comes back by itself if a statement asks for it.",
    "rename_column": "What nothing uses goes out of sight, and comes back by itself if a statement asks for it.",
    "drop_table": "What nothing uses takes no space any more.",
    "drop_column": "What nothing uses takes no space any more, and no write fills it.",
}
"""By kind of action: what it changes about how the queries are answered."""
SAME = {
    "physical": "always the same",
    "logic": "the same by the rules of SQL",
    "constraint": "the same while a constraint holds",
    "data": "the same only while today's data stays so",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Lines for people: which queries, how often, and why it helps them; what else was looked at, and why not; what it
    brings and costs; what may go wrong.
    """

    factors: tuple[str, ...]
    alternatives: tuple[str, ...] = ()
    impact: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()

    def text(self) -> str:
        parts = {
            "Factors": self.factors,
            "Expected impact": self.impact,
            "Risks": self.risks,
            "Alternatives, and why not": self.alternatives,
        }
        return "\n".join("\n- ".join([f"{name}:", *lines]) for name, lines in parts.items() if lines)


def explain(suggestion: Suggestion) -> Explanation:
    alternatives = tuple(_alternatives(suggestion.considered))
    if suggestion.kind == "nothing":
        return Explanation((suggestion.reason,), alternatives)
    return Explanation(
        factors=tuple(_factors(suggestion)),
        alternatives=alternatives,
        impact=tuple(_impact(suggestion)),
        risks=tuple(_risks(suggestion)),
    )


def _factors(of: Suggestion) -> Iterator[str]:
    yield of.reason
    yield from dict.fromkeys(HELPS[step.action.kind] for step in of.steps if step.action.kind in HELPS)
    found = sorted(of.queries, key=lambda one: (one.before_ms - one.after_ms) * _runs(of, one), reverse=True)
    yield from (_query(of, one) for one in found[:QUERIES])
    if (more := len(found) - QUERIES) > 0:
        yield f"and {more} more"


def _query(of: Suggestion, one: QueryResult) -> str:
    ran = ""
    if one.fingerprint in of.runs:
        ran = f"{_runs(of, one):,} runs in {seconds((of.window_end - of.window_start).total_seconds())}, "
    statement = " ".join(of.statements.get(one.fingerprint, one.fingerprint).split())[:STATEMENT]
    return f"{ran}{one.before_ms:.1f} ms to {one.after_ms:.1f} ms a run ({one.speedup:.2f}x): {statement}"


def _runs(of: Suggestion, one: QueryResult) -> int:
    """At least 1, so that queries of a record that does not tell it are in the order of one run."""
    return max(of.runs.get(one.fingerprint, 1), 1)


def _impact(of: Suggestion) -> Iterator[str]:
    if of.gain:
        yield f"measured: {gain_text(of.gain)}"
        yield f"saves {saved_text(of, of.gain)}"
    if of.cost:
        yield f"takes {seconds(of.cost.build_s)} to build, which pays back {break_even(of.cost)}"


def _risks(of: Suggestion) -> Iterator[str]:
    yield f"results: {SAME.get(of.equality, 'the same')} ({of.equality}): {of.equality_reason}"
    for equal in sorted({one.equal for one in of.queries} - {"equal"}):
        yield f"results as they were compared: {equal}, for {_count(of.queries, equal)}"
    if of.cost:
        yield writes_text(of.cost)
        yield _space(of.cost)
    if before := len(of.after):
        others = "1 other suggestion" if before == 1 else f"{before} other suggestions"
        yield f"measured on top of {others}: alone it may bring more or less"
    if any(step.action.kind == Rewrite.kind for step in of.steps):
        yield "it helps nobody before the caller's code asks by the new statement"
    lasting = [step.action.kind for step in of.steps if not step.reversible]
    yield f"no way back: {', '.join(lasting)} cannot be undone" if lasting else "it can be taken back"


def _count(queries: Sequence[QueryResult], equal: str) -> str:
    return f"{sum(one.equal == equal for one in queries)} of {len(queries)} queries"


def _space(cost: Cost) -> str:
    kept = space_text(cost) if cost.extra_bytes >= 0 else f"{size(-cost.extra_bytes)} less on disk"
    return f"{kept}, {size(cost.peak_bytes)} while it is made"


def _alternatives(considered: Sequence[Considered]) -> Iterator[str]:
    """What was measured first, the fastest before others; queries that nothing could be tried on are none, nor is what
    somebody asked for in words.
    """
    found = sorted((one for one in considered if one.rule not in ("measuring", RULE)), key=lambda one: -one.speedup)
    for one in found[:ALTERNATIVES]:
        measured = f" ({one.speedup:.2f}x)" if one.speedup else ""
        yield f"{one.title}: {one.verdict}{measured}: {one.reason}"
    if (more := len(found) - ALTERNATIVES) > 0:
        yield f"and {more} more"
