"""The matcher of words, by which the rules read: it only counts which words a text shares with names and lists.

It knows no negation, no order of words and no meaning. Its lists were written before it was scored, and stay as they
are: it is what a model must beat (`../evaluation`).
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from .reading import Kind, Operation, Reason, Table

C = TypeVar("C", bound=str)

KIND_WORDS: Mapping[Kind, frozenset[str]] = {
    "create_index": frozenset("index idx indexed lookup".split()),
    "cluster": frozenset("sort sorted cluster clustered ordered laid layout".split()),
    "create_summary": frozenset("total sum summary aggregate aggregated rollup precompute count".split()),
    "change_type": frozenset("type cast convert text string varchar integer".split()),
    "add_column": frozenset("computed calculate calculated derive derived expression store stored".split()),
    "look_into": frozenset("slow slower long forever timeout wait minute second expensive cost why".split()),
}
"""Where two kinds have as many words in a text, the one that comes first."""
DROP = frozenset("drop delete remove rid unused".split())
INDEX = frozenset("index idx".split())
BARE: frozenset[Kind] = frozenset({"look_into", "drop_table"})
OF_ONE_COLUMN: frozenset[Kind] = frozenset({"change_type", "drop_column"})

REASON_WORDS: Mapping[Reason, frozenset[str]] = {
    "risk": frozenset("break broken risk risky depend dependent consumer downstream compatible fail".split()),
    "writes": frozenset("write writing load insert update ingest ingestion append etl".split()),
    "space": frozenset("disk space memory storage ram size gb bigger".split()),
    "timing": frozenset("now later freeze frozen month week migration until wait busy".split()),
    "obsolete": frozenset("deprecated retire retired replace replaced unused obsolete legacy longer gone".split()),
    "done": frozenset("already exist done fixed solved have same".split()),
    "small": frozenset("small little rarely worth gain minor negligible only seldom".split()),
    "doubt": frozenset("doubt believe measured figure number representative trust realistic wrong".split()),
    "ownership": frozenset("team owner own policy compliance legal responsible decide permission allowed".split()),
}

NOISE = frozenset("id no at on ts dt cd code cnt eur usd is n".split())
"""Parts of names that tell what sort of value it is, and which are words of their own in a text."""


def operations(text: str, tables: Sequence[Table]) -> tuple[Operation, ...]:
    """One at most."""
    said = set(words(text))
    table = _table(said, tables)
    if table is None:
        return ()
    columns = _columns(said, table)
    kind = _kind(said, bool(columns))
    if kind is None or (not columns and kind not in BARE):
        return ()
    return (Operation(kind=kind, table=table.name, columns=columns[:1] if kind in OF_ONE_COLUMN else columns),)


def reason(text: str) -> Reason:
    return _most(words(text), REASON_WORDS) or "unclear"


def words(text: str) -> list[str]:
    """In lower case, apart at underscores, without a plural's ending."""
    return [_singular(word) for word in re.findall(r"[^\W_]+", text.lower())]


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _telling(name: str) -> list[str]:
    parts = words(name)
    return [part for part in parts if part not in NOISE] or parts


def _kind(said: Collection[str], columns: bool) -> Kind | None:
    if DROP.isdisjoint(said):
        return _most(said, KIND_WORDS)
    if not INDEX.isdisjoint(said):
        return "drop_index"
    return "drop_column" if columns else "drop_table"


def _most(said: Collection[str], lists: Mapping[C, frozenset[str]]) -> C | None:
    best = max(lists, key=lambda one: len(lists[one].intersection(said)))
    return None if lists[best].isdisjoint(said) else best


def _table(said: Collection[str], tables: Sequence[Table]) -> Table | None:
    """The one of whose name most words are in the text; among equals the shorter name, then the more columns."""
    scores = {
        table.name: (_told(table.name, said), _share(table.name, said), len(_columns(said, table))) for table in tables
    }
    best = max(tables, key=lambda table: scores[table.name], default=None)
    return best if best and any(scores[best.name]) else None


def _columns(said: Collection[str], table: Table) -> tuple[str, ...]:
    """Those that have all their telling words in the text, in the table's order.

    A key that is called as its table is does not count: it is in each text that names the table.
    """
    key = set(words(table.name))
    return tuple(name for name, _ in table.columns if _share(name, said) == 1 and not key.issuperset(_telling(name)))


def _share(name: str, said: Collection[str]) -> float:
    return _told(name, said) / len(_telling(name))


def _told(name: str, said: Collection[str]) -> int:
    return sum(part in said for part in _telling(name))
