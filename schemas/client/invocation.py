"""One call of a method or function that was wrapped, and how the rows of what it returns are counted."""

from collections.abc import Callable
from types import FrameType
from typing import Any

from .frames import call_as


class Invocation:
    """`subject` is the connection or relation, `args` and `kwargs` what came beside it."""

    __slots__ = ("_call", "_frame", "args", "kwargs", "subject")

    def __init__(
        self,
        frame: FrameType | None,
        subject: Any,
        call: Callable[[], Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._frame = frame
        self._call = call
        self.subject = subject
        self.args = args
        self.kwargs = kwargs

    def perform(self) -> Any:
        """For calls that look up names in the caller's variables, or may warn."""
        return call_as(self._frame, self._call)

    def perform_plainly(self) -> Any:
        return self._call()

    def argument(self, position: int, name: str) -> Any:
        return self.args[position] if len(self.args) > position else self.kwargs.get(name)


Kind = Callable[[Invocation], Any]
"""How a method is followed: it performs the call and returns what that returns."""
Rows = Callable[[Any], int | None]
"""How many rows were returned, None where they are read later."""
Last = Callable[[Any, Invocation], bool]
"""Whether the result is read to its end, as far as what was returned tells."""


def count(result: Any) -> int | None:
    if isinstance(result, list):
        return len(result)
    if isinstance(result, dict):  # of columns
        return next((len(column) for column in result.values()), 0)
    rows: int | None = getattr(result, "num_rows", None)  # Arrow
    return len(result) if rows is None and hasattr(result, "__len__") else rows


def one(row: Any) -> int:
    return int(row is not None)


def none(_result: Any) -> None:
    """Of what returns no rows."""


def no_row(row: Any, _invocation: Invocation) -> bool:
    return row is None


def short(rows: Any, invocation: Invocation) -> bool:
    size = invocation.argument(0, "size")
    return len(rows) < (1 if size is None else size)


def empty(rows: Any, _invocation: Invocation) -> bool:
    return len(rows) == 0


def always(_result: Any, _invocation: Invocation) -> bool:
    return True


def never(_result: Any, _invocation: Invocation) -> bool:
    return False
