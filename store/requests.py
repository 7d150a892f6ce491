"""Requests that wait for a decision. A decision says which it answers, and when it is the last for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from duckdb import DuckDBPyConnection
from pydantic import BaseModel, ConfigDict, Field, field_validator

from schemas.errors import RecordError
from schemas.records import Request
from schemas.records.analysis import LONGEST_TEXT
from schemas.topics import REQUESTS

from .knowledge import naive

LONGEST_BODY = 32_768
"""A text of LONGEST_TEXT characters that JSON takes twelve bytes for, and more."""


class AnalyseBody(BaseModel):
    """Of a request of the kind "analyse"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field("", max_length=LONGEST_TEXT)

    @field_validator("text")
    @classmethod
    def _on_one_line(cls, text: str) -> str:
        """Without what cannot be seen: a terminal would obey some of it."""
        return " ".join("".join(char for char in text if char.isprintable() or char.isspace()).split())


@dataclass(frozen=True, slots=True)
class Waiting:
    """`place` is its partition and offset, as decisions name it; `answered` are the databases it was decided for."""

    place: str
    request_id: str
    product: str
    database: str
    kind: str
    body: bytes
    requested_by: str
    answered: frozenset[str]


def apply(tx: DuckDBPyConnection, request: Request, partition: int, offset: int) -> None:
    """Raises RecordError."""
    if len(request.body) > LONGEST_BODY:
        raise RecordError(f"a request's body has at most {LONGEST_BODY} bytes, this one {len(request.body)}")
    tx.execute(
        "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            partition,
            offset,
            request.event_id,
            request.product,
            request.database,
            request.kind,
            request.body,
            request.requested_by,
            naive(request.time),
        ],
    )


def settle(tx: DuckDBPyConnection, body: Mapping[str, Any]) -> None:
    """Takes the body of a decision: where it closes a request, that waits no longer."""
    if body.get("closes"):
        partition, offset = map(int, body["request"].split("/"))
        tx.execute("DELETE FROM requests WHERE record_partition = ? AND record_offset = ?", [partition, offset])


def is_waiting(tx: DuckDBPyConnection, partition: int, offset: int) -> bool:
    """Whether the request at this place is not answered to the end, or not read yet."""
    found = tx.execute(
        """
        SELECT next_offset <= $offset OR EXISTS (
            FROM requests WHERE record_partition = $partition AND record_offset = $offset
        ) FROM inputs WHERE topic = $topic AND partition = $partition
        """,
        {"topic": REQUESTS.name, "partition": partition, "offset": offset},
    ).fetchone()
    return bool(found and found[0])


def waiting(tx: DuckDBPyConnection, most: int) -> list[Waiting]:
    """The oldest first."""
    rows = tx.execute(
        """
        SELECT concat(record_partition, '/', record_offset) AS place, request_id, product, database, kind, body,
               requested_by,
               (SELECT list(context->>'database') FROM agent_decisions WHERE context->>'request' = place)
        FROM requests ORDER BY record_partition, record_offset LIMIT ?
        """,
        [most],
    ).fetchall()
    return [
        Waiting(place, request_id, product, database, kind, body, by, frozenset(answered or ()))
        for place, request_id, product, database, kind, body, by, answered in rows
    ]
