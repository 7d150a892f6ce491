"""Which database a connection is on, as a place and as the name that the product's records carry."""

import os
import re

from ..errors import SettingsError

MEMORY = ":memory:"
# DuckDB renames these in whatever case, and names a catalog by its file's name up to the first dot
_RESERVED = frozenset({"main", "system", "temp"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9_+]+:")


def check_name(of: str, name: str) -> None:
    """Raises SettingsError: it becomes part of Kafka's keys and of a folder's path."""
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{of} {name!r}: letters, digits and ._:- alone, 100 at most")


def place_of(database: str | os.PathLike[str]) -> str:
    """A file's absolute path with links resolved; `:memory:NAME` and what is no local file as given."""
    text = os.fspath(database)
    if not text:
        return MEMORY
    if text.startswith(MEMORY) or _SCHEME.match(text):
        return text
    return os.path.realpath(os.path.expanduser(text))


def name_of(place: str) -> str:
    """DuckDB's catalog name of the place; databases in memory are `memory`, or `memory:NAME` when shared by name."""
    if place.startswith(MEMORY):
        return f"memory:{place[len(MEMORY) :]}" if len(place) > len(MEMORY) else "memory"
    # what follows a question mark may be a token
    last = re.split(r"[/\\:]", place.partition("?")[0])[-1]
    stem = next((part for part in last.split(".") if part), "database")
    return f"{stem}_db" if stem.lower() in _RESERVED else stem


def place_in_memory(name: str) -> str:
    """The inverse of `name_of` for databases in memory."""
    return MEMORY + name.removeprefix("memory").removeprefix(":")
