"""Records and bodies of decisions as JSON in the tables and the journal."""

from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from schemas.errors import RecordError
from schemas.records import Record

R = TypeVar("R", bound=Record)


def document(record: Record) -> str:
    """Raises RecordError for what JSON does not give back: bytes that are no UTF-8, or a float that is no number."""
    try:
        text = record.model_dump_json()
        if type(record).model_validate_json(text) == record:
            return text
    except (PydanticSerializationError, ValidationError) as error:
        raise RecordError(f"{type(record).__name__} cannot be kept as JSON: {error}") from error
    raise RecordError(f"{type(record).__name__} cannot be kept as JSON without a loss")


def read(model: type[R], text: str) -> R:
    return model.model_validate_json(text)
