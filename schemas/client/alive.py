"""Files that tell whether the process that made them still lives.

Each is locked by its process, and the system gives the lock back however the process ends. That holds where a pid
does not: in containers that share a folder, and after the pid is somebody else's.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet


class Alive:
    """Holds `file` locked until it is released, or the process ends. A forked child holds nothing."""

    def __init__(self, file: Path) -> None:
        """Raises OSError, BlockingIOError where another process lives in it."""
        self.file = file
        self._descriptor = self._lock()
        _held.add(self)

    def release(self) -> None:
        if self in _held:
            _held.discard(self)
            self.file.unlink(missing_ok=True)
            os.close(self._descriptor)

    def forget(self) -> None:
        """In a forked child, which has a copy of the descriptor and with it of the lock."""
        os.close(self._descriptor)

    def _lock(self) -> int:
        while True:
            descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_nlink:
                    return descriptor
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)  # another process took the file away, as one that nobody had locked


_held: WeakSet[Alive] = WeakSet()


def is_alive(file: Path) -> bool:
    """Whether a process holds it; False where there is no such file."""
    try:
        descriptor = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


class Instance(Alive):
    """This process as one of those that share a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__(folder / name)

    def count(self) -> int:
        """How many live, this one included. Those that died without a word are forgotten."""
        others = [file for file in self.file.parent.iterdir() if file != self.file]
        living = [file for file in others if is_alive(file)]
        for file in set(others) - set(living):
            with suppress(OSError):
                file.unlink()
        return len(living) + 1


def _forget_all() -> None:
    for one in list(_held):
        one.forget()
    _held.clear()


os.register_at_fork(after_in_child=_forget_all)
