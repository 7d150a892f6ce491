"""The report of what was promised and what came, as Markdown."""

import re
from collections.abc import Iterator, Sequence

from inference.advisor.wording import seconds
from inference.language.reading import reason_in_words
from schemas.printable import one_line
from store.report import Change, Cost, Month, Ratio, Report, Saved

COUNTED = (
    "Saved is what the affected queries' runs took since the change, times by how much longer they would have taken "
    "without it, as it was measured when the change was judged: against the queries that it does not affect, with "
    "a 95 % interval. What made things worse counts against it until it was taken back. Net is saved less all that "
    "stands beside it. A label's part is that of its runs, over all time, in those of each query."
)
COUNTED_PROCESSOR = (
    "Processor seconds that were saved are estimated from the runs that DuckDB's profiler was on for (DuckDB 2.0 and "
    "later): what those of each affected query took in the week before the change and in the week after it, against "
    "the queries that no change affects, times all its runs since. The 95 % interval is by how much hours differ. The "
    "first runs of a slow text are always among them, so where literals make a query fast or slow the slow ones weigh "
    "more."
)


BY_MONTH = (
    "month", "saved", "measuring", "carrying out", "writers held, at most", "net", "processor seconds saved"
)  # fmt: skip
BY_CHANGE = ("carried out (UTC)", "change", "promised", "came", "verdict", "saved", "processor seconds saved")


def markdown(report: Report) -> str:
    return "\n".join([*_blocks(report), ""])


def _blocks(report: Report) -> Iterator[str]:
    of = f", {report.month:%Y-%m}" if report.month else ""
    yield f"# What was promised and what came{of}{f', {_plain(report.product)}' if report.product else ''}"
    if not report.changes:
        yield "\nNo change was carried out, so nothing was saved."
    if report.months:
        yield from _table("By month", BY_MONTH, [
            (f"{one.month:%Y-%m}", _saved(one.saved), _measuring(one.cost), _operating(one.cost),
             seconds(one.cost.waited_s), _saved(one.net), _processor(one))
            for one in report.months
        ])  # fmt: skip
    yield from _table("By change", BY_CHANGE, [
        (f"{one.done:%Y-%m-%d %H:%M}", _named(one), _ratio(one.promised), _ratio(one.came), one.verdict,
         *(_saved(saved) if saved else "not known" for saved in (one.saved, one.processor)))
        for one in report.changes
    ])  # fmt: skip
    yield from _table("By label of the caller", ("label", "saved"), [
        (_plain(one.route), _saved(one.saved)) for one in report.routes
    ])  # fmt: skip
    yield from _listed("Promises that were not kept", [
        f"{_named(one)}: promised {_ratio(one.promised)}, came {_ratio(one.came)}: {one.broken}"
        for one in report.changes if one.broken
    ])  # fmt: skip
    yield from _listed("What could not be told", [
        f"{_named(one)}: {_plain(one.reason)}" for one in report.changes if one.verdict == "inconclusive"
    ])  # fmt: skip
    yield from _listed("Of what processor seconds are not known", [
        f"{_named(one)}: {one.processor_unknown}" for one in report.changes if one.processor_unknown
    ])  # fmt: skip
    yield from _table("Rejected, by the reason", ("reason", "suggestions"), [
        (_plain(reason_in_words(one.reason)), f"{one.suggestions:,}") for one in report.rejected
    ])  # fmt: skip
    if report.months:
        yield f"\n## How it is counted\n\n{COUNTED}\n\n{COUNTED_PROCESSOR}"
        yield from _listed("What is in no figure", report.unknown)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if rows:
        yield f"\n## {title}\n"
        yield _row(columns)
        yield _row(["---"] * len(columns))
        yield from map(_row, rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"\n## {title}\n"
        yield from (f"- {line}" for line in lines)


def _named(one: Change) -> str:
    return f"{_plain(one.title)} ({_plain(one.product)}/{_plain(one.database)}, {one.suggestion_id[:13]})"


def _saved(saved: Saved) -> str:
    return f"{seconds(saved.seconds)} ({seconds(saved.low)} to {seconds(saved.high)})"


def _measuring(cost: Cost) -> str:
    untold = f", {cost.untold} more without an answer that says" if cost.untold else ""
    return f"{seconds(cost.measured_s)} in {cost.analyses - cost.untold} analyses{untold}"


def _processor(month: Month) -> str:
    known, changes = month.processor_changes, month.changes
    if not known and changes:
        return "not known"
    part = f", of {known} of {changes} changes" if known < changes else ""
    return f"{_saved(month.processor)}{part}"


def _operating(cost: Cost) -> str:
    return f"{seconds(cost.operated_s)} in {cost.operations} operations"


def _ratio(ratio: Ratio | None) -> str:
    return f"{ratio.speedup:.2f}x ({ratio.low:.2f} to {ratio.high:.2f})" if ratio else "not known"


def _plain(text: str) -> str:
    """Names are the product's own: none of them makes a link, a cell or HTML, or ends a line."""
    return re.sub(r"([\\`*\[\]<>&|])", r"\\\1", " ".join(one_line(text).split()))
