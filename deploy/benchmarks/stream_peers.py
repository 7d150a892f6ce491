"""The work of `observe` without Faust: a bare loop on confluent-kafka, and the same on Quix Streams.

python stream_peers.py bare|quix BOOTSTRAP_SERVERS PREFIX GROUP TOPIC_ID
"""

import sys
from typing import Any

from schemas.codec import Codec
from schemas.topics import PATTERNS, QUERY_LOG
from streams.agents.observe import Observe
from streams.agents.steps import Input

BATCH = 500


def bare(servers: str, prefix: str, group: str, topic_id: str) -> None:
    """The least that loses nothing: a batch is flushed, then its offsets are committed."""
    from confluent_kafka import Consumer, Producer

    observe = Observe(Codec())
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 5})
    consumer.subscribe([prefix + QUERY_LOG.name])
    while True:
        first = consumer.poll(0.5)
        if first is None:
            continue
        for message in [first, *consumer.consume(BATCH - 1, 0)]:
            place = (message.topic(), topic_id, message.partition(), message.offset())
            record = Input(*place, message.timestamp()[1], message.key(), message.value())
            for output in observe(record).outputs:
                producer.produce(prefix + output.topic, output.value, output.key)
                producer.poll(0)
        producer.flush()
        consumer.commit(asynchronous=False)


def quix(servers: str, prefix: str, group: str, topic_id: str) -> None:
    from quixstreams import Application, message_context

    observe = Observe(Codec())
    topic = prefix + QUERY_LOG.name

    def step(value: bytes, key: bytes, timestamp: int, _: Any) -> bytes:
        context = message_context()
        record = Input(topic, topic_id, context.partition, context.offset, timestamp, key, value)
        (output,) = observe(record).outputs
        return output.value

    app = Application(
        broker_address=servers,
        consumer_group=group,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        commit_interval=1.0,
        loglevel="WARNING",
    )
    source = app.topic(topic, key_deserializer="bytes", value_deserializer="bytes")
    sink = app.topic(prefix + PATTERNS.name, key_serializer="bytes", value_serializer="bytes")
    app.dataframe(source).apply(step, metadata=True).to_topic(sink)
    app.run()


if __name__ == "__main__":
    {"bare": bare, "quix": quix}[sys.argv[1]](*sys.argv[2:])
