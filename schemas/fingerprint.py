"""Query shapes: one id for all statements that differ in their data alone, and a text that holds no data.

Removed, with a placeholder ``$1``..``$n`` in order of appearance in their stead: numbers with their sign,
strings, parameters. Where DuckDB's grammar wants a constant (options of COPY and ATTACH, ENUM, PIVOT ... IN,
comments, settings) the placeholder is a string, ``'$1'``. A list of constants (IN, [...], ENUM) and the rows of
VALUES are one item of it, whatever their length; in them NULL, TRUE, FALSE and typed literals are data as well.

Kept, for they make the shape: ordinals in GROUP BY and ORDER BY, units and formats of date functions, the width
of time_bucket, JSON paths, names of struct fields and sequences, sizes of types and samples, and everywhere but
in lists NULL, TRUE and FALSE.

A type makes the shape: ``DATE '2020-01-01'`` is ``CAST($1 AS DATE)``, as if it was written so. An interval keeps
its unit: ``INTERVAL '7 days'``, ``INTERVAL 7 DAY`` and ``INTERVAL (?) DAY`` are ``INTERVAL '$1' DAY``.

The values of settings and secrets are removed whatever they are. Paths and URLs become salted ids,
``'@file:<12 hex>.parquet'`` or ``'@url:...'``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

from .dialect import PIVOTS, UNITS
from .errors import NotMeasurable
from .lexer import TOKEN, Token, tokens
from .removed import GLUE, NAME, PLACEHOLDER, Removed, spaced
from .strip import strip
from .walk import unit_of

ALGORITHM: int = 1

_MARKS = ("\0", GLUE, NAME)  # mean something while a text is put together, and nothing in SQL


@dataclass(frozen=True, slots=True)
class Shape:
    """``literals`` and ``files`` are data and never leave the product.

    ``literals`` holds the SQL of what each placeholder stands for, in their order; it is None when a parameter's
    value was not given or has no literal. A MERGE is an "update", a TRUNCATE a "delete".
    """

    id: str
    text: str
    literals: tuple[str, ...] | None
    kind: str
    files: tuple[tuple[str, str], ...] = ()


def shape(sql: str, parameters: object = None, *, salt: bytes = b"") -> Shape:
    """The shape of a statement, or of several. Never raises; unreadable text has a shape too.

    ``parameters`` are those of DuckDB's ``execute``, a sequence or a mapping. Id and text do not depend on them.
    A value whose literal has a type (a date) is ``$1`` nevertheless, and its literal has the type.
    """
    readable = sql
    for mark in _MARKS:
        readable = readable.replace(mark, " ")
    removed = Removed(parameters, salt)
    texts: list[str] = []
    kind = ""
    found = tokens(readable)
    # DuckDB refuses parameters in most statements that pivot.
    pivots = "pivot" in readable.lower() and any(word.upper() in PIVOTS for word, *_ in found)
    for statement in _statements(found) if ";" in readable else [found] if found else []:
        pieces, own = strip(statement, removed, quoted=pivots)
        texts.append(spaced(pieces))
        kind = kind or own
    text = "; ".join(texts)
    digest = blake2b(text.encode("utf-8", "surrogatepass").lower(), digest_size=16)
    if removed.kept:
        digest.update("\0".join(removed.kept).encode("utf-8", "surrogatepass"))
    return Shape(
        f"{ALGORITHM}-{digest.hexdigest()}",
        text,
        removed.literals() if readable == sql else None,
        kind or "other",
        tuple(removed.files.items()),
    )


def fill(text: str, literals: Sequence[str], files: Mapping[str, str] | None = None) -> str:
    """The text with its placeholders and file ids filled in: the inverse of ``shape``.

    The text may be a rewritten one, with placeholders in another order, repeated or dropped.

    Raises: NotMeasurable if a placeholder has no literal.
    """
    parts: list[str] = []
    done = 0
    after_interval = own_unit = False
    for match in TOKEN.finditer(text):
        word, _, string, _ = match.groups(default="")
        end = match.end()
        if own_unit and word.lower() in UNITS:
            done = end  # INTERVAL '$1' DAY, of which '7 days' is the literal
        token = word or string
        value = ""
        if PLACEHOLDER.fullmatch(string):
            value = _literal(string, literals)
            if value[0] == "-" and text[end - len(string) - 1 : end - len(string)] == "-":
                value = " " + value  # "--" would open a comment
        elif files and token[:1] in ("'", '"', "`") and token[1:-1] in files:
            quote = token[0]
            value = quote + files[token[1:-1]].replace(quote, quote * 2) + quote
        if value:
            parts += (text[done : end - len(token)], value)
            done = end
        own_unit = after_interval and unit_of(value) != ""
        after_interval = word.upper() == "INTERVAL"
    parts.append(text[done:])
    return "".join(parts)


def _literal(placeholder: str, literals: Sequence[str]) -> str:
    number = int(placeholder.strip("'$"))
    if not 1 <= number <= len(literals):
        raise NotMeasurable(f"{placeholder} has no literal: this statement has {len(literals)}")
    return literals[number - 1]


def _statements(found: list[Token]) -> list[list[Token]]:
    ends = [-1, *(index for index, token in enumerate(found) if token[1] == ";"), len(found)]
    return [found[start + 1 : end] for start, end in pairwise(ends) if end - start > 1]
