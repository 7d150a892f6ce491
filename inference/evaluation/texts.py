"""The texts of the evaluation: what people ask for, and why they reject, each with what is to be read from it."""

from functools import cache
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

FOLDER = Path(__file__).parent / "texts"

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

ColumnType = Literal[
    "BIGINT", "INTEGER", "DOUBLE", "DECIMAL(12,2)", "VARCHAR", "DATE", "TIMESTAMP", "BOOLEAN", "UUID"
]  # fmt: skip


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Table(Part):
    name: str
    rows: int
    columns: tuple[tuple[str, ColumnType], ...]


class Operation(Part):
    """`columns` come in the order that matters for its kind; what each kind takes stands in the README."""

    kind: Kind
    table: str
    columns: tuple[str, ...]


class Request(Part):
    """No operation is the answer to a text that cannot be answered."""

    id: str
    text: str
    operations: tuple[Operation, ...]


class Rejection(Part):
    id: str
    text: str
    reason: Reason


class Domain(Part):
    """A made-up product: its catalog, and what was written about it."""

    domain: str
    about: str
    tables: tuple[Table, ...]
    requests: tuple[Request, ...]
    rejections: tuple[Rejection, ...]


@cache
def domains() -> tuple[Domain, ...]:
    """All of the folder, by name."""
    return tuple(Domain.model_validate_json(file.read_bytes()) for file in sorted(FOLDER.glob("*.json")))
