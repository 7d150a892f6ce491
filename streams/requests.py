"""Asking the control process for something: a Request on its topic, confirmed by Kafka."""

import getpass
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from schemas.codec import Codec
from schemas.records import Request
from schemas.topics import REQUESTS
from streams.sending import send


def ask(
    config: Mapping[str, Any],
    prefix: str,
    codec: Codec,
    kind: str,
    product: str,
    database: str,
    body: Mapping[str, str] | None = None,
) -> Request:
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
        body=json.dumps(body or {}).encode(),
        requested_by=getpass.getuser(),
    )
    send(config, prefix, codec, REQUESTS, request)
    return request
