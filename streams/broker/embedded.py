"""The broker that is there when no other Kafka is named."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from schemas.errors import PartsMissing
from streams.broker import Broker, apache
from streams.broker.mock import MockKafka


def start(data: Path, port: int = 0, *, progress: Callable[[str], None]) -> Broker:
    """Starts Apache Kafka on the folder `data`, or else, where its parts cannot be had, the mock, and says so.

    Args:
        port: of 127.0.0.1; 0 takes a free one. The mock broker always does.

    Raises:
        BrokerError: Kafka's parts are there, but it does not start.
    """
    try:
        return apache.start(data, port, progress=progress)
    except PartsMissing as missing:
        mock = MockKafka()
        progress(f"Using {mock.description}. Apache Kafka cannot be had: {missing}")
        return mock


def serve(data: Path, port: int = 0, *, progress: Callable[[str], None]) -> None:
    """Runs the embedded broker in the foreground until SIGINT or SIGTERM, which stop it in order.

    For the main thread. Raises BrokerError when the broker ends by itself.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with start(data, port, progress=progress) as broker:
            progress(f"{broker.description}\nbootstrap servers: {broker.bootstrap_servers}\nCtrl-C stops it")
            while True:
                broker.check()
                time.sleep(0.5)
    except KeyboardInterrupt:
        progress("stopped")
