"""Deterministic ids: what a record causes has an id made of its position, so that a redelivery makes it again."""

from uuid import NAMESPACE_URL, UUID, uuid5

from .records import Position


def derived_id(cause: Position, step: str, ordinal: int = 0) -> str:
    """UUIDv5 of the input's position, the step that made it (with its version) and the ordinal."""
    place = f"{cause.topic}:{cause.topic_id}:{cause.partition}:{cause.offset}"
    return str(uuid5(NAMESPACE_URL, f"duckdb-sidecar:{step}:{place}:{ordinal}"))


def following_id(event_id: str, step: str) -> str:
    """The same for a record that is the one answer to another: of that record's id."""
    return str(uuid5(NAMESPACE_URL, f"duckdb-sidecar:{step}:{event_id}"))


def is_id(text: str) -> bool:
    """Whether it is a UUID as we write them, and so nothing else."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
