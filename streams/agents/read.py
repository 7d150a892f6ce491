"""Approvals to readings: the class of reason that the text of a rejection, or of a comment, is read into."""

from inference.language.asks import Reply
from inference.language.tasks import reason_ask, reason_of
from schemas.approvals import claimed
from schemas.codec import Codec
from schemas.errors import RecordError, TokenError
from schemas.ids import derived_id
from schemas.records import Approval, Reading
from schemas.topics import READINGS, key_of
from streams.agents.steps import INSTANCE, Asking, Input, Outcome, Output


class Read:
    """Nobody has verified yet who signed it: a reading counts where the gate takes its approval, and nowhere else."""

    name = "read"

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def __call__(self, record: Input) -> Asking:
        try:
            claims = claimed(self._codec.decode_as(Approval, record.value))
        except (RecordError, TokenError):
            return Outcome([])  # the control process reads it too, and tells
        if claims.decision not in ("reject", "comment") or not claims.reason.strip():
            return Outcome([])
        reply = yield reason_ask(claims.reason)
        if not isinstance(reply, Reply):
            return Outcome([])
        reading = Reading(
            product=claims.product,
            database=claims.database,
            instance=INSTANCE,
            event_id=derived_id(record.source, "read/1"),
            time=record.time,
            approval=record.source,
            suggestion_id=claims.suggestion_id,
            reason=reason_of(reply.answer) or "",
            probability=reply.probability,
            backend=reply.by.backend,
            model=reply.by.model,
            version=reply.by.version,
        )
        key = key_of(claims.product, claims.database)
        return Outcome([Output(READINGS.name, key, self._codec.encode(reading))])

    def instead(self, record: Input) -> list[Output]:  # noqa: ARG002
        return []
