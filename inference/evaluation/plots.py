"""Plots of the report: regret by ranker, and whether gains are as likely as a model says."""

from collections.abc import Mapping, Sequence
from math import ceil, sqrt
from xml.etree.ElementTree import Element

from ..svg import group, line, mark, plot, shape, text, written
from .calibration import Bin
from .ranking import Mean

STYLE = """
.first { stroke: #0969da; fill: #0969da } .second { stroke: #9a6700; fill: #9a6700 } .joined { fill: none }
@media (prefers-color-scheme: dark) {
.first { stroke: #4493f8; fill: #4493f8 } .second { stroke: #d29922; fill: #d29922 }
}
"""
KINDS = ("first", "second")
MIDDLE = {"text-anchor": "middle"}
WIDTH, LEFT, RIGHT, TOP, ROW, BOTTOM = 760, 180, 32, 92, 34, 60
SQUARE, EDGE = 420, 64
LARGEST = 12.0


def regrets(rows: Mapping[str, Sequence[Mean]], called: Sequence[str]) -> str:
    """Of each ranker as many means as there are names for them, two at most, each with its interval, from 0 to 1."""
    height = TOP + ROW * len(rows) + BOTTOM
    root = plot("What is lost by measuring the first candidates alone", WIDTH, height, STYLE)
    _legend(root, dict(zip(called, KINDS, strict=False)))
    most = max((one.high for means in rows.values() for one in means), default=1.0)
    ends = 0.2 * max(1, ceil(round(most / 0.2, 6)))
    end = height - BOTTOM

    def place(value: float) -> float:
        return round(LEFT + value / ends * (WIDTH - RIGHT - LEFT), 1)

    for step in range(round(ends / 0.1) + 1):
        line(root, "grid", place(0.1 * step), TOP - 8, place(0.1 * step), end)
        text(root, place(0.1 * step), end + 18, f"{0.1 * step:.1f}", "quiet", **MIDDLE)
    axis = "part of what the best candidate saves, mean over domains with its 95 % interval"
    text(root, (LEFT + WIDTH - RIGHT) / 2, end + 42, axis, "quiet", **MIDDLE)
    for number, (name, means) in enumerate(rows.items()):
        y = TOP + ROW * number + ROW / 2
        text(root, 16, y + 4, name)
        for offset, kind, of, one in zip((-5, 5), KINDS, called, means, strict=False):
            row = group(root, f"{name}, {of}: {one.mean:.3f} ({one.low:.3f} to {one.high:.3f})")
            line(row, kind, place(one.low), y + offset, place(one.high), y + offset, **{"stroke-width": "2"})
            mark(row, kind, "circle", place(one.mean), y + offset)
    return written(root)


def reliability(curves: Mapping[str, Sequence[Bin]]) -> str:
    """Two models at most. The area of a mark is the part of the candidates that is in its bin."""
    height = TOP + SQUARE + BOTTOM
    root = plot("Are gains as likely as a model says?", SQUARE + 2 * EDGE, height, STYLE)
    _legend(root, dict(zip(curves, KINDS, strict=False)))
    for step in range(6):
        at = 0.2 * step
        line(root, "grid", _x(at), _y(0), _x(at), _y(1))
        line(root, "grid", _x(0), _y(at), _x(1), _y(at))
        text(root, _x(at), _y(0) + 18, f"{at:.1f}", "quiet", **MIDDLE)
        text(root, _x(0) - 8, _y(at) + 4, f"{at:.1f}", "quiet", **{"text-anchor": "end"})
    line(root, "even", _x(0), _y(0), _x(1), _y(1))
    text(
        root, _x(0.5), _y(0) + 42, "probability of a gain that is said; upwards how often it is one", "quiet", **MIDDLE
    )
    for kind, (name, bins) in zip(KINDS, curves.items(), strict=False):
        points = " ".join(f"{_x(one.said):g},{_y(one.true):g}" for one in bins)
        shape(root, "polyline", f"{kind} joined").set("points", points)
        total = sum(one.size for one in bins)
        for one in bins:
            row = group(root, f"{name}: said {one.said:.2f}, so in {one.true:.2f} of {one.size:,}")
            shape(row, "circle", kind, cx=_x(one.said), cy=_y(one.true), r=max(2, LARGEST * sqrt(one.size / total)))
    return written(root)


def _x(value: float) -> float:
    return round(EDGE + value * SQUARE, 1)


def _y(value: float) -> float:
    return round(TOP + (1 - value) * SQUARE, 1)


def _legend(root: Element, names: Mapping[str, str]) -> None:
    x = 16.0
    for name, kind in names.items():
        mark(root, kind, "circle", x + 4, 52)
        text(root, x + 14, 56, name, "quiet")
        x += 30 + 7 * len(name)
