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
SPARE_S = 5.0
_FIRST = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*([a-z]+)", re.IGNORECASE | re.DOTALL)
_BEGINS = frozenset({"begin", "start"})
_ENDS = frozenset({"commit", "end", "rollback", "abort"})
_READS = frozenset(
    "attach call checkpoint deallocate describe desc detach from install load pivot pragma prepare reset select set "
    "show summarize table unpivot use values".split()
)
_MAY_WRITE = frozenset({"explain", "with"})
_WRITES = frozenset({"copy", "create", "delete", "insert", "merge", "update"})


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
_counting = Lock()


def enter(known: Connection, query: object) -> bool:
    """A statement is about to run. Whether `leave` has to be called after it."""
    text = query if type(query) is str else getattr(query, "query", None)
    if not isinstance(text, str):
        return False
    begins = _beginnings(text)
    writes = any(_may_write(word, text) for word in begins)
    if not writes and not any(word in _BEGINS or word in _ENDS for word in begins):
        return False
    with _counting:
        known.writing += 1  # before looking, as who shuts looks after
    while writes and not known.wrote and (shut := _shut.get(known.place or "")) and shut.holds:
        with _counting:
            known.writing -= 1
        shut.hold()
        with _counting:
            known.writing += 1
    return True


def leave(known: Connection, query: object, *, failed: bool) -> None:
    """The statement has ended."""
    text = query if type(query) is str else getattr(query, "query", "")
    for word in _beginnings(text):
        if word in _ENDS:
            known.transaction = known.wrote = False
        elif word in _BEGINS:
            known.transaction = known.transaction or not failed
        elif known.transaction and _may_write(word, text):
            known.wrote = True
    with _counting:
        known.writing -= 1


@contextmanager
def shut(place: str, patience_s: float, most_s: float) -> Iterator[Shut]:
    """Holds back those that want to write to the database, once those that write have ended, for `most_s` from then.

    For `SPARE_S` longer they are held, so that nobody writes beside a change that is just being interrupted.

    Raises OperationError where they do not end within `patience_s`, or another change holds them back.
    """
    made = Shut(patience_s + most_s + SPARE_S)
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
    known.writing = 0
    known.transaction = known.wrote = False


def _is_busy(known: Connection) -> bool:
    return known.writing > 0 or known.wrote


def _may_write(word: str, text: str) -> bool:
    return word not in _READS | _BEGINS | _ENDS and (word not in _MAY_WRITE or _writes(text))


def _beginnings(text: str) -> list[str]:
    """The first word of each statement, in lower case."""
    if ";" not in text.rstrip("; \n\t"):
        found = _FIRST.match(text)
        return [found[1].lower()] if found else []
    words: list[str] = []
    begins = True
    for word, operator, *_ in tokens(text):
        if operator == ";":
            begins = True
        elif begins and word:
            words.append(word.lower())
            begins = False
    return words


def _writes(text: str) -> bool:
    return any(word.lower() in _WRITES for word, *_ in tokens(text) if word)
