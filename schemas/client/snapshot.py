"""A snapshot that the team's own command makes, where no full clone can be made."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event as Signal

from ..errors import CloneError

POLL_S = 0.2


def make_snapshot(command: Sequence[str], file: Path, seconds: float, stop: Signal) -> None:
    """Runs the command, without a shell, with the file that it shall write as its last argument.

    Raises CloneError where it fails, takes longer, or leaves no file there. Its output is the product's.
    """
    begun = time.monotonic()
    try:
        process = subprocess.Popen([*command, str(file)], stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    except OSError as error:
        raise CloneError(f"snapshot_command cannot be run ({error.strerror}): correct it") from error
    while (status := process.poll()) is None:
        if stop.wait(POLL_S) or time.monotonic() - begun > seconds:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise CloneError(f"snapshot_command was stopped after {time.monotonic() - begun:.0f} s: see snapshot_s")
    if status != 0:
        raise CloneError(f"snapshot_command failed with status {status}: its output tells more")
    if not file.is_file():
        raise CloneError("snapshot_command left no file where its last argument says: correct it")
    file.chmod(0o600)
