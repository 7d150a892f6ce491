"""The story of a suggestion in words, one line an event, in order of time."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from duckdb import DuckDBPyConnection

from inference.advisor.wording import cost_text, gain_text, seconds
from inference.language.reading import reason_in_words
from schemas.printable import one_line
from schemas.records import Suggestion
from store import history
from store.history import Asked, Judged, Operated, PassedOver, Ruled, Seen, Story

Line = tuple[datetime, str]
STATEMENT = 100
"""Characters of a query that are told."""
DECIDED = {"approve": "approved", "reject": "rejected", "defer": "deferred", "comment": "commented on"}


def lines(tx: DuckDBPyConnection, of: str) -> list[str] | None:
    """Of the one suggestion whose id begins so, or of what was passed over and has these words.

    None where it names neither, or several suggestions.
    """
    ids = history.named(tx, of)
    found = history.why(tx, ids[0]) if len(ids) == 1 else None
    if found:
        return list(told(found))
    return list(passed_over(history.passed_over(tx, of))) or None if not ids else None


def told(story: Story) -> Iterator[str]:
    newest = story.suggestions[-1]
    yield f"{newest.title} ({newest.product}/{newest.database})"
    yield f"suggestion {newest.suggestion_id}, revision {newest.revision}"
    yield ""
    yield one_line(f"Proposed by the rule {newest.rule}: {newest.reason}")
    if newest.promised_s:
        watched = seconds((newest.window_end - newest.window_start).total_seconds())
        prior = f", which counted {newest.prior:.2f} times by the rule's record" if newest.prior != 1 else ""
        promise = f"{seconds(newest.promised_s)} of the {watched} watched"
        yield f"Before it was measured, it was expected to save {promise}{prior}."
    if newest.asked:
        yield one_line(f"Somebody asked for: {newest.asked}")
        yield one_line(f"It was read as: {newest.read_as}")
    yield from (_seen(one) for one in story.seen)
    yield ""
    lines = [*_suggested(story.suggestions, story.asked), *map(_ruled, story.rulings)]
    lines += [line for one in story.operations for line in _operated(one)]
    lines += map(_judged, story.verdicts)
    for time, text in sorted(lines, key=lambda line: line[0]):
        yield f"{time:%Y-%m-%d %H:%M:%S}  {one_line(text)}"
    yield ""
    yield _now(story)


def passed_over(found: Sequence[PassedOver]) -> Iterator[str]:
    for one in found:
        rule, verdict = one.considered.rule, one.considered.verdict
        yield one_line(
            f"{one.time:%Y-%m-%d %H:%M:%S}  {one.product}/{one.database}: {one.considered.title} (rule {rule}): "
            f"{verdict}: {one.considered.reason}"
        )


def _seen(one: Seen) -> str:
    routes = ", ".join(f"{route} {runs:,}" for route, runs in sorted(one.routes.items(), key=lambda pair: -pair[1]))
    runs = f"{one.runs:,} runs from {one.first:%Y-%m-%d %H:%M} to {one.last:%Y-%m-%d %H:%M}"
    return one_line(f"  {runs}{f' ({routes})' if routes else ''}: {one_line(one.statement)[:STATEMENT]}")


def _suggested(revisions: Sequence[Suggestion], asked: Asked | None) -> Iterator[Line]:
    if asked:
        since = f"{asked.window_start:%Y-%m-%d %H:%M}"
        yield asked.time, f"an analysis was asked for: {asked.reason}; {asked.shapes} queries since {since}"
    for one in revisions:
        gain = gain_text(one.gain) if one.gain else "what was measured names no gain"
        cost = f"; it costs {cost_text(one.cost)}" if one.cost else ""
        yield one.time, f"measured and suggested, revision {one.revision}: {gain}{cost}"


def _ruled(one: Ruled) -> Line:
    who = one.who or "somebody unknown"
    steps = f" {one.steps} step{'s' if one.steps != 1 else ''} of" if one.decision == "approve" else ""
    read = f" (read as: {reason_in_words(one.read_as)})" if one.read_as is not None else ""
    return one.time, f"{who} {DECIDED[one.decision]}{steps} revision {one.revision}: {one.verdict}: {one.reason}{read}"


def _operated(one: Operated) -> Iterator[Line]:
    what = "carry out" if one.kind == "apply" else "take back"
    steps = f"{what} steps {one.first + 1} to {one.last} of revision {one.revision}"
    if one.refused is not None:
        yield one.time, f"the product is not told to {steps}: {one.refused}"
        return
    if one.as_code:
        yield one.time, f"steps {one.first + 1} to {one.last} of revision {one.revision} were seen to be landed as code"
        return
    yield one.time, f"the product is told to {steps}, by {one.requested_by} (operation {one.operation_id})"
    if one.outcome and one.ended:
        writers = f"; {one.outcome.waiting} writers were held, {one.outcome.waited_ms:.0f} ms at most"
        held = writers if one.outcome.waiting else ""
        yield one.ended, f"{one.outcome.state} after {seconds(one.outcome.seconds)}: {one.outcome.reason}{held}"


def _judged(one: Judged) -> Line:
    return one.time, f"judged {one.judgement.verdict}: {one.judgement.reason}"


def _now(story: Story) -> str:
    """Where it stands."""
    newest = story.suggestions[-1]
    done = [one for one in story.operations if one.outcome and one.outcome.state == "done"]
    if done and done[-1].kind == "apply":
        return f"It is carried out: {done[-1].last} of {len(newest.steps)} steps."
    if done and done[-1].first:
        return f"It was taken back but for its first {done[-1].first} steps."
    if done:
        return "It was taken back."
    of_newest = [one for one in story.rulings if one.revision == newest.revision]
    decided = [one for one in of_newest if one.verdict not in ("refused", "noted")]
    if any(one.decision == "reject" for one in decided):
        return "It was rejected: a new revision can be approved."
    if not decided:
        return f"Nobody has decided on revision {newest.revision} yet."
    return "It is not carried out."
