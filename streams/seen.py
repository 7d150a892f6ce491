"""What was seen of an analysis, whether on Kafka's topics or here, and how it is told at the end."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from schemas.errors import InputError
from schemas.records import Measurement, MeasurementRequest, Outcome, Suggestion, Verdict
from streams import report

TELL_EVERY_S = 2.0

Progress = Callable[[str], None]


@dataclass(slots=True)
class Seen:
    """`suggestions` by their position."""

    runs: int = 0
    shapes: set[str] = field(default_factory=set)
    asked: MeasurementRequest | None = None
    measured: Measurement | None = None
    suggestions: dict[int, Suggestion] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    dead_letters: int = 0

    @property
    def complete(self) -> bool:
        """Whether all suggestions of the analysis are here."""
        return bool(self.suggestions) and len(self.suggestions) == next(iter(self.suggestions.values())).of

    def counts(self) -> dict[str, int]:
        results = self.measured.results if self.measured else []
        return {
            "runs": self.runs,
            "shapes": len(self.shapes),
            "candidates": len(self.asked.candidates) if self.asked else 0,
            "screened": sum(result.stage != "proposed" for result in results),
            "measured": sum(result.stage == "measured" for result in results),
            "suggestions": sum(one.kind == "change" for one in self.suggestions.values()),
            "refused": len(next(iter(self.suggestions.values())).considered) if self.suggestions else 0,
            "dead_letters": self.dead_letters,
        }


def progress_on(console: Console) -> Progress:
    """Prints lines, each with the seconds since now."""
    begun = time.monotonic()

    def progress(text: str) -> None:
        since = f"[dim]{time.monotonic() - begun:6.1f} s[/dim]"
        console.print(f"{since}  {escape(text)}", highlight=False, soft_wrap=True)

    return progress


def now_and_then(progress: Progress) -> Progress:
    """Passes on what comes `TELL_EVERY_S` after the last, and drops the rest."""
    last_s = time.monotonic()

    def told(text: str) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= TELL_EVERY_S:
            last_s = time.monotonic()
            progress(text)

    return told


def tell(
    seen: Seen,
    console: Console,
    progress: Progress,
    json_file: Path | None,
    more: Mapping[str, object] | None = None,
) -> None:
    """The suggestions, the counts in a line, and both as JSON, with `more` beside them.

    Raises InputError where that cannot be written.
    """
    suggestions = [seen.suggestions[position] for position in sorted(seen.suggestions)]
    counts = seen.counts()
    report.show(suggestions, console)
    applied = {one.suggestion_id for one in seen.outcomes if one.state == "done"}
    progress(
        f"{counts['runs']:,} runs of {counts['shapes']} shapes, {counts['candidates']} candidates, "
        f"{counts['screened']} screened, {counts['measured']} measured in full, "
        f"{counts['suggestions']} suggested, {len(applied) or 'none'} applied"
    )
    if json_file:
        try:
            json_file.write_text(report.as_json(suggestions, counts, more or {}) + "\n")
        except OSError as error:
            raise InputError(f"{json_file} cannot be written ({error.strerror}): name another file") from error
