"""Schema ids from a Confluent-compatible Schema Registry; with one, its ids alone count.

A record's subject is its full name (Confluent's RecordNameStrategy), the same under every topic prefix.
Schemas are registered or looked up once, at start; an id met in a record is fetched once.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from .codec import MODELS, Codec
from .errors import BrokerError, UnknownSchema
from .records.derive import path_of

NOT_FOUND = 404


class RegistryIds:
    def __init__(self, url: str, *, register: bool, options: Mapping[str, str] | None = None) -> None:
        """`register` makes missing schemas; else every record must be there. Raises BrokerError."""
        self._client = SchemaRegistryClient({"url": url, **(options or {})})
        self._ids: dict[str, int] = {}
        for name, model in MODELS.items():
            schema = Schema(path_of(model).read_text(), "AVRO")
            try:
                if register:
                    self._ids[name] = self._client.register_schema(name, schema)
                else:
                    self._ids[name] = cast(int, self._client.lookup_schema(name, schema).schema_id)
            except SchemaRegistryError as error:
                raise BrokerError(f"the Schema Registry at {url} refuses {name}: {error}") from error
            except Exception as error:  # its client lets the errors of its HTTP library through
                raise BrokerError(f"the Schema Registry at {url} does not answer: {error!r}") from error

    def id_of(self, name: str) -> int:
        return self._ids[name]

    def schema_of(self, schema_id: int) -> dict[str, Any]:
        """Raises UnknownSchema for an id that it does not have, BrokerError where it does not answer."""
        try:
            text = self._client.get_schema(schema_id).schema_str
        except Exception as error:  # its client lets the errors of its HTTP library through
            if isinstance(error, SchemaRegistryError) and error.http_status_code == NOT_FOUND:
                raise UnknownSchema(f"schema id {schema_id}: the Schema Registry says {error}") from error
            raise BrokerError(f"the Schema Registry does not give schema id {schema_id}: {error!r}") from error
        return cast(dict[str, Any], json.loads(text or "{}"))


def codec(url: str, *, register: bool, options: Mapping[str, str] | None = None) -> Codec:
    return Codec(RegistryIds(url, register=register, options=options))
