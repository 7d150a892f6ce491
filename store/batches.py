"""A PatternBatch as it is read for the tables: checked whole, before anything of it is applied."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.codec import Codec
from schemas.errors import RecordError
from schemas.records import NAMESPACE, PatternBatch

from . import sums
from .sums import Sums

NAME = f"{NAMESPACE}.{PatternBatch.__name__}"


class Shape(NamedTuple):
    product: str
    database: str
    fingerprint: str


class Pattern(NamedTuple):
    """`hour` is in microseconds since 1970."""

    shape: Shape
    hour: int
    catalog_hash: str
    sums: Sums
    statement: str
    kind: str
    routes: Mapping[str, int]
    exemplars: list[str]


class Source(NamedTuple):
    topic_id: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Batch:
    """`time` is in microseconds since 1970. An unreadable record of the query log has no patterns and no product."""

    source: Source
    product: str
    database: str
    time: int
    dropped: int
    patterns: list[Pattern]


def read(codec: Codec, payload: bytes | None) -> Batch:
    """Raises RecordError for what is no PatternBatch, or none that `observe` would send."""
    name, values = codec.decode_values(payload)
    if name != NAME:
        raise RecordError(f"expected {NAME}, got {name}: is it the right topic?")
    product, database = values["product"], values["database"]
    if values["readable"] and not (product and database):
        raise RecordError("the patterns name no product or no database")
    if not 0 <= values["dropped"] <= sums.LARGEST or not 0 <= values["time"] <= sums.LATEST_US:
        raise RecordError("its time or number of dropped runs is impossible")
    source = values["source"]
    patterns = [_pattern(product, database, pattern) for pattern in values["patterns"]] if values["readable"] else []
    return Batch(
        Source(source["topic_id"], source["partition"], source["offset"]),
        product,
        database,
        values["time"],
        values["dropped"],
        patterns,
    )


def _pattern(product: str, database: str, values: Mapping[str, Any]) -> Pattern:
    return Pattern(
        Shape(product, database, values["fingerprint"]),
        values["hour"],
        values["catalog_hash"],
        sums.of(values),
        values["statement"],
        values["kind"],
        values["routes"],
        values["exemplars"],
    )
