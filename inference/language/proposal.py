"""A schema proposal of another domain beside the contract it touches, as text to read."""

from typing import Literal

from .reading import Part

Change = Literal["add_column", "drop_column", "rename_column", "change_type", "share_column"]


class Contract(Part):
    """What a domain promises of a table: `promised` columns stay as they are, `private` ones leave it for nobody."""

    table: str
    owner: str
    promised: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    budget: int = 0
    """What changes for others may cost a month."""
    is_frozen: bool = False


class Proposal(Part):
    """`of` proposes, `to` is asked. The purpose is free text, and trusted in nothing."""

    of: str
    to: str
    purpose: str


def said_of(proposal: Proposal, contract: Contract) -> str:
    return together(terms_of(contract, proposal.to), wish_of(proposal))


def together(terms: str, wish: str) -> str:
    """The contract first: of a long purpose, the end is what is not read."""
    return f"{terms}. {wish}"


def terms_of(contract: Contract, asked: str) -> str:
    """`asked` is the domain that the proposal is made to."""
    parts = [
        f"{contract.table} belongs to {contract.owner}",
        f"asked is {asked}",
        f"promised: {', '.join(contract.promised) or 'nothing'}",
        f"private: {', '.join(contract.private) or 'nothing'}",
        f"budget {contract.budget}",
        "frozen" if contract.is_frozen else "open",
    ]
    return "; ".join(parts)


def wish_of(proposal: Proposal) -> str:
    return f"{proposal.of} writes: {proposal.purpose}"
