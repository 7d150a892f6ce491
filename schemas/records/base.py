"""What every record carries, and the small records that several share."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

NAMESPACE = "duckdb_sidecar"


class Part(BaseModel):
    """A record inside a record."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="utf8")


class Record(Part):
    """The envelope. `time` is UTC with microseconds; `event_id` is the same after every redelivery.

    `product` names the data product, `database` one database of it (an id, never a path), `instance` the
    process that the record comes from. Where a record concerns no product, the three are empty.
    """

    product: str
    database: str
    instance: str
    event_id: str
    time: datetime
    schema_version: int = 1


class Position(Part):
    """A place in Kafka. `topic_id` is the topic's UUID: a topic made anew under the same name is another."""

    topic: str
    topic_id: str
    partition: int
    offset: int


class Action(Part):
    """One typed step: `body` is canonical JSON of the kind's model in `schemas.actions`, carried as bytes."""

    kind: str
    version: int
    body: bytes


class Sketch(Part):
    """A DDSketch of microseconds: `counts[i]` values fell into bin `keys[i]` (ascending), `zero` were 0.

    The mapping is logarithmic, with a relative accuracy of 1 %.
    """

    zero: int
    keys: list[int]
    counts: list[int]
