"""What each change promised and what came, as a plot that stands by itself: SVG, on light and dark ground."""

from collections.abc import Iterator, Sequence
from math import ceil, floor, log10
from xml.etree.ElementTree import Element

from inference.advisor.wording import seconds
from inference.svg import group, line, mark, plot, text, written
from schemas.printable import one_line
from store.report import Change, Ratio, Report

WIDTH, LEFT, RIGHT, TOP, ROW, BOTTOM = 960, 380, 40, 96, 30, 64
"""In pixels; a change takes a row."""
LONGEST = 52
"""Characters of a title; the whole one shows when it is pointed at."""
STYLE = """
.promised { stroke: #8c959f; fill: #8c959f } .confirmed { stroke: #0969da; fill: #0969da }
.worse { stroke: #cf222e; fill: #cf222e } .inconclusive { stroke: #9a6700; fill: none }
@media (prefers-color-scheme: dark) {
.promised { stroke: #767e88; fill: #767e88 } .confirmed { stroke: #4493f8; fill: #4493f8 }
.worse { stroke: #f85149; fill: #f85149 } .inconclusive { stroke: #d29922 }
}
"""
TITLE = "What was promised and what came"
AXIS = "times as fast as before (time before / time after, logarithmic scale), with 95 % intervals"


def svg(report: Report) -> str:
    changes = report.changes
    height = TOP + ROW * max(1, len(changes)) + BOTTOM
    of = [TITLE, f"{report.month:%Y-%m}" if report.month else "", report.product or ""]
    root = plot(", ".join(filter(None, of)), WIDTH, height, STYLE)
    _legend(root)
    scale = Scale([ratio for one in changes for ratio in (one.promised, one.came) if ratio])
    end = height - BOTTOM
    for tick in scale.ticks:
        line(root, "even" if tick == 1 else "grid", scale(tick), TOP - 8, scale(tick), end)
        text(root, scale(tick), end + 18, f"{tick:g}x", "quiet", **{"text-anchor": "middle"})
    text(root, (LEFT + WIDTH - RIGHT) / 2, end + 42, AXIS, "quiet", **{"text-anchor": "middle"})
    for place, one in enumerate(changes):
        _change(root, one, scale, TOP + ROW * place + ROW / 2)
    if not changes:
        text(root, 16, TOP + ROW / 2, "no change was carried out", "quiet")
    return written(root)


class Scale:
    """Logarithmic, from below the least to above the largest; 1 is always on it."""

    def __init__(self, ratios: Sequence[Ratio]) -> None:
        ends = [end for one in ratios for end in (one.low, one.high, one.speedup) if end > 0]
        self._low = min([0.5, *ends]) / 1.1
        self._high = max([2.0, *ends]) * 1.1

    def __call__(self, ratio: float) -> float:
        inside = min(max(ratio, self._low), self._high)
        part = (log10(inside) - log10(self._low)) / (log10(self._high) - log10(self._low))
        return round(LEFT + part * (WIDTH - RIGHT - LEFT), 1)

    @property
    def ticks(self) -> list[float]:
        decades = range(floor(log10(self._low)), ceil(log10(self._high)) + 1)
        steps = (1, 2, 5) if len(decades) <= 4 else (1,)
        found = [step * 10.0**decade for decade in decades for step in steps]
        return [one for one in found if self._low <= one <= self._high]


def _change(root: Element, one: Change, scale: Scale, y: float) -> None:
    row = group(root, f"{one.title} ({one.product}/{one.database}): {one.reason}{_spared(one)}")
    name = one_line(one.title)
    text(row, 16, y + 4, name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…")
    if one.promised:
        _interval(row, "promised", one.promised, scale, y - 5, "circle")
    if one.came:
        _interval(row, one.verdict, one.came, scale, y + 5, "rect" if one.verdict == "worse" else "circle")
    else:
        text(row, scale(1) + 6, y + 9, "not known", "quiet", **{"font-size": "11"})


def _spared(one: Change) -> str:
    parts = [
        f"{seconds(saved.seconds)} of {what} ({seconds(saved.low)} to {seconds(saved.high)})"
        for saved, what in ((one.saved, "waiting"), (one.processor, "processor time"))
        if saved
    ]
    return f"; saved {' and '.join(parts)}" if parts else ""


def _interval(row: Element, kind: str, ratio: Ratio, scale: Scale, y: float, shape: str) -> None:
    line(row, kind, scale(ratio.low), y, scale(ratio.high), y, **{"stroke-width": "2"})
    mark(row, kind, shape, scale(ratio.speedup), y)


def _legend(root: Element) -> None:
    x = 16.0
    for kind, shape, name in _kinds():
        mark(root, kind, shape, x + 4, 52)
        text(root, x + 14, 56, name, "quiet")
        x += 30 + 7 * len(name)


def _kinds() -> Iterator[tuple[str, str, str]]:
    yield "promised", "circle", "promised"
    yield "confirmed", "circle", "came: confirmed"
    yield "worse", "rect", "came: worse"
    yield "inconclusive", "circle", "came: inconclusive"
