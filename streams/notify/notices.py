"""What people are told of the records on the topics. Pure: plain text, which each sender writes in its own way."""

from dataclasses import dataclass
from datetime import timedelta

from inference.advisor.wording import break_even, cost_text, gain_text, seconds
from schemas.errors import RecordError
from schemas.fingerprint import shape
from schemas.ids import is_id
from schemas.printable import one_line
from schemas.records import Outcome, Record, Ruling, Suggestion, Verdict

LONGEST = 300
"""Characters of a line."""
LONGEST_SQL = 1000
STATEMENTS = 12
NEW_AGAIN = timedelta(days=30)
"""After which a change that is found again, and was not in between, is told again."""

OUTCOMES = {
    ("apply", "done"): ("carried out", False),
    ("apply", "undone"): ("gave way, and all is as before", True),
    ("apply", "refused"): ("not carried out", False),
    ("revert", "done"): ("taken back", False),
    ("revert", "undone"): ("could not be taken back", True),
    ("revert", "refused"): ("was not taken back", True),
}
"""By kind and state what is told, and whether at once. Whatever else an outcome is, a person has to look."""


@dataclass(frozen=True, slots=True)
class Notice:
    """All texts are one line, and hold no control characters; `id` is that of the event.

    `sql` holds no data values, `command` can be typed as it stands, `link` opens a page and decides nothing. What is
    `urgent` is not held back.
    """

    id: str
    title: str
    facts: tuple[str, ...] = ()
    sql: tuple[str, ...] = ()
    command: str = ""
    link: str = ""
    urgent: bool = False


def subject(record: Record) -> tuple[str, int] | None:
    """The suggestion, with its revision, that something may be told of; None where nothing is.

    Raises RecordError where an id is none, which nobody should type or follow.
    """
    match record:
        case Suggestion(kind="change") | Ruling(verdict="void"):
            ids = [record.suggestion_id]
        case Outcome() | Verdict():
            ids = [record.suggestion_id, record.operation_id]
        case _:
            return None
    if wrong := [one for one in ids if not is_id(one)]:
        raise RecordError(f"{wrong[0]!r} is no id")
    return record.suggestion_id, record.revision


def notice(record: Record, known: Suggestion | None, page_url: str) -> Notice | None:
    """None for what nobody needs to be told. `record` has a `subject`.

    `known` is the suggestion that it is about, or of a suggestion its revision before, where there is one.
    """
    what = record.title if isinstance(record, Suggestion) else known.title if known else "a change"
    command = "sidecar operations"
    match record:
        case Suggestion():
            if known and record.time - known.time < NEW_AGAIN:
                return None
            told, urgent, facts = "suggested", False, _promise(record)
            command = f"sidecar approve {record.suggestion_id}"
        case Ruling():
            told, urgent, facts = "approved, but not carried out", False, (record.reason,)
            command = f"sidecar show {record.suggestion_id}"
        case Outcome():
            became = record.kind, record.state
            told, urgent = OUTCOMES.get(became, (f"{record.kind} {record.state}: a person has to look", True))
            facts = (record.reason, *_took(record))
            if became == ("apply", "done"):
                command = _way_back(record) or command
        case Verdict():
            told, urgent, facts = record.verdict, record.verdict == "worse", (record.reason,)
            if urgent and not record.taking_back and "sidecar code" not in record.reason:
                command = f"sidecar rollback {record.operation_id}"
        case _:
            return None
    return Notice(
        id=record.event_id,
        title=_line(f"{record.product}/{record.database}: {told}: {what}"),
        facts=tuple(map(_line, filter(None, facts))),
        sql=tuple(_sql(record)) if isinstance(record, Suggestion) else (),
        command=command,
        link=f"{page_url.rstrip('/')}/suggestions/{record.suggestion_id}" if page_url else "",
        urgent=urgent,
    )


def _promise(one: Suggestion) -> tuple[str, ...]:
    lasting = [step.action.kind for step in one.steps if not step.reversible]
    return (
        f"measured: {gain_text(one.gain)}" if one.gain else "",
        f"costs: {cost_text(one.cost)}; pays back {break_even(one.cost)}" if one.cost else "",
        f"results: {one.equality}: {one.equality_reason}",
        f"cannot be undone: {', '.join(lasting)}" if lasting else "can be taken back",
    )


def _way_back(one: Outcome) -> str:
    match one.way_back:
        case "operation":
            return f"sidecar rollback {one.operation_id}"
        case "code":
            return f"sidecar code {one.suggestion_id} --back"
    return ""


def _took(one: Outcome) -> tuple[str, ...]:
    held = f"; {one.waiting} writers waited, {one.waited_ms:.0f} ms at most" if one.waiting else ""
    return (f"took {seconds(one.seconds)}{held}",) if one.state == "done" else ()


def _sql(one: Suggestion) -> list[str]:
    """Each literal is a placeholder."""
    statements = [statement for step in one.steps for statement in step.sql]
    shown = [_line(shape(statement).text, LONGEST_SQL) for statement in statements[:STATEMENTS]]
    more = len(statements) - len(shown)
    return [*shown, f"-- and {more} more: sidecar show {one.suggestion_id}"] if more else shown


def _line(text: str, longest: int = LONGEST) -> str:
    line = " ".join(one_line(text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
