"""The texts of the evaluation: what people ask for, and why they reject, each with what is to be read from it."""

from functools import cache
from pathlib import Path
from typing import Literal

from ..language.reading import Operation, Part, Reason
from ..language.reading import Table as OfCatalog

FOLDER = Path(__file__).parent / "texts"

ColumnType = Literal[
    "BIGINT", "INTEGER", "DOUBLE", "DECIMAL(12,2)", "VARCHAR", "DATE", "TIMESTAMP", "BOOLEAN", "UUID"
]  # fmt: skip


class Table(OfCatalog):
    rows: int
    columns: tuple[tuple[str, ColumnType], ...]


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
