"""What was begun on a database of the product, kept beside it: so that a process that comes back knows where to look.

It tells what an operation found before its first move. What became of it is not remembered but seen, by looking at
the database. One file a database, replaced as a whole and flushed to the disk at every change.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ..orders import Order
from ..records import Outcome, Table
from ..render import Name

KEPT = 100
"""Operations that ended; older ones are refused by their number."""


class Entry(BaseModel):
    """`found` are the tables as they were before it was begun, and `comments` those of their indexes.

    `outcome` None: it was not seen to end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="utf8")

    order: Order
    found: list[Table]
    comments: list[tuple[Name, str]] = []
    outcome: Outcome | None = None
    told: bool = False


class Kept(BaseModel):
    epoch: int = 0
    number: int = 0
    entries: list[Entry] = []


class Ledger:
    def __init__(self, file: Path) -> None:
        """Raises OSError, ValueError where it cannot be read: nothing may be begun without it."""
        self._file = file
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._kept = Kept.model_validate_json(file.read_text()) if file.exists() else Kept()

    @property
    def epoch(self) -> int:
        """The highest that an order was taken of."""
        return self._kept.epoch

    @property
    def number(self) -> int:
        """Of the last order that was taken."""
        return self._kept.number

    @property
    def entries(self) -> list[Entry]:
        """The oldest first."""
        return list(self._kept.entries)

    def find(self, operation_id: str) -> Entry | None:
        return next((one for one in self._kept.entries if one.order.operation_id == operation_id), None)

    def comments_before(self, order: Order) -> dict[Name, str]:
        """Of indexes, as operations of the same plan found them."""
        entries = [one for one in self._kept.entries if one.order.plan_hash == order.plan_hash]
        return {place: comment for one in entries for place, comment in one.comments}

    def take(self, order: Order) -> None:
        """From now on older orders are refused. Raises OSError."""
        self._write(self._kept.model_copy(update={"epoch": order.epoch, "number": order.number}))

    def begin(self, order: Order, found: list[Table], comments: Mapping[Name, str]) -> None:
        """Before the first move. Raises OSError."""
        self._put(Entry(order=order, found=found, comments=list(comments.items())))

    def end(self, order: Order, outcome: Outcome) -> None:
        """Raises OSError."""
        known = self.find(order.operation_id) or Entry(order=order, found=[])
        self._put(known.model_copy(update={"outcome": outcome}))

    def told(self, operation_id: str) -> None:
        """Kafka has its outcome. Raises OSError."""
        if (known := self.find(operation_id)) is not None:
            self._put(known.model_copy(update={"told": True}))

    def _put(self, entry: Entry) -> None:
        others = [one for one in self._kept.entries if one.order.operation_id != entry.order.operation_id]
        ended = [one for one in others if one.told]
        kept = [one for one in others if one not in ended[:-KEPT]]
        self._write(self._kept.model_copy(update={"entries": [*kept, entry]}))

    def _write(self, kept: Kept) -> None:
        fresh = self._file.with_suffix(".new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(kept.model_dump(mode="json"), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._file)
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._kept = kept
