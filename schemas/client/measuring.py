"""Answers requests to measure, one after the other: by exactly one of the processes that share a database."""

import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime

import duckdb
from confluent_kafka import KafkaException, Message

from ..errors import RecordError, SidecarError
from ..ids import following_id
from ..measure.job import Outcome
from ..records import Machine, Measurement, MeasurementRequest
from ..topics import MEASUREMENT_REQUESTS, MEASUREMENTS, key_of
from .attached import Attached
from .delivering import deliver, set_aside
from .kafka import consumer_of

logger = logging.getLogger("duckdb_sidecar")

Measure = Callable[[MeasurementRequest], Outcome]
"""Raises SidecarError, with what to do about it, where nothing could be measured."""


ASK_LESS = "ask about less (`sidecar analyze --text`), or lower SIDECAR_ANALYSIS_BUDGET_S so that less is tried at once"


class Measuring:
    """Of one database. The group's members get whole partitions, and all requests of a database are in one: so one
    process answers them. A request is done with when its answer is in Kafka; one that comes again after that gets an
    answer with the same id.
    """

    def __init__(self, attached: Attached, database: str, measure: Measure) -> None:
        self._attached = attached
        self._database = database
        self._measure = measure
        self._key = key_of(attached.product, database)
        self._epoch = 0
        self._measured_s = float("-inf")
        self._consumer = consumer_of(attached.settings, f"measure.{attached.product}.{database}")
        self._consumer.subscribe([attached.settings.topic_prefix + MEASUREMENT_REQUESTS.name])

    def work(self, timeout_s: float) -> None:
        """Answers the next request if there is one within `timeout_s`."""
        message = self._consumer.poll(timeout_s)
        if message is None or message.error() is not None:
            return
        if message.key() == self._key:
            self._take(message)
        if self._attached.stop.is_set():
            return  # what was given up is for the next process
        try:
            self._consumer.commit(message=message, asynchronous=False)
        except KafkaException as error:
            logger.info("the offset of a request was not committed, it may come again: %s", error)

    def close(self) -> None:
        self._consumer.close()

    def _take(self, message: Message) -> None:
        try:
            request = self._attached.codec.decode_as(MeasurementRequest, message.value())
        except RecordError as error:
            set_aside(self._attached, self._database, "measure", message, error)
            return
        if request.epoch < self._epoch:
            logger.info("a request of an older control process is ignored: %s", request.event_id)
            return
        self._epoch = request.epoch
        if request.deadline <= datetime.now(UTC):
            logger.info("a request is ignored, since its deadline has passed: %s", request.event_id)
            return
        self._answer(request, message)

    def _answer(self, request: MeasurementRequest, message: Message) -> None:
        outcome = self._outcome(request)
        answer = Measurement(
            product=self._attached.product,
            database=self._database,
            instance=self._attached.instance,
            event_id=following_id(request.event_id, "measure/1"),
            time=datetime.now(UTC),
            request=request,
            **dict(outcome),
        )
        payload = self._attached.codec.encode(answer)
        if not MEASUREMENTS.takes(self._key, payload):
            error = f"what came out takes {len(payload)} bytes, too many for a record: {ASK_LESS}"
            logger.warning("%s: %s", request.event_id, error)
            bare = {"error": error, "results": [], "not_measurable": {}}
            payload = self._attached.codec.encode(answer.model_copy(update=bare))
        if MEASUREMENTS.takes(self._key, payload):
            deliver(self._attached, MEASUREMENTS, self._key, payload)
        else:
            too_large = RecordError(f"no record holds this request and an answer to it: {ASK_LESS}")
            set_aside(self._attached, self._database, "measure", message, too_large)

    def _outcome(self, request: MeasurementRequest) -> Outcome:
        begun_s = time.monotonic()
        interval_s = self._attached.settings.measure_interval_s
        if (since_s := begun_s - self._measured_s) < interval_s:
            return failed(
                f"the product was measured {since_s:.0f} s ago and measure_interval_s is {interval_s:g}: "
                "ask again later, or lower it"
            )
        self._measured_s = begun_s
        try:
            return self._measure(request)
        except SidecarError as error:
            return failed(str(error), time.monotonic() - begun_s)
        except OSError as error:
            return failed(f"the product's side could not measure: {error.strerror}: look at its disk and its rights")
        except Exception as error:
            # the product's side answers whatever breaks; a message of somebody else's may hold data
            logger.warning("measuring failed", exc_info=True)
            return failed(f"measuring failed ({type(error).__name__}): the product's log tells more")


def failed(error: str, seconds: float = 0.0) -> Outcome:
    machine = Machine(
        duckdb_version=duckdb.__version__,
        cpus=os.cpu_count() or 1,
        threads=0,
        memory_limit_bytes=0,
        clone="none",
        clone_rows=0,
        clone_bytes=0,
        clone_s=0.0,
        share=0.0,
    )
    return Outcome(machine=machine, measured_s=seconds, error=error, results=[], not_measurable={})
