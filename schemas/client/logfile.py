"""A log that another process appends to, followed line by line over rotations, truncations and restarts.

A file that was renamed is read until nothing has come for `LEFT_S` seconds once another has its name, which is then
read from its beginning. A file that is shorter than before, or begins otherwise, was truncated and is read from its
beginning. The last line waits until it ends.

A restart goes on at the place that it is given, in the file that lies there under this name or, rotated meanwhile,
under another in the same folder. What cannot be had again: files that came and went between two looks, those that
were compressed or moved to another folder before they were read to their end, and what stood in a truncated file
behind the last look.
"""

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

LARGEST_LINE = 1024 * 1024
"""Bytes."""
LINES = 2_000
HEAD = 1_024
LEFT_S = 5.0

Line = tuple[int, bytes | None]
"""Its number in the file, from 1, and what stands in it; None where that is longer than `LARGEST_LINE`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Between two lines. A file is known again by its inode and by the hash of its first bytes, `HEAD` at most and
    none behind the place: an inode alone may be another file's next."""

    inode: int
    offset: int
    lines: int
    """Before it."""
    head: str


NOWHERE = Place(0, 0, 0, "")
"""There was no file yet, so the one that comes is read from its beginning."""


class LogFile:
    def __init__(self, path: Path, place: Place | None) -> None:
        """Goes on at `place`; without one at the end of what is there. Raises OSError."""
        self._path = path
        self._left_since: float | None = None
        self._file: _File | None = None
        if place is None:
            if (file := _open(path)) is not None:
                file.go_to_end()
            self._file = file
        elif (found := self._find(place)) is not None and (file := _open(found)) is not None:
            file.go_to(place.offset, place.lines)
            self._file = file

    @property
    def place(self) -> Place:
        """Behind the lines that were read last."""
        return NOWHERE if self._file is None else self._file.place

    def read(self) -> list[Line]:
        """The next lines, `LINES` at most. Raises OSError."""
        self._file = file = self._file or _open(self._path)
        if file is None:
            return []
        before = file.offset
        lines = file.next_lines()
        if lines or file.offset != before:
            self._left_since = None
        elif self._is_left(file):
            following = _open(self._path)  # raises before anything of this one is given up
            lines = file.last_line()
            file.close()
            self._left_since = None
            self._file = following
        return lines

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _is_left(self, file: "_File") -> bool:
        """Whether another file has the name, and nobody writes to this one any more."""
        try:
            if file.is_at(self._path):
                return False
        except FileNotFoundError:
            return False
        self._left_since = self._left_since or time.monotonic()
        return time.monotonic() - self._left_since >= LEFT_S

    def _find(self, place: Place) -> Path | None:
        for path in self._beside(place.inode):
            with suppress(OSError), path.open("rb") as file:
                long_enough = os.fstat(file.fileno()).st_size >= place.offset
                if long_enough and _hash(file.read(min(HEAD, place.offset))) == place.head:
                    return path
        return None

    def _beside(self, inode: int) -> Iterator[Path]:
        with suppress(FileNotFoundError):
            if self._path.stat().st_ino == inode:
                yield self._path
        with suppress(FileNotFoundError), os.scandir(self._path.parent) as entries:
            yield from (Path(entry) for entry in entries if entry.inode() == inode and entry.is_file())


class _File:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._head = b""
        self.go_to(0, 0)

    def go_to(self, offset: int, lines: int) -> None:
        self.offset = self._begin = offset
        """Of what comes next, and of the line that it is in."""
        self._lines = lines
        self._too_long = False
        self._remember_head()

    def go_to_end(self) -> None:
        """Behind the last line that has ended."""
        offset = end = lines = 0
        while block := os.pread(self._descriptor, LARGEST_LINE, offset):
            lines += block.count(b"\n")
            end = offset + last + 1 if (last := block.rfind(b"\n")) >= 0 else end
            offset += len(block)
        self.go_to(end, lines)

    @property
    def place(self) -> Place:
        return Place(os.fstat(self._descriptor).st_ino, self._begin, self._lines, _hash(self._head))

    def is_at(self, path: Path) -> bool:
        return os.path.samestat(path.stat(), os.fstat(self._descriptor))

    def next_lines(self) -> list[Line]:
        data = self._data()
        lines: list[Line] = []
        begin = 0
        while len(lines) < LINES and (end := data.find(b"\n", begin)) >= 0:
            self._lines += 1
            lines.append((self._lines, None if self._too_long else data[begin:end]))
            self._too_long = False
            begin = end + 1
        if lines:
            self.offset = self._begin = self.offset + begin
            self._remember_head()
        elif len(data) > LARGEST_LINE:
            self._too_long = True
            self.offset += len(data)
        return lines

    def last_line(self) -> list[Line]:
        """Though it has not ended."""
        data = os.pread(self._descriptor, LARGEST_LINE, self.offset)
        return [(self._lines + 1, None if self._too_long else data)] if data or self._too_long else []

    def close(self) -> None:
        os.close(self._descriptor)

    def _data(self) -> bytes:
        """What comes next, one byte more at most than a line may have."""
        data = os.pread(self._descriptor, LARGEST_LINE + 1, self.offset)
        # looked at afterwards, so that nothing is taken of a file that was truncated in between
        if os.fstat(self._descriptor).st_size < self.offset or self._begins_otherwise():
            self._head = b""
            self.go_to(0, 0)
            data = os.pread(self._descriptor, LARGEST_LINE + 1, 0)
        return data

    def _begins_otherwise(self) -> bool:
        return os.pread(self._descriptor, len(self._head), 0) != self._head

    def _remember_head(self) -> None:
        if len(self._head) < min(HEAD, self._begin):
            self._head = os.pread(self._descriptor, min(HEAD, self._begin), 0)


def _open(path: Path) -> _File | None:
    """None where there is no such file. Raises OSError."""
    try:
        # a pipe would else keep us waiting for its writer
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return _File(descriptor)


def _hash(head: bytes) -> str:
    return blake2b(head, digest_size=16).hexdigest()
