"""The client's settings. The environment (`DUCKDB_SIDECAR_...`) comes before what the code passes.

`kafka` holds settings of librdkafka by their own names; in the environment `DUCKDB_SIDECAR_KAFKA_SASL_PASSWORD` is
its `sasl.password`, and so for every other. `DUCKDB_SIDECAR=off` is no setting: it leaves DuckDB as it is.
"""

import os
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..errors import SettingsError

PREFIX = "DUCKDB_SIDECAR_"
KAFKA = PREFIX + "KAFKA_"
NAME_PREFIX = r"^[A-Za-z0-9._-]{0,100}$"
OURS = frozenset(
    "group.id enable.auto.commit enable.auto.offset.store auto.offset.reset enable.idempotence max.poll.interval.ms "
    "key.serializer value.serializer".split()
)
GIB = 1024**3


class ClientSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kafka: dict[str, str] = Field(
        {}, description="how to reach Kafka: settings of librdkafka, `bootstrap.servers` at least", repr=False
    )
    topic_prefix: str = Field("", pattern=NAME_PREFIX, description="in front of every topic's name")
    group_prefix: str = Field(
        "duckdb-sidecar.", pattern=NAME_PREFIX, description="in front of every consumer group's name"
    )
    schema_registry_url: str = Field("", description="a Confluent-compatible Schema Registry; its ids alone count")
    schema_registry_userinfo: str = Field("", description="`user:password` of the Schema Registry", repr=False)
    full_coverage_since: datetime | None = Field(
        None, description="declares that since then (UTC) nobody uses the databases but through captured connections"
    )
    measure: bool = Field(True, description="answer requests to measure; without it the product is only observed")
    measure_interval_s: float = Field(300, ge=0, description="least time between two measurements of a database")
    clone_folder: Path | None = Field(
        None, description="where clones are made; none takes the product's folder below ~/.local/state/duckdb-sidecar"
    )
    exemplar_key_file: Path | None = Field(
        None, description="a file with base64 of 32 bytes, which the statements kept for measuring are sealed with"
    )
    clone_bytes: int = Field(2 * GIB, gt=0, description="of the largest full clone; above it a sample is measured")
    clone_free_bytes: int = Field(GIB, ge=0, description="must stay free on the disk that clones are made on")
    clone_s: float = Field(120, gt=0, description="after which a clone that is not complete is given up")
    clone_slowdown: float = Field(
        2.0, gt=1, description="times as slow as usual the product may become before its clone is given up"
    )
    snapshot_command: list[str] = Field(
        [], description="makes a snapshot where no full clone can be made; the file to write is its last argument"
    )
    snapshot_s: float = Field(600, gt=0, description="after which the snapshot command is stopped")
    measure_memory_bytes: int = Field(4 * GIB, gt=0, description="of address space that a measuring process may use")

    operation_keys: Path | None = Field(
        None, description="JWK set of the control processes whose orders are carried out; without it none is"
    )
    approval_keys: Path | None = Field(
        None, description="people's keys and a quorum (see `client.pinned`), by which approvals are verified here too"
    )
    dbt_project: Path | None = Field(
        None, description="the dbt project that makes the tables: then changes are landed as code, not in place"
    )
    operate_free_bytes: int = Field(GIB, ge=0, description="must stay free on the disk of a database that is changed")
    operate_hold_s: float = Field(
        30,
        gt=0,
        description="for which writers are held back at the most while a table is changed, or that gives way",
    )

    @field_validator("full_coverage_since")
    @classmethod
    def _in_utc(cls, since: datetime | None) -> datetime | None:
        return since.replace(tzinfo=UTC) if since and since.tzinfo is None else since

    @field_validator("kafka")
    @classmethod
    def _leaves_ours_alone(cls, kafka: dict[str, str]) -> dict[str, str]:
        if taken := sorted(OURS & kafka.keys()):
            raise ValueError(f"{', '.join(taken)}: the client sets that itself, leave it out")
        return kafka


def _arguments(variable: str, text: str) -> list[str]:
    """Split as a shell would; no shell ever runs it."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise SettingsError(f"{variable}: {error}") from error


def client_settings(given: Mapping[str, Any] | None = None) -> ClientSettings:
    """Raises SettingsError, which names everything that is wrong and repeats no value."""
    values = dict(given or {})
    kafka = dict(values.pop("kafka", {}))
    for variable, text in os.environ.items():
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or not text:
            continue
        if variable.startswith(KAFKA):
            kafka[variable.removeprefix(KAFKA).lower().replace("_", ".")] = text
        elif name == "snapshot_command":
            values[name] = _arguments(variable, text)
        else:
            values[name] = text
    try:
        return ClientSettings(kafka=kafka, **values)
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise SettingsError("\n".join(wrong)) from None
