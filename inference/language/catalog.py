"""A catalog as candidates for the pointers: what the encoder reads of each, and which are near to a text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .choosing import Layout
from .names import COVERS, Names, Numbers, said_of_column, said_of_table
from .reading import Table
from .tokens import Pieces, Tokens

MOST_TABLES, MOST_COLUMNS = 40, 48
"""That are looked at for one text; of more, those whose names are nearest to it."""
LONGEST = 48
"""Tokens that are read of a candidate."""


@dataclass(frozen=True, slots=True)
class Picked:
    """Tables and columns to choose from; `rows` are the catalog's of each candidate, `mask` which there are."""

    layout: Layout
    rows: NDArray[np.int64]
    mask: Numbers


class Catalog:
    """Rows are its tables, then its columns in order."""

    def __init__(self, tables: Sequence[Table], pieces: Pieces) -> None:
        self.tables = tuple(tables)
        columns = [(table, name, kind) for table in self.tables for name, kind in table.columns]
        texts = [*map(said_of_table, self.tables), *(said_of_column(*one) for one in columns)]
        self.tokens = [pieces.read(text).ids[:LONGEST] for text in texts]
        self._names = Names([*(table.name for table in self.tables), *(name for _, name, _ in columns)])
        counts = [len(table.columns) for table in self.tables]
        self._firsts = len(self.tables) + np.cumsum([0, *counts])

    def overlaps(self, texts: Sequence[Tokens]) -> tuple[Numbers, Numbers]:
        """[text, row, OVERLAPS], and COVERS of [text, token]."""
        found = [self._names.overlap(text.words) for text in texts]
        covers = np.zeros((len(texts), max(len(text.ids) for text in texts), COVERS), np.float32)
        for row, (text, (_, of_words)) in enumerate(zip(texts, found, strict=True)):
            for token, word in enumerate(text.word_of):
                if word >= 0:
                    covers[row, token] = of_words[word]
        return np.stack([figures for figures, _ in found]), covers

    def picked(self, nearness: NDArray[np.floating]) -> Picked:
        """By nearness of each row: of the tables by their own and their best column's. All of a small catalog."""
        best = [
            nearness[table] + nearness[first:last].max(initial=0)
            for table, (first, last) in enumerate(zip(self._firsts, self._firsts[1:], strict=False))
        ]
        tables = sorted(np.argsort(best, kind="stable")[::-1][:MOST_TABLES].tolist())
        columns = []
        for table in tables:
            own = nearness[self._firsts[table] : self._firsts[table + 1]]
            columns.append(sorted(np.argsort(-own, kind="stable")[:MOST_COLUMNS].tolist()))
        layout = Layout(
            tuple(
                Table(name=self.tables[table].name, columns=tuple(self.tables[table].columns[one] for one in some))
                for table, some in zip(tables, columns, strict=True)
            )
        )
        rows = np.zeros(layout.candidates, np.int64)
        mask = np.zeros(layout.candidates, np.float32)
        rows[: len(tables)], mask[: len(tables)] = tables, 1
        for place, (table, some) in enumerate(zip(tables, columns, strict=True)):
            here = layout.columns(place)
            rows[here], mask[here] = self._firsts[table] + np.array(some, np.int64), 1
        return Picked(layout, rows, mask)
