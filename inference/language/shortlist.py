"""Of a large catalog, what is nearest to a text: nobody who reads a text looks at more of it."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .letters import plain
from .names import Names
from .reading import Table

MOST_TABLES, MOST_COLUMNS = 40, 48
"""That are looked at for one text; of more, those that are nearest to it."""
WORD = re.compile(r"[^\W_]+|[^\w\s]|_")


def shortlist(text: str, tables: Sequence[Table], most_tables: int = MOST_TABLES) -> tuple[Table, ...]:
    """By the words that the text shares with their names; all of a small catalog."""
    if len(tables) <= most_tables and all(len(table.columns) <= MOST_COLUMNS for table in tables):
        return tuple(tables)
    figures, _ = names(tables).overlap(WORD.findall(plain(text).lower()))
    return only(tables, nearest(tables, figures.sum(axis=1), most_tables))


def names(tables: Sequence[Table]) -> Names:
    """Of the tables, then of the columns of each."""
    return Names([*(table.name for table in tables), *(name for table in tables for name, _ in table.columns)])


def firsts(tables: Sequence[Table]) -> NDArray[np.int64]:
    """Where the columns of each table begin in such a list, and where the last one's end."""
    return len(tables) + np.cumsum([0, *(len(table.columns) for table in tables)])


def nearest(
    tables: Sequence[Table], nearness: NDArray[np.floating], most_tables: int = MOST_TABLES
) -> Mapping[int, list[int]]:
    """Places of tables, and of columns in each of them, in order. A table is as near as it and its best column are."""
    bounds = firsts(tables)
    own = [nearness[first:last] for first, last in pairwise(bounds)]
    best = [nearness[table] + columns.max(initial=0) for table, columns in enumerate(own)]
    kept = sorted(np.argsort(best, kind="stable")[::-1][:most_tables].tolist())
    return {table: sorted(np.argsort(-own[table], kind="stable")[:MOST_COLUMNS].tolist()) for table in kept}


def only(tables: Sequence[Table], kept: Mapping[int, Sequence[int]]) -> tuple[Table, ...]:
    return tuple(
        Table(name=tables[table].name, columns=tuple(tables[table].columns[one] for one in columns))
        for table, columns in kept.items()
    )
