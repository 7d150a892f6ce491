"""Proposals of other domains as they might be written, with the verdict of the policy of contracts."""

from dataclasses import dataclass
from random import Random
from typing import get_args

from ..language.proposal import Change, Contract, Proposal, said_of
from . import referring
from .contracts import BREAKING, Verdict, Wanted, verdict
from .domains import Split
from .dressing import dressed
from .invented import EVERYWHERE, catalog, domains
from .phrases import chosen, filled, lines

COSTS = (5, 10, 20, 40, 50, 80, 100, 150, 200, 400, 1000)
CHANGES: tuple[Change, ...] = get_args(Change)


@dataclass(frozen=True, slots=True)
class Proposed:
    proposal: Proposal
    contract: Contract
    verdict: Verdict

    @property
    def text(self) -> str:
        return said_of(self.proposal, self.contract)


def proposed(split: Split, random: Random) -> Proposed:
    all_ = domains(split)
    us, them, others = random.sample(sorted(all_), 3)
    table = random.choice(catalog(all_[us], random))
    columns = list(table.columns)
    random.shuffle(columns)
    owner = us if random.random() < 0.85 else others
    contract = Contract(
        table=table.name,
        owner=owner,
        promised=tuple(one.name for one in columns[: random.randint(0, 4)]),
        private=tuple(one.name for one in columns[4 : random.randint(4, 6)]),
        budget=random.choice(COSTS),
        is_frozen=random.random() < 0.15,
    )
    change = random.choice(CHANGES)
    column = random.choice(columns)
    new, _, _ = random.choice(EVERYWHERE)
    keeps = random.random() < 0.4
    cost = random.choice([0, 0, *(one for one in COSTS if one <= 4 * contract.budget)])
    wanted = Wanted(change, new if change == "add_column" else column.name, cost, keeps)
    written = lines("proposals", split)
    slots = {
        "c": lambda: referring.column(column, random),
        "n": lambda: new,
        "t": lambda: referring.table(table, random),
        "type": lambda: random.choice(["a date", "text", "a number", "TIMESTAMP", "bigint"]),
        "cost": lambda: str(cost),
    }

    def said(section: str) -> str:
        return filled(chosen(random.choice(written[section]), random), slots)

    sentences = [said(change)]
    if change in BREAKING and (keeps or random.random() < 0.5):
        sentences.append(said("keeps" if keeps else "at_once"))
    if cost:
        sentences.append(said("cost"))
    if random.random() < 0.4:
        sentences.insert(random.randint(0, len(sentences)), said("beside"))
    purpose = dressed(". ".join(sentences), random)
    return Proposed(Proposal(of=them, to=us, purpose=purpose), contract, verdict(contract, us, wanted))
