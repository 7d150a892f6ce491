"""The folders that clones lie in: each of one measurement, readable by the product's user alone, gone after use."""

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import CloneError
from .alive import Alive, is_alive
from .exemplars import make_private

OWNER = "owner"
FORGOTTEN_S = 7 * 86_400.0


class Workspace:
    """`root/name`. The name is the request's, so that a request whose process died is known again."""

    def __init__(self, root: Path, name: str) -> None:
        """Raises CloneError where this request was taken up before, OSError where there is no room."""
        self.folder = root / name
        make_private(root)
        with _alone(root):
            if self.folder.exists():
                if is_alive(self.folder / OWNER):
                    raise CloneError("another process of this product measures this request already")
                shutil.rmtree(self.folder)
                raise CloneError(
                    "the process ended while it measured this request the time before, so it was not tried again: "
                    "ask for another analysis once it is known why"
                )
            self.folder.mkdir(mode=0o700)
            self._owner = Alive(self.folder / OWNER)

    def remove(self) -> bool:
        """Whether all of it is gone; a file that will not go is gone with the next sweep."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._owner.release()
        return not self.folder.exists()


def sweep(root: Path) -> None:
    """Deletes what processes left behind that died. The empty folder stays for a week: it tells of the request."""
    if not root.is_dir():
        return
    with _alone(root):
        for folder in (entry for entry in root.iterdir() if entry.is_dir() and not is_alive(entry / OWNER)):
            for entry in folder.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    entry.unlink(missing_ok=True)
            if time.time() - folder.stat().st_mtime > FORGOTTEN_S:
                with suppress(OSError):
                    folder.rmdir()


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Without other processes that make or sweep folders."""
    with (root / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
