"""A contract between two domains as a TOML file, to try by it how a proposal is answered."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inference.language.proposal import Contract, Proposal
from schemas.errors import InputError


class ContractFile(BaseModel):
    """`of` proposes, `to` is asked, by default the owner. `budget` is what changes for others may cost a month."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    owner: str
    of: str
    to: str = ""
    promised: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    budget: int = Field(0, ge=0)
    frozen: bool = False


def read(file: Path, purpose: str) -> tuple[Proposal, Contract]:
    """Raises InputError."""
    try:
        told = ContractFile.model_validate(tomllib.loads(file.read_text()))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the contract {file} cannot be read: {error}") from error
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
        raise InputError(f"{file}: {'; '.join(wrong)}") from error
    contract = Contract(
        table=told.table,
        owner=told.owner,
        promised=told.promised,
        private=told.private,
        budget=told.budget,
        is_frozen=told.frozen,
    )
    return Proposal(of=told.of, to=told.to or told.owner, purpose=purpose), contract
