"""An outside reader of the sidecar's topics: what came through so far, and whether the first analysis is through."""

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.codec import Codec
from schemas.records import DeadLetter, Measurement, MeasurementRequest, Outcome, PatternBatch, Suggestion, Verdict
from schemas.topics import DEAD_LETTERS, MEASUREMENT_REQUESTS, MEASUREMENTS, OUTCOMES, PATTERNS, SUGGESTIONS, VERDICTS
from streams.seen import Seen

WATCHED = (PATTERNS, MEASUREMENT_REQUESTS, MEASUREMENTS, SUGGESTIONS, OUTCOMES, VERDICTS, DEAD_LETTERS)


class Watch:
    def __init__(self, bootstrap_servers: str, topic_prefix: str) -> None:
        self._codec = Codec()
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap_servers, "group.id": "demo", "enable.auto.commit": False}
        )
        self._consumer.assign(
            [
                TopicPartition(topic_prefix + topic.name, partition, 0)
                for topic in WATCHED
                for partition in range(topic.partitions)
            ]
        )

    def update(self, seen: Seen, timeout_s: float) -> None:
        """Reads what has come since, waiting for at most `timeout_s` for the first of it."""
        for message in self._consumer.consume(500, timeout_s):
            if (error := message.error()) is not None:
                if error.code() != KafkaError._PARTITION_EOF and error.fatal():
                    raise KafkaException(error)
                continue
            self._note(seen, message.value())

    def _note(self, seen: Seen, payload: bytes | None) -> None:
        match self._codec.decode(payload):
            case PatternBatch() as batch:
                seen.runs += sum(pattern.count for pattern in batch.patterns)
                seen.shapes.update(pattern.fingerprint for pattern in batch.patterns)
            case MeasurementRequest() as asked if seen.asked is None:
                seen.asked = asked
            case Measurement() as measured if seen.measured is None:
                seen.measured = measured
            case Suggestion() as suggestion if suggestion.revision == 1:
                seen.suggestions[suggestion.position] = suggestion
            case Outcome() as outcome if outcome not in seen.outcomes:
                seen.outcomes.append(outcome)
            case Verdict() as verdict:
                seen.verdicts.append(verdict)
            case DeadLetter():
                seen.dead_letters += 1

    def close(self) -> None:
        self._consumer.close()
