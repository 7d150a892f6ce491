"""What was carried out in products, for the commands of people, and taking it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.codec import Codec
from schemas.errors import InputError
from schemas.records import Outcome, Record, Ruling
from schemas.topics import OUTCOMES, RULINGS
from streams.requests import ask
from streams.topic_reading import following, read

WAIT_S = 60
"""For a change to be taken back, which a large table may take longer for."""


@dataclass(frozen=True, slots=True)
class Operated:
    """`config` is that of any client of confluent-kafka, `prefix` that of the topics. All raise BrokerError."""

    config: Mapping[str, Any]
    prefix: str
    codec: Codec

    def outcomes(self, product: str = "") -> list[Outcome]:
        """What became of each operation, the newest first."""
        found = {one.operation_id: one for one in read(self.config, self.prefix, OUTCOMES, Outcome, self.codec)}
        wanted = [one for one in found.values() if product in ("", one.product)]
        return sorted(wanted, key=lambda one: one.began, reverse=True)

    def outcome(self, wanted: str) -> Outcome:
        """Of the operation whose id begins so. Raises InputError where that names none or several."""
        fitting = [one for one in self.outcomes() if one.operation_id.startswith(wanted)]
        if len(fitting) != 1:
            raise InputError(f"{wanted} names {len(fitting)} operations: `sidecar operations` lists their ids")
        return fitting[0]

    def take_back(self, done: Outcome) -> Outcome | Ruling | None:
        """What became of that, or the refusal; None where no answer came within `WAIT_S`."""
        body = {"operation_id": done.operation_id}
        with following(self.config, self.prefix, self.codec, OUTCOMES, RULINGS) as until:
            request = ask(self.config, self.prefix, self.codec, "rollback", done.product, done.database, body)

            def answers(one: Record) -> bool:
                if isinstance(one, Ruling):
                    return one.approval_id == request.event_id
                same = isinstance(one, Outcome) and (one.suggestion_id, one.first, one.last) == (
                    done.suggestion_id, done.first, done.last)  # fmt: skip
                return same and isinstance(one, Outcome) and one.kind == "revert"

            found = until(answers, WAIT_S)
        return found if isinstance(found, Outcome | Ruling) else None
