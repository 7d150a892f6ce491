"""How people call tables and columns: by their names, by the words of those, or by what they hold."""

from collections.abc import Iterable, Sequence
from random import Random

from ..language.names import words_of
from .invented import Column, Described

COMMON = frozenset(
    "the of a an to in on at by it and or for who what when where whether was is we they number time date".split()
)


def telling(one: Column | Described) -> set[str]:
    """The words by which it may be told from others, without endings."""
    words = {word for text in (one.name, *one.called) for word in words_of(text)}
    return {word.rstrip("s") for word in words - COMMON if len(word) > 2}


def column(one: Column, random: Random) -> str:
    way = random.random()
    if way < 0.35:
        return one.name
    if way < 0.55:
        return " ".join(words_of(one.name))
    called = random.choice(one.called)
    is_noun = not called.startswith(("the ", "who ", "what ", "whe"))
    return f"the {called}" if way > 0.85 and is_noun else called


def table(one: Described, random: Random) -> str:
    way = random.random()
    if way < 0.4:
        name = one.name if way < 0.27 else " ".join(words_of(one.name))
        return random.choice(["{}", "{}", "table {}", "the {} table", "the table {}"]).format(name)
    called = random.choice(one.called)
    has_article = called.startswith(("the ", "our ", "what ", "who ", "where "))
    return called if has_article or random.random() < 0.5 else f"{random.choice(['the', 'our'])} {called}"


def listed(columns: Sequence[Column], random: Random) -> str:
    names = [column(one, random) for one in columns]
    if len(names) == 1 or random.random() < 0.3:
        return ", ".join(names)
    return ", ".join(names[:-1]) + random.choice([" and ", " and ", " & ", " then ", " plus "]) + names[-1]


def is_alone(one: Column, where: Described, catalog: Iterable[Described]) -> bool:
    """Whether its table need not be named: no other has a column that is called so."""
    mine = telling(one)
    return bool(mine) and not any(
        mine & telling(other) for table in catalog if table is not where for other in table.columns
    )
