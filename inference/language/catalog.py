"""A catalog as candidates for the pointers: what the encoder reads of each, and which are near to a text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import shortlist
from .choosing import Layout
from .names import COVERS, Numbers, said_of_column, said_of_table
from .reading import Table
from .tokens import Pieces, Tokens

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
        self._names = shortlist.names(self.tables)
        self._firsts = shortlist.firsts(self.tables)

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
        """By nearness of each row; all of a small catalog."""
        kept = shortlist.nearest(self.tables, nearness)
        layout = Layout(shortlist.only(self.tables, kept))
        rows = np.zeros(layout.candidates, np.int64)
        mask = np.zeros(layout.candidates, np.float32)
        rows[: len(kept)], mask[: len(kept)] = list(kept), 1
        for place, (table, columns) in enumerate(kept.items()):
            here = layout.columns(place)
            rows[here], mask[here] = self._firsts[table] + np.array(columns, np.int64), 1
        return Picked(layout, rows, mask)
