"""Ctrl-C, SIGTERM and the end of the terminal, for commands that put away what they made."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Signal

from schemas.errors import StoreError


@contextmanager
def ended_by_signals(stop: Signal) -> Iterator[None]:
    """In the main thread: raises KeyboardInterrupt, at the end at the latest, and sets `stop`.

    A signal that comes while DuckDB works is an error of DuckDB's there, and may be caught as one.
    """

    def end(*_: object) -> None:
        if not stop.is_set():  # the next ones come while all is put away
            stop.set()
            raise KeyboardInterrupt

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    except Exception:
        if not stop.is_set():
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stop.is_set():
        raise KeyboardInterrupt


def folder_beside(path: Path) -> "tempfile.TemporaryDirectory[str]":
    """On the same disk, so that what is made there whole only has to be renamed. Raises StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise StoreError(f"nothing can be written to {path.parent} ({error.strerror}): look at its rights") from error
