"""librdkafka's mock broker in this process, which every client reaches over TCP.

Its topics come into being by `create_topic`, or when they are used, with four partitions. It has no admin
requests, no transactions, no compaction and no offsets by time, and of each partition it keeps the last 5 MB.
"""

import ctypes

from confluent_kafka import cimpl

from schemas.errors import BrokerError, TopicError
from streams.broker import Broker

_PRODUCER = 0  # rd_kafka_type_t
_JOIN_MS = 100  # group members that come within it are assigned together; a later one waits for a session to end


def _librdkafka() -> ctypes.CDLL:
    # confluent-kafka's extension is linked to the librdkafka of its wheel, so its symbols are found through it.
    library = ctypes.CDLL(cimpl.__file__)
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, result, *arguments in (
        ("rd_kafka_conf_new", pointer),
        ("rd_kafka_conf_set", number, pointer, text, text, text, ctypes.c_size_t),
        ("rd_kafka_new", pointer, number, pointer, text, ctypes.c_size_t),
        ("rd_kafka_destroy", None, pointer),
        ("rd_kafka_err2str", text, number),
        ("rd_kafka_mock_cluster_new", pointer, pointer, number),
        ("rd_kafka_mock_cluster_bootstraps", text, pointer),
        ("rd_kafka_mock_cluster_destroy", None, pointer),
        ("rd_kafka_mock_group_initial_rebalance_delay_ms", None, pointer, ctypes.c_int32),
        ("rd_kafka_mock_topic_create", number, pointer, text, number, number),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class MockKafka(Broker):
    durable = False

    def __init__(self) -> None:
        self._library = _librdkafka()
        error = ctypes.create_string_buffer(256)
        settings = self._library.rd_kafka_conf_new()
        self._library.rd_kafka_conf_set(settings, b"log_level", b"0", error, len(error))
        self._client = self._library.rd_kafka_new(_PRODUCER, settings, error, len(error))
        if not self._client:
            raise BrokerError(f"librdkafka's mock broker did not start: {error.value.decode()}")
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, _JOIN_MS)
        self.bootstrap_servers = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        self.description = (
            f"librdkafka's mock broker on {self.bootstrap_servers}: nothing survives this process, no security"
        )

    def create_topic(self, name: str, partitions: int) -> None:
        """Raises TopicError when the topic exists."""
        failed = self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        if failed:
            raise TopicError(f"topic {name}: {self._library.rd_kafka_err2str(failed).decode()}")

    def check(self) -> None:
        """It lives in this process and cannot end before it."""

    def stop(self) -> None:
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._library.rd_kafka_destroy(self._client)
            self._cluster = None
