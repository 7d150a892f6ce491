"""One service for a whole test run, however many processes pytest-xdist spreads it over."""

import fcntl
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pytest

Stop = Callable[[], None]


def shared(
    at_end: Callable[[Stop], object],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    start: Callable[[Path], tuple[str, Stop]],
) -> str:
    """The address of the service: the first worker that asks starts it, and stops it when all others are done.

    `start` gets a folder for the service and returns its address and what stops it. `at_end` takes what is to be
    called at the end of the worker: not of its last test, to which waiting for the others would count as time.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # of this run, for all its workers

    def file(role: str) -> IO[str]:
        return (root / f"{name}.{role}").open("a+")

    with ExitStack() as undo:
        starting, owner, users = (undo.enter_context(file(role)) for role in ("starting", "owner", "users"))
        fcntl.flock(starting, fcntl.LOCK_EX)
        stop: Stop | None = None
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner.seek(0)
            address = owner.read()
        else:
            address, stop = start(root / name)
            owner.truncate(0)
            owner.write(address)
            owner.flush()
        fcntl.flock(users, fcntl.LOCK_SH)
        fcntl.flock(starting, fcntl.LOCK_UN)
        locks = undo.pop_all()

    def end() -> None:
        with locks:
            fcntl.flock(users, fcntl.LOCK_UN)
            if stop:
                fcntl.flock(starting, fcntl.LOCK_EX)  # nobody joins from here on
                fcntl.flock(users, fcntl.LOCK_EX)  # the others are done
                stop()

    at_end(end)
    return address
