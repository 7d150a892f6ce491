"""An executable policy of contracts: what a domain answers to a proposal of another one. It teaches the student.

The first that applies decides: not ours, private, broken without a transition, frozen, too dear.
"""

from typing import NamedTuple

from ..language.proposal import Change, Contract
from ..language.reading import Answer, Ground

BREAKING: frozenset[Change] = frozenset({"drop_column", "rename_column", "change_type"})
NEGOTIABLE = 2
"""What costs so many times the budget at most is answered by what the budget allows."""


class Wanted(NamedTuple):
    """What a proposal comes to. `keeps_old` says that the old form stays for a while."""

    change: Change
    column: str
    cost: int
    keeps_old: bool


class Verdict(NamedTuple):
    answer: Answer
    ground: Ground


def verdict(contract: Contract, asked: str, wanted: Wanted) -> Verdict:
    if contract.owner != asked:
        return Verdict("refuse", "ownership")
    if wanted.column in contract.private and wanted.change != "drop_column":
        return Verdict("refuse", "private")
    if wanted.change in BREAKING and wanted.column in contract.promised:
        return Verdict("counter" if wanted.keeps_old else "refuse", "breaking")
    if contract.is_frozen:
        return Verdict("counter", "freeze")
    if wanted.cost > contract.budget:
        return Verdict("counter" if wanted.cost <= NEGOTIABLE * contract.budget else "refuse", "cost")
    return Verdict("accept", "none")
