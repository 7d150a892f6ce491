"""Tables and columns as words: what the encoder reads of each, and which words of a text they share."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import sqrt
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from .reading import Table

Numbers = NDArray[np.float32]

PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
LONG: Mapping[str, str] = {
    "cd": "code", "dt": "date", "ts": "time", "tm": "time", "nm": "name", "amt": "amount", "cnt": "count",
    "flg": "flag", "qty": "quantity", "no": "number", "nr": "number", "num": "number", "pct": "percent",
    "hrs": "hours", "min": "minutes", "yr": "year", "kg": "kilos", "emp": "employee", "cand": "candidate",
    "insp": "inspection", "mech": "mechanic", "val": "value", "lvl": "level", "txt": "text", "addr": "address",
    "res": "reservation", "cust": "customer", "dept": "department", "desc": "description", "src": "source",
    "stat": "status", "prc": "price", "wgt": "weight", "usr": "user", "avg": "average", "tot": "total",
    "ref": "reference", "cat": "category", "grp": "group", "loc": "location", "msg": "message", "seq": "sequence",
    "prod": "product", "acct": "account", "inv": "invoice", "trx": "transaction", "mgr": "manager",
}  # fmt: skip
"""What is shortened in names everywhere."""
TYPES = {
    "DATE": "date", "TIMESTAMP": "time", "VARCHAR": "text", "BOOLEAN": "yes or no", "UUID": "identifier",
    "BIGINT": "whole number", "INTEGER": "whole number", "DOUBLE": "number", "DECIMAL": "number",
}  # fmt: skip
OVERLAPS = 5
"""Figures that `Names.overlap` gives of a candidate: the whole name, words, rare words, letters, abbreviations."""
COVERS = 2
"""And of a word of the text: whether it is one of the names, and how near it comes to one."""
HASHED = 512
MOST_WORDS = 256
ENDINGS = ("ing", "ies", "ed", "es", "s", "y", "e")


def words_of(name: str) -> list[str]:
    """In lower case, apart at underscores and where capitals begin, and not shortened."""
    return [LONG.get(word.lower(), word.lower()) for word in PARTS.findall(name)] or [name.lower()]


def said_of_table(table: Table) -> str:
    columns = ", ".join(" ".join(words_of(name)) for name, _ in table.columns)
    return f"table {' '.join(words_of(table.name))}: {columns}"


def said_of_column(table: Table, name: str, kind: str) -> str:
    told = TYPES.get(kind.partition("(")[0].upper(), kind.lower())
    return f"{' '.join(words_of(name))} of {' '.join(words_of(table.name))}, {told}"


def stem(word: str) -> str:
    for ending in ENDINGS:
        if len(word) > len(ending) + 2 and word.endswith(ending):
            return word.removesuffix(ending)
    return word


class Names:
    """Of candidates, in their order. Words count the more the fewer names have them.

    A catalog may have ten thousands of them, most with few words: what a name has of a word is kept where it has some.
    """

    def __init__(self, names: Sequence[str]) -> None:
        parts = [words_of(name) for name in names]
        often = Counter(word for one in parts for word in set(one))
        self._literal = [f" {_spaced(name)} " for name in names]
        self._words = list(often)
        self._stems = np.array([stem(word) for word in self._words])
        self._spelt = np.array([place for place, word in enumerate(self._words) if not word.isdigit()], np.int64)
        """Words of which letters tell something: no other day is near to a day."""
        self._letters = _letters([self._words[place] for place in self._spelt])
        self._beginning: dict[str, list[int]] = {}
        for place in self._spelt.tolist():
            self._beginning.setdefault(self._words[place][0], []).append(place)
        places = {word: place for place, word in enumerate(self._words)}
        entries = [(row, places[word]) for row, one in enumerate(parts) for word in dict.fromkeys(one)]
        self._rows, self._columns = np.array(entries, np.int64).reshape(-1, 2).T
        self._rarity = np.array([1 / sqrt(often[self._words[column]]) for _, column in entries], np.float32)
        totals = np.bincount(self._rows, self._rarity, len(names))
        self._shares = (self._rarity / totals[self._rows]).astype(np.float32)

    def overlap(self, words: Sequence[str]) -> tuple[Numbers, Numbers]:
        """[candidate, OVERLAPS] and [word, COVERS] of the words of a text."""
        said = [LONG.get(word, word) if word != "no" else word for word in words[:MOST_WORDS]]
        covers = np.zeros((len(words), COVERS), np.float32)
        figures = np.zeros((len(self._literal), OVERLAPS), np.float32)
        if not said:
            return figures, covers
        same = (self._stems[:, None] == np.array([stem(word) for word in said])[None]).astype(np.float32)
        near = np.zeros(same.shape, np.float32)
        near[self._spelt] = self._letters @ _letters(said).T
        short = np.zeros(same.shape, np.float32)
        for column, other in enumerate(said):
            for row in self._beginning.get(other[0], ()):
                short[row, column] = _shortens(self._words[row], other)
        text = f" {' '.join(words)} "
        figures[:, 0] = [one in text for one in self._literal]
        figures[:, 1] = self._share(same.max(axis=1))
        np.maximum.at(figures[:, 2], self._rows, self._rarity * same.max(axis=1)[self._columns])
        figures[:, 3] = self._share(near.max(axis=1))
        figures[:, 4] = self._share(np.maximum(short, same).max(axis=1))
        covers[: len(said), 0] = same.max(axis=0)
        covers[: len(said), 1] = np.maximum(near, short).max(axis=0)
        return figures, covers

    def _share(self, of_words: Numbers) -> Numbers:
        """[candidate]: the mean over its words, the rarer ones more."""
        return np.bincount(self._rows, self._shares * of_words[self._columns], len(self._literal)).astype(np.float32)


def _spaced(name: str) -> str:
    """As word pieces part it: at each mark."""
    return " ".join(re.findall(r"[^\W_]+|[\W_]", name.lower()))


def _letters(words: Sequence[str]) -> Numbers:
    """Runs of three letters of each, hashed, as a vector of length 1."""
    found = np.zeros((len(words), HASHED), np.float32)
    for row, word in enumerate(words):
        found[row, _runs(word)] = 1
    lengths = np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1)
    return np.asarray(found / lengths, np.float32)


@lru_cache(maxsize=20_000)
def _runs(word: str) -> list[int]:
    marked = f"<{word}>"
    return [crc32(marked[start : start + 3].encode()) % HASHED for start in range(max(len(marked) - 2, 1))]


@lru_cache(maxsize=200_000)
def _shortens(one: str, other: str) -> bool:
    """Whether either is short for the other, which begins with the same letter: has its letters in their order."""
    short, long = sorted((one, other), key=len)
    if len(short) < 2 or len(short) == len(long) or not short.isalpha():
        return False
    letters = iter(long)
    return all(letter in letters for letter in short)
