"""Which numbers a text names, in digits or in words, so that an explanation can be held to those that were measured.

English alone is read. So that no number gets past in a writing that is not, whatever is beyond ASCII and may be part of
a word or a number, and every name with a digit in it, counts as well, and has to stand in the other text as it is.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

DIGITS = r"\$?\.?[0-9]+(?:(?:[.,'’:^_]|\s?[/⁄]\s?|[ \u00a0\u202f](?=[0-9]{3}(?![0-9])))[0-9]+)*"
TOKEN = re.compile(rf"(?<![\w$])(?P<digits>{DIGITS})(?P<suffix>\w+|[%×])?|[$]?\w+|[%×]")
GROUPED = re.compile(r"[0-9]{1,3}(?P<comma>[,'’_ \u00a0\u202f])[0-9]{3}(?:(?P=comma)[0-9]{3})*(?:\.[0-9]+)?")
PLAIN = re.compile(r"\.?[0-9]+|[0-9]+\.[0-9]+")
JOINED = re.compile(r"\s*|[\-\u2010-\u2015]\s*")
"""What may stand between the parts of one number, or between it and its unit."""

SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
PARTS = (
    "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth "
    "seventeenth eighteenth nineteenth"
)
PARTS_OF_TENS = "twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth"
VAGUE = re.compile(r"(?i:magnitudes?|myriads?|manifold|umpteen)|X{1,3}(?:IX|IV|V?I{0,3})|IX|IV|VI{0,3}|I{2,3}")
"""Numbers that have no value, and Roman ones: they are compared as they are written. I and V alone are other words."""


def _inflected(words: dict[str, Fraction]) -> dict[str, Fraction]:
    return words | {f"{word}s": value for word, value in words.items()}


COUNTS = {word: Fraction(value) for value, word in enumerate(SMALL.split())} | {"couple": Fraction(2)}
COUNTS |= {word: Fraction(10 * value) for value, word in enumerate(TENS.split(), start=2)}
SCALES = _inflected(
    {"dozen": Fraction(12), "hundred": Fraction(100), "thousand": Fraction(10**3), "million": Fraction(10**6)}
    | {"billion": Fraction(10**9), "trillion": Fraction(10**12), "quarter": Fraction(1, 4), "halve": Fraction(1, 2)}
    | {"score": Fraction(20), "threescore": Fraction(60), "gross": Fraction(144)}
    | {word: Fraction(1, value) for value, word in enumerate(PARTS.split(), start=3)}
    | {word: Fraction(1, 10 * value) for value, word in enumerate(PARTS_OF_TENS.split(), start=2)}
    | {"hundredth": Fraction(1, 100), "thousandth": Fraction(1, 1000), "millionth": Fraction(1, 10**6)}
) | {word: Fraction(1, 2) for word in ("half", "halved", "halving")}
ABBREVIATED = {"k": Fraction(10**3), "K": Fraction(10**3), "M": Fraction(10**6), "bn": Fraction(10**9)}
"""After digits alone. A small m is a minute to some and a metre to others."""
UNITS = {
    word: tuple(units.split())
    for words, units in {
        "x × fold": "x", "run runs": "runs", "time times": "x runs", "% percent": "%",
        "ns nanosecond nanoseconds": "ns", "us µs μs microsecond microseconds": "us",
        "ms millisecond milliseconds": "ms", "s sec secs second seconds": "s", "min mins minute minutes": "min",
        "h hr hrs hour hours": "h", "d day days": "d", "week weeks": "week", "month months": "month",
        "year years": "year", "byte bytes": "byte", "kb": "kb", "mb": "mb", "gb": "gb", "tb": "tb", "kib": "kib",
        "mib": "mib", "gib": "gib", "tib": "tib",
    }.items()
    for word in words.split()
}  # fmt: skip
"""What the word after a number may say that it is of."""
WITH_UNITS: dict[str, tuple[Fraction, tuple[str, ...]]] = {
    word: (Fraction(value), ("x",))
    for value, words in {
        2: "twice double doubles doubled doubling",
        3: "thrice triple triples tripled tripling treble trebles trebled trebling",
    }.items()
    for word in words.split()
}
WITH_UNITS |= {
    word: (Fraction(value), ("x",))
    for value, stem in enumerate("quadrupl quintupl sextupl septupl octupl nonupl decupl".split(), start=4)
    for word in (f"{stem}e", f"{stem}es", f"{stem}ed", f"{stem}ing")
}
WITH_UNITS |= {
    count + unit: (value, units)
    for count, value in {**COUNTS, **SCALES}.items()
    for unit, units in UNITS.items()
    if unit not in ("d", "h") and count + unit not in SCALES
}
"""Also as one word, such as `tenfold`; but `tend` is another."""
IN_WORDS = COUNTS.keys() | SCALES.keys() | WITH_UNITS.keys()


class Number(NamedTuple):
    """`value` None is what is compared as it is written: a version, a name, a number of no usual form."""

    written: str
    value: Fraction | None
    units: tuple[str, ...] = ()


class _Token(NamedTuple):
    text: str
    digits: str | None
    suffix: str | None
    is_joined: bool
    """To the one before it."""

    @property
    def word(self) -> str:
        return self.text.lower()

    @property
    def is_number(self) -> bool:
        return bool(self.digits) or self.word in IN_WORDS


def foreign(said: str, known: str) -> list[str]:
    """The numbers that are said and not known, each as it is written.

    One without a unit is known where its value is, one with a unit where it is known of that unit. A sign is none of a
    number here, and no sum is made of several.
    """
    numbers = list(named(known))
    written = {one.written for one in numbers if one.value is None}
    values = {one.value for one in numbers}
    measured = {(one.value, unit) for one in numbers for unit in one.units}

    def is_known(one: Number) -> bool:
        if one.value is None:
            return one.written in written
        if one.units:
            return any((one.value, unit) in measured for unit in one.units)
        return one.value in values

    return list(dict.fromkeys(one.written for one in named(said) if not is_known(one)))


def named(text: str) -> Iterator[Number]:
    text = re.sub(r"(?i)\bper\s+cent\b", "percent", unicodedata.normalize("NFC", text))
    yield from (Number(char, None) for char in sorted(set(text) - {"\n", "\t"}) if _is_odd(char))
    tokens = list(_tokens(text))
    place = 0
    while place < len(tokens):
        first, end = tokens[place], place + 1
        while first.is_number and end < len(tokens) and _goes_on(tokens[place:end], tokens[end]):
            end += 1
        if first.is_number:
            after = tokens[end] if end < len(tokens) and tokens[end].is_joined else None
            yield _number(tokens[place:end], UNITS.get(after.word, ()) if after else ())
        elif (
            re.search(r"[0-9]", first.text)
            or VAGUE.fullmatch(first.text)
            or not (first.text.isascii() or first.word in UNITS)
        ):
            yield Number(first.text, None)
        place = end


def _is_odd(char: str) -> bool:
    """Whether it may change how a number reads, or be a picture of one: a mark, a control character, an emoji."""
    category = unicodedata.category(char)
    return category[0] in "MC" or category == "So"


def _tokens(text: str) -> Iterator[_Token]:
    end = 0
    for found in TOKEN.finditer(text):
        is_joined = bool(end) and bool(JOINED.fullmatch(text[end : found.start()]))
        yield _Token(found[0], found["digits"], found["suffix"], is_joined)
        end = found.end()


def _goes_on(run: Sequence[_Token], token: _Token) -> bool:
    """Whether the token is of the same number as the run before it."""
    last = run[-1]
    if not token.is_joined or token.digits or last.suffix:
        return False
    if token.word == "and":
        return last.word in SCALES
    return token.is_number or token.word == "point" or (bool(last.digits) and token.text in ABBREVIATED)


def _number(run: Sequence[_Token], units: tuple[str, ...]) -> Number:
    written = " ".join(one.text for one in run)
    first = run[0]
    if first.digits is None:
        if len(run) == 1 and (found := WITH_UNITS.get(first.word)):
            return Number(written, *found)
        return Number(written, _in_words([one.word for one in run]), units)
    value = _value(first.digits)
    scales = [ABBREVIATED.get(one.text) or SCALES.get(one.word) for one in run[1:]]
    if first.suffix in ABBREVIATED:
        scales.append(ABBREVIATED[first.suffix])
    elif first.suffix:
        units = UNITS.get(first.suffix.lower(), ())
        scales.append(Fraction(1) if units else None)
    for scale in scales:
        value = None if value is None or scale is None else value * scale
    return Number(written, value, units)


def _value(digits: str) -> Fraction | None:
    if found := GROUPED.fullmatch(digits):
        digits = digits.replace(found["comma"], "")
    elif not PLAIN.fullmatch(digits):
        return None
    return Fraction(Decimal(digits))


def _in_words(words: Sequence[str]) -> Fraction | None:
    """None where they are no number as it is usually said."""
    total, before = Fraction(0), Fraction(0)
    part: Fraction | None = None
    most: Fraction | None = None
    for word in words:
        if (scale := SCALES.get(word)) is not None:
            part = scale * (1 if part is None else part)
            if scale >= 1000:
                if most is not None and scale >= most:
                    return None
                total, part, most = total + part, None, scale
            before = Fraction(0)
        elif (count := COUNTS.get(word)) is not None:
            if before and not (before >= 20 and count < 10):
                return None
            part, before = count + (part or 0), count
        elif word != "and":
            return None
    return total + (part or 0)
