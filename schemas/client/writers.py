"""Holds back the product's writers while one of its tables is changed, and waits for those that write.

Reads never wait, nor does a transaction that has written before: it is let to its end. What is not seen here, or
taken for something else, fails at DuckDB's own fence (`operate.transaction`): this keeps the product from failing, and
is not what keeps its rows.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock

from ..errors import OperationError
from ..lexer import tokens
from .calls import Connection, connections

POLL_S = 0.005
_FIRST = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*([a-z]+)", re.IGNORECASE | re.DOTALL)
_BEGINS = frozenset({"begin", "start"})
_ENDS = frozenset({"commit", "end", "rollback", "abort"})
_READS = frozenset(
    "attach call checkpoint deallocate describe desc detach from install load pivot pragma prepare reset select set "
    "show summarize table unpivot use values".split()
)
_MAY_WRITE = frozenset({"explain", "with"})
_WRITES = frozenset({"copy", "create", "delete", "insert", "merge", "update"})
# what a script or a literal has behind a semicolon; of the latter some are taken for the former, which costs a wait
_LATER = re.compile(r";\s*(begin|start|commit|end|rollback|abort)\b", re.IGNORECASE)


class Shut:
    """Of one database, until it is opened again; nobody is held back for longer than `most_s`."""

    def __init__(self, most_s: float) -> None:
        self._deadline = time.monotonic() + most_s
        self.waiting = 0
        """Writers that were held back."""
        self.waited_s = 0.0
        """The longest of them."""
        self._opened = Event()
        self._lock = Lock()

    def hold(self) -> None:
        since = time.monotonic()
        with self._lock:
            self.waiting += 1
        self._opened.wait(max(0.0, self._deadline - time.monotonic()))
        with self._lock:
            self.waited_s = max(self.waited_s, time.monotonic() - since)

    @property
    def holds(self) -> bool:
        return not self._opened.is_set() and time.monotonic() < self._deadline

    def open(self) -> None:
        self._opened.set()


_shut: dict[str, Shut] = {}


def enter(known: Connection, query: object) -> bool:
    """A statement is about to run. Whether `leave` has to be called after it."""
    text = query if type(query) is str else getattr(query, "query", None)
    if not isinstance(text, str) or (first := _first(text)) in _READS or (first in _MAY_WRITE and not _writes(text)):
        return False
    known.writing = True  # before looking, as who shuts looks after
    while not known.wrote and first not in _BEGINS | _ENDS and (shut := _shut.get(known.place or "")) and shut.holds:
        known.writing = False
        shut.hold()
        known.writing = True
    return True


def leave(known: Connection, query: object, *, failed: bool) -> None:
    """The statement has ended."""
    text = query if type(query) is str else getattr(query, "query", "")
    first = _first(text)
    later = _LATER.findall(text)
    if later:
        first = later[-1].lower()
    if first in _ENDS:
        known.transaction = known.wrote = False
    elif first in _BEGINS:
        known.transaction = known.transaction or not failed
    elif known.transaction:
        known.wrote = True
    known.writing = False


@contextmanager
def shut(place: str, patience_s: float, most_s: float) -> Iterator[Shut]:
    """Holds back those that want to write to the database, for `most_s` at the most, once those that write have ended.

    Raises OperationError where they do not end within `patience_s`, or another change holds them back.
    """
    made = Shut(most_s)
    if _shut.setdefault(place, made) is not made:
        raise OperationError("another change of this database is under way")
    try:
        deadline = time.monotonic() + patience_s
        while busy := [known for known in list(connections.values()) if known.place == place and _is_busy(known)]:
            if time.monotonic() > deadline:
                raise OperationError(
                    f"{len(busy)} transactions of the product had written and did not end within {patience_s:g} s"
                )
            time.sleep(POLL_S)
        yield made
    finally:
        del _shut[place]
        made.open()


def open_connections(place: str) -> int:
    """Of the product, those that are known."""
    return sum(known.place == place and not known.closed for known in list(connections.values()))


def closed(known: Connection) -> None:
    known.closed = True
    known.writing = known.transaction = known.wrote = False


def _is_busy(known: Connection) -> bool:
    return known.writing or known.wrote


def _first(text: str) -> str:
    found = _FIRST.match(text)
    return found[1].lower() if found else ""


def _writes(text: str) -> bool:
    return any(word.lower() in _WRITES for word, *_ in tokens(text) if word)
