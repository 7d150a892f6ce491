"""What is asked for and why is rejected, in the words of single people, each with what is to be read from it."""

from pathlib import Path
from typing import Literal

from ..language.reading import Operation, Part, Reason
from ..language.reading import Table as OfCatalog

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


def of(folder: Path) -> tuple[Domain, ...]:
    """All of a folder, by name: a JSON file a domain."""
    return tuple(Domain.model_validate_json(file.read_bytes()) for file in sorted(folder.glob("*.json")))
