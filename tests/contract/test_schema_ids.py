"""Where schema ids come from: one suite over the committed map and a real Schema Registry."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient, record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from schemas.codec import MODELS, Codec, CommittedIds, SchemaIds
from schemas.errors import BrokerError, UnknownSchema
from schemas.records import Request
from schemas.registry import RegistryIds
from tests.conftest import SchemaRegistry

REQUEST = Request(
    product="shop", database="main", instance="i", event_id="e", time=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
    kind="analyse", body=b"{}", requested_by="ann",
)  # fmt: skip


@pytest.fixture(params=["committed map", "real registry"])
def ids(request: pytest.FixtureRequest) -> SchemaIds:
    if request.param == "committed map":
        return CommittedIds()
    return RegistryIds(request.getfixturevalue("schema_registry").url, register=True)


def test_every_record_has_an_id_of_its_own(ids: SchemaIds) -> None:
    assert len({ids.id_of(name) for name in MODELS}) == len(MODELS)


def test_the_schema_of_an_id_is_that_of_the_record(ids: SchemaIds) -> None:
    for name, model in MODELS.items():
        assert ids.schema_of(ids.id_of(name))["name"] == model.__name__


def test_a_record_comes_back_as_it_was(ids: SchemaIds) -> None:
    assert Codec(ids).decode(Codec(ids).encode(REQUEST)) == REQUEST


def test_an_unknown_id_is_named(ids: SchemaIds) -> None:
    with pytest.raises(UnknownSchema, match="123456789"):
        Codec(ids).decode(b"\x00\x07\x5b\xcd\x15rest")


def test_confluents_own_client_reads_what_we_write(schema_registry: SchemaRegistry) -> None:
    payload = Codec(RegistryIds(schema_registry.url, register=True)).encode(REQUEST)
    deserialize: Callable[..., Any] = AvroDeserializer(
        SchemaRegistryClient({"url": schema_registry.url}),
        conf={"subject.name.strategy": record_subject_name_strategy},
    )
    read = deserialize(payload, SerializationContext("requests", MessageField.VALUE))
    assert read == REQUEST.model_dump()


def test_a_registry_that_lacks_a_schema_is_named_where_we_may_not_register(
    schema_registry: SchemaRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemas.registry.MODELS", {"duckdb_sidecar.Unheard": Request})
    with pytest.raises(BrokerError, match="refuses duckdb_sidecar.Unheard"):
        RegistryIds(schema_registry.url, register=False)
