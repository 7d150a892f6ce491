"""From runs to batches: a bounded buffer that the product's threads fill, and one thread that empties it.

At most `RUNS` runs wait, and `LONG_TEXTS` characters of statements longer than `LONG_TEXT`; what comes on top is
counted and reported in the next batch. The thread works in short slices and rests between them, since a thread of
the product that comes back from DuckDB would else wait for the interpreter's lock for up to 5 ms.
"""

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from random import random
from threading import Event as Signal
from threading import RLock, Thread
from uuid import uuid4

from ..fingerprint import shape
from .exemplars import Exemplars
from .profiler import profile_of
from .sink import Batch, Event, OpenSink, Sink, Statement

RUNS = 10_000
LONG_TEXT = 4_096
LONG_TEXTS = 16 * 1024 * 1024
BATCH_EVENTS = 500
INTERVAL_S = 1.0
EXIT_S = 1.0
SAMPLED_SHARE = 0.05
SAMPLE_GAP_NS = 100_000_000
"""Least time between two samples on the average, so that a busy product's 99th percentile does not show them."""
SLICE = 16
REST_S = 0.0005
TEXTS = 4_096
SLOW_US = 5_000
SETTLING = 8
FAMILIAR_RUNS = 100
PROFILES = 4
"""Of a slow text, which is profiled each time until there are so many: the profiler takes a twentieth of a run."""

# What is known of a text: it is to be profiled each time; enough of its parameters have been seen
SLOW = 1
FAMILIAR = 2

Parameters = Sequence[object] | Mapping[str, object]

logger = logging.getLogger("duckdb_sidecar")


class Run:
    """What a thread of the product tells of one run."""

    database: str
    text: str
    parameters: Parameters | None = None
    """None where they are not kept."""
    route: str | None = None
    rows: int | None = None
    error: str | None = None
    profile: str | None = None
    """DuckDB's JSON."""
    started_ns: int
    """The call, by `perf_counter_ns`."""
    time_us: int | None = None
    """The call, in microseconds since 1970, where another process has told it."""
    spent_ns = 0
    """Inside DuckDB."""


class Mark(Signal):
    """Stands among the runs, and is set when all before it were handed over and waited for."""

    def __init__(self, timeout: float) -> None:
        super().__init__()
        self.timeout = timeout
        self.safe = False


class Recorder:
    """Of one product. `instance` is this process, and another in a forked child."""

    def __init__(self, product: str, open_sink: OpenSink, exemplars: Exemplars, salt: bytes) -> None:
        self.product = product
        self._open_sink = open_sink
        self._exemplars = exemplars
        self._salt = salt
        self._statements: OrderedDict[str, Statement] = OrderedDict()
        self._usual_us: dict[str, float] = {}
        self._profiles: dict[str, int] = {}
        self.habits: dict[str, int] = {}
        """SLOW and FAMILIAR by text."""
        self.start_afresh()

    def start_afresh(self) -> None:
        """As in a new process: what waits here is the parent's to send, and its thread does not live in a child."""
        self.instance = uuid4().hex
        self.opened = 0
        """Connections whose opening was seen."""
        self.met = 0
        """Connections that were open when they were first seen."""
        self.recorded = 0
        """Runs that the sink took."""
        self.dropped = 0
        self._reported = 0
        self._lock = RLock()  # taken twice where a garbage collection inside ends another run
        self.runs: deque[Run | Mark] = deque()
        """To be appended to by any thread, after `admits` where `quiet` or more wait or the text is a long one."""
        self.quiet = 0
        self.due_ns = 0
        """When the next run is to be sampled, by `perf_counter_ns`."""
        self._gap_ns = SAMPLE_GAP_NS
        self._paced_ns = time.perf_counter_ns()
        self._long = 0
        self._wake = Signal()
        self._stopping = False
        self._deadline_s = 0.0
        self._thread: Thread | None = None
        self._complaints: set[str] = set()
        self._exemplars.start_afresh()

    # in the product's threads

    def admits(self, text: str) -> bool:
        """Whether there is room for one run more; if not, it is counted."""
        if self._thread is None:
            self._start()
        waiting, long = len(self.runs), len(text) > LONG_TEXT
        if waiting >= BATCH_EVENTS:
            self._wake.set()
        with self._lock:
            if waiting >= RUNS or (long and self._long + len(text) > LONG_TEXTS):
                self.dropped += 1
                return False
            self._long += len(text) if long else 0
        return True

    def drop(self, runs: int) -> None:
        """Counts runs that are lost."""
        with self._lock:
            self.dropped += runs

    def is_due(self, now_ns: int) -> bool:
        """Whether to sample the run that begins now. At random in time, so as not to meet the same one always."""
        if now_ns < self.due_ns:
            return False
        self.due_ns = now_ns + round(self._gap_ns * 2 * random())  # noqa: S311
        return True

    def flush(self, timeout: float) -> bool:
        """Whether all that was recorded before is safe with the sink, within `timeout` seconds."""
        mark = Mark(timeout)
        self.runs.append(mark)
        self._start()
        self._wake.set()
        return mark.wait(timeout) and mark.safe

    def stop(self, timeout: float) -> None:
        """Has what waits handed over and the sink closed, in its own thread and within `timeout` seconds."""
        self._deadline_s = time.monotonic() + timeout
        self._stopping = True
        self._wake.set()

    def join(self, timeout: float) -> None:
        if self._thread is not None:
            self._thread.join(timeout)

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None or self._stopping:
                return
            self._thread = Thread(target=self._work, name=f"duckdb-sidecar-{self.product}", daemon=True)
            self._thread.start()
            self.quiet = BATCH_EVENTS

    # in a thread of its own

    def _work(self) -> None:
        sink: Sink | None = None
        stopping = False
        while not stopping:
            if len(self.runs) < BATCH_EVENTS:
                self._wake.wait(INTERVAL_S)
            self._wake.clear()
            stopping = self._stopping
            self._pace(len(self.runs))
            try:
                sink = sink or self._open_sink()
                self._drain(sink)
                self._exemplars.save(final=stopping)
                if stopping:
                    sink.flush(max(0.0, self._deadline_s - time.monotonic()))
                    sink.close()
            except Exception as error:  # noqa: BLE001 - whatever a sink does, this thread goes on
                self._complain("the query log is not kept", error)

    def _pace(self, runs: int) -> None:
        """Samples no more than `SAMPLED_SHARE` of the runs, going by how many there were since the last time."""
        now_ns = time.perf_counter_ns()
        since_ns, self._paced_ns = now_ns - self._paced_ns, now_ns
        if runs:
            self._gap_ns = max(SAMPLE_GAP_NS, round(since_ns / runs / SAMPLED_SHARE))

    def _drain(self, sink: Sink) -> None:
        """Takes what waits now."""
        since_1970_ns = time.time_ns() - time.perf_counter_ns()
        events: dict[str, list[Event]] = {}
        for taken in range(1, len(self.runs) + 1):
            run = self.runs.popleft()
            if isinstance(run, Mark):
                self._send(sink, events)
                run.safe = sink.flush(run.timeout)
                run.set()
                continue
            try:
                events.setdefault(run.database, []).append(self._read(run, since_1970_ns))
            except Exception as error:  # noqa: BLE001 - one that cannot be read is no reason to lose the others
                self.drop(1)
                self._complain("a run could not be read", error)
            if taken % BATCH_EVENTS == 0:
                self._send(sink, events)
            if taken % SLICE == 0 and not self._stopping:
                time.sleep(REST_S)
        self._send(sink, events)
        if self._long:
            with self._lock:
                waiting = [len(run.text) for run in list(self.runs) if isinstance(run, Run)]
                self._long = sum(length for length in waiting if length > LONG_TEXT)

    def _send(self, sink: Sink, events: dict[str, list[Event]]) -> None:
        for database in list(events):
            of_database = events.pop(database)
            dropped = self.dropped
            try:
                sink.write(Batch(self.product, database, self.instance, dropped - self._reported, of_database))
                self._reported = dropped
                self.recorded += len(of_database)
            except Exception as error:  # noqa: BLE001 - the next batch may pass
                self.drop(len(of_database))
                self._complain("runs are lost, since the query log does not take them", error)

    def _read(self, run: Run, since_1970_ns: int) -> Event:
        statement = self._statement_of(run.text)
        latency_us = run.spent_ns // 1000
        self._note_latency(run, latency_us)
        if run.error is None and run.parameters is not None:
            slot = self._exemplars.slot(statement.fingerprint)
            if slot is not None:
                self._exemplars.put(slot, shape(run.text, run.parameters, salt=self._salt))
            if self._exemplars.seen(statement.fingerprint) >= FAMILIAR_RUNS:
                self._note(run.text, FAMILIAR, True)
        profile = None if run.profile is None else profile_of(run.profile)
        time_us = (run.started_ns + since_1970_ns) // 1000 if run.time_us is None else run.time_us
        return Event(statement, time_us, latency_us, run.rows, run.error, run.route, profile)

    def _statement_of(self, text: str) -> Statement:
        if (known := self._statements.get(text)) is not None:
            self._statements.move_to_end(text)
            return known
        read = shape(text, salt=self._salt)
        statement = Statement(read.id, read.text, read.kind)
        if len(text) <= LONG_TEXT:
            self._statements[text] = statement
            if len(self._statements) > TEXTS:
                old, _ = self._statements.popitem(last=False)
                self.habits.pop(old, None)
                self._usual_us.pop(old, None)
                self._profiles.pop(old, None)
        return statement

    def _note_latency(self, run: Run, latency_us: int) -> None:
        text = run.text
        # one run that had to wait makes no slow statement
        latency = min(latency_us, 2 * SLOW_US)
        usual = self._usual_us.get(text, float(latency))
        usual += (latency - usual) / SETTLING
        if text in self._statements:
            self._usual_us[text] = usual
            profiles = self._profiles.get(text, 0)
            if run.profile is not None:
                profiles = self._profiles[text] = profiles + 1
            self._note(text, SLOW, usual >= SLOW_US and profiles < PROFILES)

    def _note(self, text: str, habit: int, holds: bool) -> None:
        habits = self.habits.get(text, 0)
        if holds != bool(habits & habit) and text in self._statements:
            self.habits[text] = habits ^ habit

    def _complain(self, what: str, error: Exception) -> None:
        """Once for each kind of trouble: a product's log is no place for a line a second."""
        complaint = f"{what}: {type(error).__name__}"
        if complaint not in self._complaints:
            self._complaints.add(complaint)
            logger.warning("%s: %s", what, error)
