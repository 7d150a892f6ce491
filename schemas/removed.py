"""What was taken out of a text, and how what stays is put together again."""

import re
from hashlib import blake2b

from .dialect import SUFFIXES
from .literal import literal

PLACEHOLDER = re.compile(r"\$[0-9]+|'\$[0-9]+'")
FILE_ID = re.compile(r"@(?:file|url):[0-9a-f]{12}(?:\.[a-z0-9]+)*")
GLUE = "\1"
"""Marks a piece, a bracket, that belongs to the name before it."""

NAME = "\2"
"""Ends a piece that is a name, though it is written like a keyword."""

_SUFFIX = re.compile(rf"(?:\.(?:{'|'.join(SUFFIXES)}))+(?=[?#]|$)", re.IGNORECASE)
_REMOTE = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+://|md:")
_UNKNOWN = object()


def is_placeholder(piece: str) -> bool:
    return (piece[0] == "$" and piece != "$") or (piece[:2] == "'$" and piece[2:-1].isdecimal())


class Removed:
    """What was taken out of a text."""

    __slots__ = ("_complete", "_literals", "_parameters", "_position", "_salt", "_tails", "files", "kept")

    def __init__(self, parameters: object, salt: bytes) -> None:
        self._parameters: dict[object, object] = {}
        if isinstance(parameters, dict):
            self._parameters = parameters
        elif isinstance(parameters, list | tuple):
            self._parameters = {str(number): value for number, value in enumerate(parameters, 1)}
        self._salt = salt
        self._position = 0
        self._complete = True
        self._literals: list[str] = []
        self._tails: dict[int, list[str]] = {}
        self.files: dict[str, str] = {}
        self.kept: list[str] = []  # strings whose case is part of the shape

    def literals(self) -> tuple[str, ...] | None:
        """In the order of their placeholders; None if a parameter's value is not known."""
        if not self._complete:
            return None
        return tuple(map(self._text, range(len(self._literals))) if self._tails else self._literals)

    def take(self, text: str) -> str:
        """Removes a literal and returns its placeholder."""
        self._literals.append(text)
        return f"${len(self._literals)}"

    def extend(self, text: str) -> None:
        self._literals[-1] += text

    def value(self, parameter: str) -> str:
        """The literal of a parameter's value, or the parameter itself where that is not known."""
        name = parameter[1:]
        if not name:
            self._position += 1
            name = str(self._position)
        text = literal(self._parameters.get(name, _UNKNOWN))
        if text is None:
            self._complete = False
            return parameter
        return f"({text})" if text[0] == "-" else text

    def file(self, path: str) -> str:
        """The salted id of a path; an id is its own."""
        if path in ("", ":memory:") or FILE_ID.fullmatch(path):
            return path
        key = self._salt + b"\0" + path.encode("utf-8", "surrogatepass")
        place = "url" if _REMOTE.match(path) else "file"
        suffix = _SUFFIX.search(path)
        name = f"@{place}:{blake2b(key, digest_size=6).hexdigest()}{suffix[0].lower() if suffix else ''}"
        self.files[name] = path
        return name

    def absorb(self, out: list[str], before: int, start: int) -> bool:
        """Drops the item ``out[start:]`` and its comma if it has the form of ``out[before : start - 1]``.

        Its text, and what lies between the two, joins the literal of the last placeholder.
        """
        literals = self._literals
        ours, theirs = out[before], out[start] if start < len(out) else ""
        if len(out) == start + 1 == before + 3 and ours[0] == theirs[0] == "$" and "$" not in (ours, theirs):
            first = len(literals) - 1  # two constants, the usual case
            tail = ", " + self._text(first)
        else:
            item, last = out[start:], out[before : start - 1]
            if len(item) != len(last):
                return False
            end = count = 0
            for index, piece in enumerate(item):
                if piece != last[index]:
                    if not (is_placeholder(piece) and is_placeholder(last[index])):
                        return False
                    end = index + 1
                    count += 1
            if not count:
                return False
            first = len(literals) - count
            texts = map(self._text, range(first, len(literals)))
            tail = spaced([*last[end:], ",", *(next(texts) if is_placeholder(p) else p for p in item[:end])])
        self._tails.setdefault(first - 1, []).append(tail)
        del out[start - 1 :], literals[first:]
        return True

    def _text(self, index: int) -> str:
        tail = self._tails.pop(index, None)
        return self._literals[index] + "".join(tail) if tail else self._literals[index]


def spaced(pieces: list[str]) -> str:
    """The text of pieces, as a person would write it. No piece may hold a NUL."""
    text = "\0".join(pieces)
    for found, written in _SPACING:
        text = text.replace(found, written)
    return text


_SPACING = (
    (NAME, ""),
    ("\0" + GLUE, ""),
    ("(\0", "("),
    ("\0)", ")"),
    ("[\0", "["),
    ("\0]", "]"),
    ("{\0", "{"),
    ("#\0", "#"),
    ("\0}", "}"),
    ("\0,", ","),
    (")\0.\0", ") ."),
    ("]\0.\0", "] ."),
    ("\0.\0", "."),
    ("\0::\0", "::"),
    ("\0:\0", ": "),
    ("\0", " "),
)
