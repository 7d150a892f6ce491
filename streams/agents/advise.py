"""Placeholder while inference.advisor is being written."""

from schemas.codec import Codec
from streams.agents.steps import Input, Outcome, Output


class Advise:
    name = "advise"

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def __call__(self, record: Input) -> Outcome:
        raise NotImplementedError

    def instead(self, record: Input) -> list[Output]:
        return []
