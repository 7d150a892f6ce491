"""How a topic keeps its records by its settings in Kafka: for people to read, and held against what is needed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from schemas.topics import DAY_MS, FOREVER, UNLIMITED, Topic


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """The two limits are FOREVER and UNLIMITED where nothing is deleted, whatever else is set."""

    largest_record: int
    compacted: bool
    retention_ms: int
    retention_bytes: int
    """Of a partition."""

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Self:
        """`values` are those of Kafka by their names."""
        policies = values["cleanup.policy"].split(",")
        deletes = "delete" in policies
        return cls(
            largest_record=int(values["max.message.bytes"]),
            compacted="compact" in policies,
            retention_ms=int(values["retention.ms"]) if deletes else FOREVER,
            retention_bytes=int(values["retention.bytes"]) if deletes else UNLIMITED,
        )

    @property
    def kept(self) -> str:
        limit = "" if self.retention_bytes == UNLIMITED else f", at most {self.retention_bytes} bytes a partition"
        return _time(self.retention_ms) + limit + (", compacted" if self.compacted else "")

    def problems(self, topic: Topic) -> Iterable[str]:
        """What loses records that `topic` has to keep, or refuses them. To keep more is no problem."""
        if self.largest_record < topic.largest_record:
            yield f"takes no records of {topic.largest_record} bytes: set its max.message.bytes"
        if self.compacted and not topic.compacted:
            yield "is compacted, so that only the newest record of each key stays: set its cleanup.policy to delete"
        if topic.compacted and not self.compacted:
            yield "is not compacted: set its cleanup.policy to compact"
        if self.retention_ms != FOREVER and not 0 <= topic.retention_ms <= self.retention_ms:
            kept, needed = _time(self.retention_ms), _time(topic.retention_ms)
            yield f"keeps records for {kept}, not {needed}: set its retention.ms to {topic.retention_ms}"
        if self.retention_bytes != UNLIMITED and topic.retention_ms == FOREVER:
            yield f"keeps at most {self.retention_bytes} bytes a partition: set its retention.bytes to {UNLIMITED}"


def _time(retention_ms: int) -> str:
    return "for ever" if retention_ms == FOREVER else f"{retention_ms / DAY_MS:g} days"
