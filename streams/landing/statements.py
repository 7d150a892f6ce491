"""Rewrites in a file of SQL: the statements that they are for are found by their shape, and keep their own data."""

from collections.abc import Iterator, Mapping

from schemas.errors import NotMeasurable
from schemas.fingerprint import fill, shape
from schemas.lexer import TOKEN


def rewritten(text: str, rewrites: Mapping[str, str]) -> tuple[str, set[str]]:
    """`rewrites` are statements by the fingerprint of what they replace. And the fingerprints that were found."""
    found: set[str] = set()
    parts: list[str] = []
    done = 0
    for start, end in _statements(text):
        of = shape(text[start:end])
        if of.id in rewrites and of.literals is not None and not of.files:
            try:
                new = fill(rewrites[of.id], of.literals)
            except NotMeasurable:  # it wants a literal that this statement does not have
                continue
            parts += (text[done:start], new)
            done = end
            found.add(of.id)
    return "".join((*parts, text[done:])), found


def _statements(text: str) -> Iterator[tuple[int, int]]:
    """Where each begins and ends, without the semicolon, and without comments before and behind it."""
    start, end = -1, 0
    for match in TOKEN.finditer(text):
        word, operator, literal, _ = match.groups(default="")
        if operator == ";":
            if start >= 0:
                yield start, end
            start = -1
        elif token := word or operator or literal:
            end = match.end()
            start = end - len(token) if start < 0 else start
    if start >= 0:
        yield start, end
