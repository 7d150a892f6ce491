"""The contract: models, .avsc files, wire format, evolution."""

import contextlib
import io
import json
import struct
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import avro.schema
import fastavro
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import MODELS, Codec, CommittedIds
from schemas.errors import RecordError, UnknownSchema
from schemas.records import RECORDS, Part, QueryEvent, QueryLogBatch, QueryShape, Record, Request
from schemas.records.derive import FOLDER, avro_schema, path_of

INT64 = st.integers(-(2**63), 2**63 - 1)
VALUES: dict[type, st.SearchStrategy[Any]] = {
    int: INT64,
    float: st.floats(allow_nan=False),
    str: st.text(st.characters(codec="utf-8")),
    bytes: st.binary(),
    datetime: st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
}


def values_of(model: type[Part]) -> st.SearchStrategy[Part]:
    return st.builds(model, **{name: _values(field.annotation) for name, field in model.model_fields.items()})


def _values(annotation: Any) -> st.SearchStrategy[Any]:
    if annotation in VALUES:
        return VALUES[annotation]
    if annotation is bool:
        return st.booleans()
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return values_of(annotation)
    arguments = annotation.__args__
    if getattr(annotation, "__origin__", None) is list:
        return st.lists(_values(arguments[0]), max_size=2)
    if getattr(annotation, "__origin__", None) is dict:
        return st.dictionaries(VALUES[str], _values(arguments[1]), max_size=2)
    return st.none() | _values(arguments[0])


def request(body: bytes = b"{}") -> Request:
    return Request(
        product="shop", database="main", instance="i", event_id="e", time=datetime(2026, 1, 2, tzinfo=UTC),
        kind="analyse", body=body, requested_by="ann",
    )  # fmt: skip


@pytest.mark.parametrize("model", RECORDS, ids=lambda model: model.__name__)
def test_the_committed_schema_is_that_of_the_model(model: type[Record]) -> None:
    assert json.loads(path_of(model).read_text()) == avro_schema(model)


def test_no_schema_file_is_without_a_model() -> None:
    assert sorted(FOLDER.glob("*.avsc")) == sorted(path_of(model) for model in RECORDS)


@given(st.sampled_from(RECORDS).flatmap(values_of))
def test_what_is_encoded_is_what_is_decoded(record: Part) -> None:
    assert isinstance(record, Record)
    codec = Codec()
    assert codec.decode(codec.encode(record)) == record


def test_the_header_is_confluents() -> None:
    name = "duckdb_sidecar.Request"
    assert Codec().encode(request())[:5] == struct.pack(">bI", 0, CommittedIds().id_of(name))


@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise_anything_but_record_error(noise: bytes) -> None:
    for payload in (noise, Codec().encode(request())[:5] + noise):
        with contextlib.suppress(RecordError):
            Codec().decode(payload)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (None, "shorter than the 5 bytes"),
        (b"", "shorter than the 5 bytes"),
        (b"{not avro}", "first byte is 123"),
        (b"\x00\x00\x00\x00\x07rest", "schema id 7 is not in the committed map"),
    ],
)
def test_an_unreadable_record_is_named(payload: bytes | None, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        Codec().decode(payload)


def test_bytes_left_over_are_refused() -> None:
    with pytest.raises(RecordError, match="3 bytes are left over after the duckdb_sidecar.Request"):
        Codec().decode(Codec().encode(request()) + b"abc")


def test_an_unknown_schema_id_is_its_own_error() -> None:
    with pytest.raises(UnknownSchema):
        CommittedIds().schema_of(5)


def test_a_record_of_another_type_is_refused() -> None:
    with pytest.raises(RecordError, match="expected QueryLogBatch, got Request"):
        Codec().decode_as(QueryLogBatch, Codec().encode(request()))


def test_a_number_too_large_for_avro_cannot_be_encoded() -> None:
    position = {"topic": "t", "topic_id": "", "partition": 0, "offset": 2**63}
    with pytest.raises(RecordError, match="cannot be encoded"):
        Codec().encode_values("duckdb_sidecar.QueryLogBatch", {"offset": position})


def test_an_older_writer_is_resolved_to_our_schema() -> None:
    """A writer's schema without a field that has a default, as an older release's would be."""
    older = json.loads(path_of(QueryLogBatch).read_text())
    events = next(field for field in older["fields"] if field["name"] == "events")
    events["type"]["items"]["fields"] = [f for f in events["type"]["items"]["fields"] if f["name"] != "route"]

    class OlderIds:
        def id_of(self, name: str) -> int:
            return CommittedIds().id_of(name)

        def schema_of(self, schema_id: int) -> dict[str, Any]:
            return dict(older)

    batch = QueryLogBatch(
        product="shop", database="main", instance="i", event_id="e", time=datetime(2026, 1, 2, tzinfo=UTC),
        catalog_hash="", duckdb_version="2.0.0", dropped=0,
        shapes=[QueryShape(fingerprint="f", statement="SELECT 1", kind="select")],
        events=[QueryEvent(shape=0, offset_us=1, latency_us=2, rows=3)],
    )  # fmt: skip
    buffer = io.BytesIO(b"\x00\x00\x00\x00\x01")
    buffer.seek(5)
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(older), batch.model_dump())
    assert Codec(OlderIds()).decode(buffer.getvalue()) == batch


def _released() -> list[tuple[type[Record], Path]]:
    return [(model, file) for model in RECORDS for file in (FOLDER / "released").glob(f"{path_of(model).stem}.v*.avsc")]


def incompatible(reader: Any, writer: Any) -> list[str]:
    checked = ReaderWriterCompatibilityChecker().get_compatibility(
        avro.schema.parse(json.dumps(reader)), avro.schema.parse(json.dumps(writer))
    )
    return [] if checked.compatibility is SchemaCompatibilityType.compatible else [str(m) for m in checked.messages]


def test_every_schema_reads_and_is_read_by_all_released_ones() -> None:
    released = _released()
    assert {model for model, _ in released} == set(RECORDS), "every record has a released version to hold on to"
    for model, file in released:
        ours, theirs = json.loads(path_of(model).read_text()), json.loads(file.read_text())
        assert incompatible(ours, theirs) == []
        assert incompatible(theirs, ours) == []


def test_released_schemas_stay_as_they_were() -> None:
    """From the first release on, lines are added to the sums, and none is changed."""
    folder = FOLDER / "released"
    sums = dict(reversed(line.split()) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert sums == {file.name: sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.avsc")}


def test_the_evolution_check_sees_a_dropped_field_and_a_new_one_without_default() -> None:
    ours = json.loads(path_of(Request).read_text())
    dropped = {**ours, "fields": ours["fields"][:-1]}
    assert incompatible(ours, dropped) != []
    assert incompatible(dropped, ours) == []


def test_the_committed_ids_name_every_record_once() -> None:
    ids = json.loads((FOLDER / "ids.json").read_text())
    assert set(ids) == set(MODELS)
    flat = [number for versions in ids.values() for number in versions]
    assert len(flat) == len(set(flat))
