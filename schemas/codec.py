"""Records as bytes: Confluent's wire format, a zero byte and the schema's id (4 bytes, big endian), then Avro.

Readable by any Confluent client. Where ids come from is a `SchemaIds`: a Schema Registry's (`schemas.registry`)
or, without one, the committed map.
"""

import io
import json
import struct
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import fastavro
from fastavro.types import Schema
from pydantic import ValidationError

from .errors import RecordError, UnknownSchema
from .records import NAMESPACE, RECORDS, Record
from .records.derive import FOLDER, path_of

HEADER = struct.Struct(">bI")
MODELS: dict[str, type[Record]] = {f"{NAMESPACE}.{model.__name__}": model for model in RECORDS}
R = TypeVar("R", bound=Record)
# what fastavro raises, as damaged bytes lead it
DAMAGE = (EOFError, ValueError, TypeError, IndexError, KeyError, OverflowError, MemoryError, StopIteration)


class SchemaIds(Protocol):
    def id_of(self, name: str) -> int:
        """The id to write with; `name` is the record's full name, which is the registry's subject too."""

    def schema_of(self, schema_id: int) -> dict[str, Any]:
        """The writer's schema. Raises UnknownSchema."""


class CommittedIds:
    """The map that the project ships, `ids.json`: for each record the ids of its versions, oldest first.

    Older versions' schemas lie under `released/`; the newest one's is the record's `.avsc`.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        ids: dict[str, list[int]] = json.loads((folder / "ids.json").read_text())
        self._newest = {name: versions[-1] for name, versions in ids.items()}
        self._files = {
            schema_id: path_of(MODELS[name])
            if schema_id == versions[-1]
            else folder / "released" / f"{path_of(MODELS[name]).stem}.v{version}.avsc"
            for name, versions in ids.items()
            for version, schema_id in enumerate(versions, start=1)
        }

    def id_of(self, name: str) -> int:
        return self._newest[name]

    def schema_of(self, schema_id: int) -> dict[str, Any]:
        if (file := self._files.get(schema_id)) is None:
            raise UnknownSchema(
                f"schema id {schema_id} is not in the committed map: the producer writes with a Schema Registry's "
                "ids (set SIDECAR_SCHEMA_REGISTRY_URL) or with a newer release"
            )
        return cast(dict[str, Any], json.loads(file.read_text()))


@cache
def reader_schema(name: str) -> Schema:
    return fastavro.parse_schema(json.loads(path_of(MODELS[name]).read_text()))


class Written(NamedTuple):
    """How to read what was written with one schema: pairs of the writer's schema and ours (None where equal)."""

    name: str
    with_times: tuple[Schema, Schema | None]
    plain: tuple[Schema, Schema | None]


class Codec:
    def __init__(self, ids: SchemaIds | None = None) -> None:
        self._ids = ids or CommittedIds()
        self._written: dict[int, Written] = {}
        self._headers: dict[str, bytes] = {}

    def encode(self, record: Record) -> bytes:
        return self.encode_values(f"{NAMESPACE}.{type(record).__name__}", record.model_dump())

    def encode_values(self, name: str, values: dict[str, Any]) -> bytes:
        """The same from plain values of a record named in full, for hot paths."""
        if (header := self._headers.get(name)) is None:
            header = self._headers[name] = HEADER.pack(0, self._ids.id_of(name))
        buffer = io.BytesIO()
        buffer.write(header)
        try:
            fastavro.schemaless_writer(buffer, reader_schema(name), values)
        except (ValueError, TypeError, OverflowError, AttributeError, KeyError) as error:
            raise RecordError(f"{name} cannot be encoded: {error}") from error
        return buffer.getvalue()

    def decode(self, payload: bytes | None) -> Record:
        """Raises RecordError for bytes that are no record of ours, UnknownSchema for an unknown schema id."""
        name, values = self._decode(payload, times=True)
        try:
            return MODELS[name].model_validate(values)
        except ValidationError as error:
            raise RecordError(f"{name} is not valid: {error.errors(include_input=False)}") from error

    def decode_as(self, model: type[R], payload: bytes | None) -> R:
        record = self.decode(payload)
        if not isinstance(record, model):
            raise RecordError(f"expected {model.__name__}, got {type(record).__name__}: is it the right topic?")
        return record

    def decode_values(self, payload: bytes | None) -> tuple[str, dict[str, Any]]:
        """The record's full name and its plain values, for hot paths. Times are microseconds since 1970."""
        return self._decode(payload, times=False)

    def _decode(self, payload: bytes | None, *, times: bool) -> tuple[str, dict[str, Any]]:
        if payload is None or len(payload) < HEADER.size:
            raise RecordError("the record is shorter than the 5 bytes of Confluent's header")
        magic, schema_id = HEADER.unpack_from(payload)
        if magic != 0:
            raise RecordError(f"the first byte is {magic}, not 0: the producer must use Confluent's wire format")
        written = self._written.get(schema_id) or self._learn(schema_id)
        writer, reader = written.with_times if times else written.plain
        body = io.BytesIO(payload)
        body.seek(HEADER.size)
        try:
            values = fastavro.schemaless_reader(body, writer, reader)
        except DAMAGE as error:
            raise RecordError(f"the bytes are no {written.name} of schema {schema_id}: {error!r}") from error
        if body.tell() != len(payload):
            raise RecordError(f"{len(payload) - body.tell()} bytes are left over after the {written.name}")
        return written.name, cast(dict[str, Any], values)

    def _learn(self, schema_id: int) -> Written:
        schema = self._ids.schema_of(schema_id)
        name = f"{schema.get('namespace', '')}.{schema.get('name', '')}"
        if name not in MODELS:
            raise UnknownSchema(f"schema id {schema_id} is of {name}, which is no record of the sidecar")
        ours = json.loads(path_of(MODELS[name]).read_text())
        plain = _pair(without_logical_types(schema), without_logical_types(ours))
        self._written[schema_id] = Written(name, _pair(schema, ours), plain)
        return self._written[schema_id]


def _pair(writer: Any, reader: Any) -> tuple[Schema, Schema | None]:
    """A writer's schema that equals the reader's needs no resolution, which halves the time of decoding."""
    return fastavro.parse_schema(writer), None if writer == reader else fastavro.parse_schema(reader)


def without_logical_types(schema: Any) -> Any:
    match schema:
        case {"logicalType": _, "type": primitive}:
            return primitive
        case dict():
            return {key: without_logical_types(value) for key, value in schema.items()}
        case list():
            return [without_logical_types(branch) for branch in schema]
    return schema


def micros(time: datetime) -> int:
    """Microseconds since 1970 of a time with a zone."""
    return int(time.timestamp()) * 1_000_000 + time.microsecond
