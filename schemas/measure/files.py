"""Bounded copies of the external files that exemplars read: the sandbox lets statements read these alone.

Which file a statement may name comes from the product's own exemplars, never from a request.
"""

import glob
import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from ..errors import NotMeasurable
from ..lexer import TOKEN
from .gate import READERS

MOST_FILES = 1_000
REMOTE = "://"
PATTERN = "*?["


class Copies:
    """Below `folder`, each file or pattern in a folder of its own, with what a pattern matches of its path."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self._left = most_bytes
        self._made: dict[str, str] = {}

    def of(self, files: Mapping[str, str]) -> dict[str, str]:
        """The same ids with the paths of their copies. Raises NotMeasurable."""
        return {name: self._copy(path) for name, path in files.items()}

    def for_parquet(self, copy: str) -> Path:
        """Where a copied file, or all that a pattern matches, is to be as one Parquet file."""
        folder = self.folder / "converted"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{hashlib.sha256(copy.encode()).hexdigest()[:16]}.parquet"

    def _copy(self, path: str) -> str:
        if path in self._made:
            return self._made[path]
        if REMOTE in path:
            raise NotMeasurable("it reads a file that is not on this machine")
        folder = self.folder / hashlib.sha256(path.encode()).hexdigest()[:16]
        root, rest = _split(path)
        try:
            found = sorted(Path(one) for one in glob.glob(path, recursive=True) if os.path.isfile(one))
            if os.path.isfile(path):
                found, root, rest = [Path(path)], Path(path).parent, Path(path).name
            if not found:
                raise NotMeasurable("it reads a file that is gone")
            size = sum(one.stat().st_size for one in found)
            if size > self._left or len(found) > MOST_FILES:
                raise NotMeasurable(f"it reads {size:,} bytes of files, more than may be copied for measuring")
            for one in found:
                target = folder / one.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(one, target)
        except OSError as error:
            raise NotMeasurable(f"it reads a file that cannot be copied ({type(error).__name__})") from error
        self._left -= size
        self._made[path] = str(folder / rest)
        return self._made[path]


def _split(path: str) -> tuple[Path, str]:
    """The part before the first component with a pattern, and the rest."""
    parts = Path(path).parts
    plain = next((place for place, part in enumerate(parts) if set(part) & set(PATTERN)), len(parts) - 1)
    return Path(*parts[:plain]), str(Path(*parts[plain:]))


def as_parquet(text: str, name: str) -> str:
    """The statement with the file of that id read as Parquet: by another function, and without its options."""
    pieces: list[str] = []
    done = depth = 0
    before: list[re.Match[str]] = []
    for match in TOKEN.finditer(text):
        operator, literal = match["operator"], match["literal"]
        if depth:
            depth += (operator == "(") - (operator == ")")
            done = match.end()
        elif literal == f"'{name}'" and len(before) > 1 and _opens_call(*before):
            pieces += [text[done : before[0].start("word")], f"read_parquet({literal})"]
            depth = 1
        before = [*before[-1:], match]
    return "".join(pieces) + text[done:]


def _opens_call(function: re.Match[str], bracket: re.Match[str]) -> bool:
    return bracket["operator"] == "(" and (function["word"] or "").lower() in READERS
