"""The proposals of the evaluation: what one domain writes to another, each with its contract and what it comes to."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ..distill.contracts import Wanted, verdict
from ..distill.proposals import Proposed
from ..language.proposal import Contract, Proposal
from ..language.reading import Part

FOLDER = Path(__file__).parent / "proposals"


class Written(Part):
    """`of` is the domain that writes, `wanted` what its purpose comes to, by whoever wrote it."""

    id: str
    of: str
    table: str
    wanted: Wanted
    purpose: str


class Domain(Part):
    """A made-up domain that is asked, one contract a table."""

    domain: str
    about: str
    contracts: tuple[Contract, ...]
    proposals: tuple[Written, ...]

    def proposed(self) -> Iterator[Proposed]:
        """Nobody labels: the policy of contracts says the verdict."""
        contracts = {contract.table: contract for contract in self.contracts}
        for one in self.proposals:
            contract = contracts[one.table]
            proposal = Proposal(of=one.of, to=self.domain, purpose=one.purpose)
            yield Proposed(proposal, contract, verdict(contract, self.domain, one.wanted))


@cache
def domains() -> tuple[Domain, ...]:
    """All of the folder, by name."""
    return tuple(Domain.model_validate_json(file.read_bytes()) for file in sorted(FOLDER.glob("*.json")))
