"""Tables of reports."""

from collections.abc import Iterable, Sequence

Row = Sequence[object]


def table(heads: Row, rows: Iterable[Row]) -> str:
    """Of Markdown. Whole numbers are told by thousands."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in (heads, *rows)]
    first, *others = (f"| {' | '.join(row)} |" for row in cells)
    return "\n".join([first, f"|{'---|' * len(heads)}", *others])
