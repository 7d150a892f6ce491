"""What is handed in is where the sender says that it is, or is said not to be taken."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from schemas.errors import BrokerError
from schemas.topics import REQUESTS
from streams import sending
from streams.broker.mock import MockKafka
from streams.sending import Sending
from tests.store_records import CODEC, request


def test_each_is_confirmed_with_its_own_place(mock_kafka: MockKafka) -> None:
    mock_kafka.create_topic(f"p.{REQUESTS.name}", 1)
    config = {"bootstrap.servers": mock_kafka.bootstrap_servers}
    with closing(Sending(config, "p.", CODEC)) as one, ThreadPoolExecutor(4) as threads:
        places = list(threads.map(lambda _: one.send(REQUESTS, request()), range(20)))
    assert sorted(places) == [(0, offset) for offset in range(20)]


def test_what_kafka_does_not_confirm_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "WAIT_S", 0.3)
    begun = time.monotonic()
    with (
        closing(Sending({"bootstrap.servers": "127.0.0.1:1"}, "", CODEC)) as one,
        pytest.raises(BrokerError, match="the request was not sent: "),
    ):
        one.send(REQUESTS, request())
    assert time.monotonic() - begun < 3
