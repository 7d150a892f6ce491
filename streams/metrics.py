"""Every metric, for Prometheus: base units (seconds, bytes), labels of few known values."""

import asyncio
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

READY = Gauge("sidecar_ready", "1 where the part is ready", ["part"], registry=REGISTRY)
RECORDS = Counter(
    "sidecar_records_total", "records that an agent is through with", ["agent", "outcome"], registry=REGISTRY
)
RECORD_BYTES = Counter("sidecar_record_bytes_total", "bytes of those records' values", ["agent"], registry=REGISTRY)
OUTPUTS = Counter("sidecar_outputs_total", "records that agents sent, confirmed by Kafka", ["topic"], registry=REGISTRY)
EVENTS = Counter("sidecar_events_total", "runs of queries that were observed", registry=REGISTRY)
DROPPED = Counter("sidecar_dropped_events_total", "runs that clients report as lost on their side", registry=REGISTRY)
CORRECTED = Counter(
    "sidecar_corrected_values_total", "impossible values of producers that were brought inside", ["what"],
    registry=REGISTRY,
)  # fmt: skip
BATCH_SECONDS = Histogram(
    "sidecar_batch_seconds", "from a batch of records in hand to its outputs confirmed", ["agent"], registry=REGISTRY
)
DELAY_SECONDS = Histogram(
    "sidecar_delay_seconds", "from Kafka's time of a record to its outputs confirmed", ["agent"], registry=REGISTRY,
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600),
)  # fmt: skip
RETRIES = Counter("sidecar_retries_total", "batches that were tried again", ["agent"], registry=REGISTRY)
OF_A_LOOP = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
LOOP_STALL_SECONDS = Histogram(
    "sidecar_event_loop_stall_seconds", "how late the event loop came back to a timer", registry=REGISTRY,
    buckets=OF_A_LOOP,
)  # fmt: skip
LOOP_BUSY_SECONDS = Histogram(
    "sidecar_event_loop_busy_seconds",
    "processor time that the event loop took between two timers: much less than it was late, and it had to wait",
    registry=REGISTRY, buckets=OF_A_LOOP,
)  # fmt: skip
LONGEST_STALL_SECONDS = Gauge(
    "sidecar_event_loop_longest_stall_seconds", "the latest that it ever came back", registry=REGISTRY
)
STORE_PATTERNS = Counter(
    "sidecar_store_patterns_total", "patterns that were merged into the knowledge file", registry=REGISTRY
)
STORE_COMMIT_SECONDS = Histogram(
    "sidecar_store_commit_seconds", "from records of the inputs in hand to their transaction committed",
    registry=REGISTRY,
)  # fmt: skip
STORE_LAG_RECORDS = Gauge("sidecar_store_lag_records", "records of the inputs not applied yet", registry=REGISTRY)
CONTROL_EPOCH = Gauge("sidecar_control_epoch", "epoch of this control process", registry=REGISTRY)
CLOCK_AHEAD_SECONDS = Gauge(
    "sidecar_clock_ahead_seconds", "by which the control process's clock is ahead of Kafka's, at the least",
    registry=REGISTRY,
)  # fmt: skip
JOURNAL_SEQUENCE = Gauge("sidecar_journal_sequence", "sequence of the journal's last entry", registry=REGISTRY)
DECISIONS = Counter(
    "sidecar_decisions_total", "decisions of the control process, journaled", ["kind"], registry=REGISTRY
)
BACKUP_TIMESTAMP = Gauge(
    "sidecar_backup_timestamp_seconds", "when this process last made a backup; 0 before", registry=REGISTRY
)
OUTBOX_MESSAGES = Gauge("sidecar_outbox_messages", "messages that Kafka has not confirmed yet", registry=REGISTRY)
NOTIFY_MESSAGES = Counter(
    "sidecar_notify_messages_total", "messages to people: sent, failed (and tried again), refused for good",
    ["receiver", "outcome"], registry=REGISTRY,
)  # fmt: skip
NOTIFY_WAITING = Gauge(
    "sidecar_notify_waiting", "things that a receiver has not been told yet", ["receiver"], registry=REGISTRY
)
NOTIFY_UNREACHABLE = Gauge(
    "sidecar_notify_unreachable", "1 where a receiver has taken nothing for ten minutes of trying", ["receiver"],
    registry=REGISTRY,
)  # fmt: skip

TICK_S = 0.02


def count(what: str, times: int) -> None:
    """A figure that a step reports: `events`, `dropped`, or a kind of impossible value."""
    match what:
        case "events":
            EVENTS.inc(times)
        case "dropped":
            DROPPED.inc(times)
        case _:
            CORRECTED.labels(what).inc(times)


async def watch_event_loop() -> None:
    """Measures for ever how late the loop is, and what it did meanwhile."""
    longest = 0.0
    while True:
        expected, busy = time.perf_counter() + TICK_S, time.thread_time()
        await asyncio.sleep(TICK_S)
        LOOP_BUSY_SECONDS.observe(time.thread_time() - busy)
        late = max(0.0, time.perf_counter() - expected)
        LOOP_STALL_SECONDS.observe(late)
        longest = max(longest, late)
        LONGEST_STALL_SECONDS.set(longest)
