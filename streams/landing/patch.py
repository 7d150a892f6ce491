"""Changes of a team's own files as a patch that `git apply` takes."""

import os
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from pathlib import Path

from schemas.errors import InputError

NOWHERE = "/dev/null"
NOT_THEIRS = frozenset({"target", "dbt_packages", "node_modules"})
"""Folders of what tools have made or brought."""
LARGEST = 1_000_000


def sources(folder: Path) -> dict[str, str]:
    """The texts of all SQL files below it by their relative paths, as a patch names them. Raises InputError."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}: name the working copy that the change is for")
    return {file.relative_to(folder).as_posix(): _text(file) for file in sorted(_files(folder))}


def unified(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """From the one to the other; a file that is missing on one side is made or deleted. Empty where all is equal."""
    parts: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old != new:
            parts += unified_diff(
                _lines(old),
                _lines(new),
                NOWHERE if old is None else f"a/{name}",
                NOWHERE if new is None else f"b/{name}",
            )
    return "".join(part if part.endswith("\n") else f"{part}\n\\ No newline at end of file\n" for part in parts)


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [one for one in folders if not one.startswith(".") and one not in NOT_THEIRS]
        yield from (Path(place, name) for name in names if name.endswith(".sql"))


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST:
            return ""  # a dump of data, which no rewrite is for
        return file.read_bytes().decode()
    except UnicodeDecodeError:
        return ""
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error


def _lines(text: str | None) -> list[str]:
    """At line feeds alone, as a patch counts them."""
    return [] if text is None else [line for line in text.replace("\n", "\n\0").split("\0") if line]
