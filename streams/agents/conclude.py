"""Measurements to suggestions."""

from inference.advisor import Occasion, conclude
from schemas.codec import Codec
from schemas.records import Measurement
from schemas.topics import SUGGESTIONS, key_of
from streams.agents.steps import INSTANCE, Input, Outcome, Output


class Conclude:
    name = "conclude"

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def __call__(self, record: Input) -> Outcome:
        measurement = self._codec.decode_as(Measurement, record.value)
        key = key_of(measurement.product, measurement.database)
        suggestions = conclude(measurement, Occasion(record.source, record.time, INSTANCE))
        return Outcome([Output(SUGGESTIONS.name, key, self._codec.encode(one)) for one in suggestions])

    def instead(self, record: Input) -> list[Output]:  # noqa: ARG002
        return []
