"""What free text is read as: operations on a catalog, a class of reason, the answer to a proposal; all enumerated."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict

Kind = Literal[
    "look_into",
    "create_index",
    "cluster",
    "create_summary",
    "change_type",
    "add_column",
    "drop_column",
    "drop_table",
    "drop_index",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

Reason = Literal[
    "risk", "writes", "space", "timing", "obsolete", "done", "small", "doubt", "ownership", "unclear"
]  # fmt: skip
REASONS: tuple[Reason, ...] = get_args(Reason)
_REASONS: Mapping[str, str] = {
    "risk": "something could break",
    "writes": "writes would suffer",
    "space": "it takes too much space",
    "timing": "not now",
    "obsolete": "what it is for goes away",
    "done": "it is done already",
    "small": "it is not worth it",
    "doubt": "the figures are not believed",
    "ownership": "others have to decide",
    "unclear": "no reason is said",
}

Answer = Literal["accept", "counter", "refuse"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)

Ground = Literal["none", "ownership", "breaking", "private", "cost", "freeze"]
"""Why a proposal is not accepted as it is; of one that is, none."""
GROUNDS: tuple[Ground, ...] = get_args(Ground)

VERDICTS = tuple((one, ground) for one in ANSWERS for ground in GROUNDS if (one == "accept") == (ground == "none"))
"""What is accepted has no reason against it, and what is not has one."""

MOST_OPERATIONS, MOST_COLUMNS = 2, 6


class Arity(NamedTuple):
    least: int
    most: int


COLUMNS: Mapping[Kind, Arity] = {
    "look_into": Arity(0, MOST_COLUMNS),
    "create_index": Arity(1, MOST_COLUMNS),
    "cluster": Arity(1, MOST_COLUMNS),
    "create_summary": Arity(1, MOST_COLUMNS),
    "change_type": Arity(1, 1),
    "add_column": Arity(1, MOST_COLUMNS),
    "drop_column": Arity(1, 1),
    "drop_table": Arity(0, 0),
    "drop_index": Arity(1, MOST_COLUMNS),
}
"""How many columns an operation of the kind names."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Table(Part):
    """`columns` are names and types."""

    name: str
    columns: tuple[tuple[str, str], ...]


class Operation(Part):
    """`columns` come in the order that matters for its kind; what each kind takes says `evaluation/README.md`."""

    kind: Kind
    table: str
    columns: tuple[str, ...]

    def is_whole(self) -> bool:
        """With as many columns as its kind takes, and none twice."""
        least, most = COLUMNS[self.kind]
        return least <= len(self.columns) <= most and len(set(self.columns)) == len(self.columns)


def reason_in_words(reason: str) -> str:
    """Of a class; whatever else it is was not read, or not understood."""
    return _REASONS.get(reason, "not understood")
