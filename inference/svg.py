"""Plots that stand by themselves: shapes of an SVG that loads nothing, on light and dark ground."""

from xml.etree.ElementTree import Element, SubElement, tostring

from schemas.printable import one_line

STYLE = """
svg { color-scheme: light dark; font: 13px system-ui, sans-serif }
.ground { fill: #ffffff } text { fill: #1f2328 } .quiet { fill: #59636e } .grid { stroke: #d1d9e0 }
.even { stroke: #59636e; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) {
.ground { fill: #0d1117 } text { fill: #e6edf3 } .quiet { fill: #9198a1 } .grid { stroke: #3d444d }
.even { stroke: #9198a1 }
}
"""
"""Of the ground, of text, and of lines behind what is shown."""


def plot(title: str, width: int, height: int, style: str) -> Element:
    """`style` is of the marks, beside STYLE. Sizes are in pixels, here and below."""
    root = Element("svg", {
        "xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {width} {height}", "width": str(width),
        "height": str(height), "role": "img", "aria-label": title,
    })  # fmt: skip
    SubElement(root, "style").text = STYLE + style
    shape(root, "rect", "ground", width=width, height=height)
    text(root, 16, 28, title, **{"font-weight": "600", "font-size": "16"})
    return root


def written(root: Element) -> str:
    return tostring(root, encoding="unicode") + "\n"


def group(parent: Element, told: str) -> Element:
    """`told` shows when it is pointed at."""
    made = SubElement(parent, "g")
    SubElement(made, "title").text = one_line(told)
    return made


def mark(parent: Element, kind: str, form: str, x: float, y: float) -> None:
    """`form` is circle or rect."""
    if form == "rect":
        shape(parent, "rect", kind, x=x - 4, y=y - 4, width=8, height=8)
    else:
        shape(parent, "circle", kind, cx=x, cy=y, r=4)


def line(parent: Element, kind: str, x1: float, y1: float, x2: float, y2: float, **more: str) -> None:
    shape(parent, "line", kind, x1=x1, y1=y1, x2=x2, y2=y2).attrib.update(more)


def text(parent: Element, x: float, y: float, said: str, kind: str = "", **more: str) -> None:
    made = shape(parent, "text", kind, x=x, y=y)
    made.attrib.update(more)
    made.text = one_line(said)


def shape(parent: Element, name: str, kind: str, **values: float) -> Element:
    return SubElement(parent, name, {"class": kind} | {one: f"{value:g}" for one, value in values.items()})
