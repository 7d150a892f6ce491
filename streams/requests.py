"""Asking the control process for something: a Request on its topic, confirmed by Kafka."""

import getpass
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.codec import Codec
from schemas.errors import BrokerError
from schemas.records import Request
from schemas.topics import REQUESTS, key_of

WAIT_S = 30


def ask(config: Mapping[str, Any], prefix: str, codec: Codec, kind: str, product: str, database: str) -> Request:
    """Sends it and returns when Kafka has it. An empty `database` means every one of the product.

    Raises BrokerError.
    """
    request = Request(
        product=product,
        database=database,
        instance="",
        event_id=str(uuid4()),
        time=datetime.now(UTC),
        kind=kind,
        body=b"{}",
        requested_by=getpass.getuser(),
    )
    failed: list[str] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error:
            failed.append(error.str())

    producer = Producer({**config, "enable.idempotence": True, "log_level": 0})
    try:
        producer.produce(
            prefix + REQUESTS.name, codec.encode(request), key_of(product, database), on_delivery=delivered
        )
    except KafkaException as error:
        raise BrokerError(f"the request was not sent: {error.args[0].str()}") from error
    if producer.flush(WAIT_S) or failed:
        reason = failed[0] if failed else f"Kafka did not confirm it within {WAIT_S} s"
        raise BrokerError(f"the request was not sent: {reason}")
    return request
