"""A person's decision about a suggestion: signed with their own key, sent to Kafka, and what the gate answers."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.approvals import Claims, Decided
from schemas.codec import Codec
from schemas.errors import BrokerError, InputError, RecordError
from schemas.plan import plan_hash
from schemas.records import Approval, Ruling, Suggestion
from schemas.topics import APPROVALS, RULINGS, SUGGESTIONS
from streams.sending import send
from streams.topic_reading import read

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
        consumer = Consumer({**self.config, "group.id": "none", "enable.auto.commit": False})
        try:
            self._from_the_end(consumer)
            send(self.config, self.prefix, self.codec, APPROVALS, approval)
            return self._answer(consumer, approval.event_id)
        except KafkaException as error:
            raise BrokerError(f"Kafka does not answer: {error.args[0].str()}") from error
        finally:
            consumer.close()

    def _from_the_end(self, consumer: Consumer) -> None:
        name = self.prefix + RULINGS.name
        found = consumer.list_topics(name, WAIT_S).topics[name]
        if found.error:
            raise BrokerError(f"{name}: {found.error.str()}")
        ends = []
        for partition in found.partitions:
            _, end = consumer.get_watermark_offsets(TopicPartition(name, partition), WAIT_S)
            ends.append(TopicPartition(name, partition, end))
        consumer.assign(ends)

    def _answer(self, consumer: Consumer, approval_id: str) -> Ruling | None:
        late = time.monotonic() + WAIT_S
        while (left := late - time.monotonic()) > 0:
            if (message := consumer.poll(left)) is None or message.error():
                continue
            try:
                ruling = self.codec.decode_as(Ruling, message.value())
            except RecordError:
                continue
            if ruling.approval_id == approval_id:
                return ruling
        return None
