"""A person's decision about a suggestion: signed with their own key, sent to Kafka, and what the gate answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from schemas.approvals import Claims, Decided
from schemas.codec import Codec
from schemas.errors import InputError
from schemas.plan import plan_hash
from schemas.records import Approval, Ruling, Suggestion
from schemas.topics import APPROVALS, RULINGS, SUGGESTIONS
from streams.sending import send
from streams.topic_reading import following, read

from .signing import SigningKey

WAIT_S = 30


@dataclass(frozen=True, slots=True)
class Approving:
    """`config` is that of any client of confluent-kafka, `prefix` that of the topics. All raise BrokerError."""

    config: Mapping[str, Any]
    prefix: str
    codec: Codec

    def suggestions(self, product: str = "") -> list[Suggestion]:
        """The newest revision of each change, those of the newest analysis first, within it best first."""
        newest: dict[str, Suggestion] = {}
        for one in read(self.config, self.prefix, SUGGESTIONS, Suggestion, self.codec):
            known = newest.get(one.suggestion_id)
            if one.kind != "change" or product not in ("", one.product) or plan_hash(one.steps) != one.plan_hash:
                continue
            if not known or known.revision < one.revision:
                newest[one.suggestion_id] = one
        ordered = sorted(newest.values(), key=lambda one: one.position)
        return sorted(ordered, key=lambda one: (one.time, one.analysis_id), reverse=True)

    def suggestion(self, wanted: str) -> Suggestion:
        """The one whose id begins so. Raises InputError where that names none or several."""
        fitting = [one for one in self.suggestions() if one.suggestion_id.startswith(wanted)]
        if len(fitting) != 1:
            raise InputError(f"{wanted} names {len(fitting)} suggestions: `sidecar suggestions` lists their ids")
        return fitting[0]

    def send(
        self,
        suggestion: Suggestion,
        decision: Decided,
        key: SigningKey,
        steps: int | None = None,
        reason: str = "",
        score: int | None = None,
    ) -> Ruling | None:
        """The gate's answer, or None where none came within 30 s: it will come, once a control process is at work.

        `steps` None is all of the plan's.
        """
        claims = Claims(
            product=suggestion.product,
            database=suggestion.database,
            suggestion_id=suggestion.suggestion_id,
            revision=suggestion.revision,
            plan_hash=suggestion.plan_hash,
            decision=decision,
            steps=len(suggestion.steps) if steps is None else steps,
            reason=reason,
            score=score,
        )
        now = datetime.now(UTC)
        approval = Approval(
            product=suggestion.product,
            database=suggestion.database,
            instance="",
            event_id=str(uuid4()),
            time=now,
            token=key.sign(claims, now),
        )
        with following(self.config, self.prefix, self.codec, RULINGS) as until:
            send(self.config, self.prefix, self.codec, APPROVALS, approval)
            found = until(lambda one: isinstance(one, Ruling) and one.approval_id == approval.event_id, WAIT_S)
        return found if isinstance(found, Ruling) else None
