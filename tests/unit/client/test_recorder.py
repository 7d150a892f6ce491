"""From runs to batches."""

import logging
from pathlib import Path
from threading import Event as Signal

import duckdb
import pytest

import schemas
from schemas.client import recorder as module
from schemas.client.exemplars import Exemplars
from schemas.client.recorder import FAMILIAR, SLOW, Recorder, Run
from schemas.client.sink import Batch, Sink
from tests.captured import Captured


def a_run(text: str = "SELECT 1", database: str = "shop", spent_ms: float = 1) -> Run:
    run = Run()
    run.text, run.database, run.started_ns, run.spent_ns = text, database, 0, round(spent_ms * 1e6)
    return run


class Gate(Captured):
    """A sink that waits until it is let on."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.let_on = Signal(), Signal()

    def write(self, batch: Batch) -> None:
        self.entered.set()
        assert self.let_on.wait(10)
        super().write(batch)


def a_recorder(sink: Sink, folder: Path) -> Recorder:
    return Recorder("shop", lambda: sink, Exemplars(folder), b"salt")


def record(recorder: Recorder, run: Run) -> None:
    """As the capturing side does."""
    if (len(recorder.runs) < recorder.quiet and len(run.text) <= module.LONG_TEXT) or recorder.admits(run.text):
        recorder.runs.append(run)


@pytest.fixture
def sink() -> Captured:
    return Captured()


@pytest.fixture
def recorder(sink: Captured, tmp_path: Path) -> Recorder:
    return a_recorder(sink, tmp_path)


def test_runs_of_different_databases_come_in_batches_of_their_own(recorder: Recorder, sink: Captured) -> None:
    for database in ("a", "b", "a"):
        record(recorder, a_run(database=database))
    assert recorder.flush(10)
    assert [(batch.database, len(batch.events)) for batch in sink.batches] == [("a", 2), ("b", 1)]
    assert recorder.recorded == 3


def test_a_batch_is_never_larger_than_agreed(recorder: Recorder, sink: Captured) -> None:
    for _ in range(1200):
        record(recorder, a_run())
    assert recorder.flush(10)
    assert sum(len(batch.events) for batch in sink.batches) == 1200
    assert max(len(batch.events) for batch in sink.batches) <= module.BATCH_EVENTS


def test_a_sink_that_is_not_done_in_time_is_not_called_safe(
    recorder: Recorder, sink: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(sink, "flush", lambda timeout: bool(waited.append(timeout)))
    record(recorder, a_run())
    assert (recorder.flush(7), waited) == (False, [7])


def test_what_comes_on_top_of_a_full_buffer_is_counted_and_reported(tmp_path: Path) -> None:
    gate = Gate()
    recorder = a_recorder(gate, tmp_path)
    record(recorder, a_run())
    recorder._wake.set()
    assert gate.entered.wait(10)
    for _ in range(module.RUNS + 250):
        record(recorder, a_run())
    assert len(recorder.runs) == module.RUNS
    assert recorder.dropped == 250
    gate.let_on.set()
    assert recorder.flush(30)
    assert sum(len(batch.events) for batch in gate.batches) == module.RUNS + 1
    assert sum(batch.dropped for batch in gate.batches) == 250


def test_long_statements_have_a_limit_of_their_own(tmp_path: Path) -> None:
    gate = Gate()
    recorder = a_recorder(gate, tmp_path)
    record(recorder, a_run())
    recorder._wake.set()
    assert gate.entered.wait(10)
    long = "SELECT '" + "x" * (module.LONG_TEXTS // 8) + "'"
    for _ in range(10):
        record(recorder, a_run(long))
    assert (len(recorder.runs), recorder.dropped) == (7, 3)
    gate.let_on.set()
    assert recorder.flush(30)
    record(recorder, a_run(long))
    assert recorder.flush(30)
    assert recorder.dropped == 3


class Refusing(Captured):
    def __init__(self, refuses: int) -> None:
        super().__init__()
        self.refuses = refuses

    def write(self, batch: Batch) -> None:
        if self.refuses:
            self.refuses -= 1
            raise OSError("no room")
        super().write(batch)


def test_what_the_sink_does_not_take_is_counted_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Refusing(2)
    recorder = a_recorder(sink, tmp_path)
    for n in range(3):
        for _ in range(n + 1):
            record(recorder, a_run())
        assert recorder.flush(10)
    assert [(len(batch.events), batch.dropped) for batch in sink.batches] == [(3, 3)]
    assert (recorder.recorded, recorder.dropped) == (3, 3)
    assert [entry.levelno for entry in caplog.records] == [logging.WARNING]


def test_a_sink_that_cannot_be_opened_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL_S", 0.01)
    sink, tries = Captured(), []

    def open_sink() -> Captured:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("not yet")
        return sink

    recorder = Recorder("shop", open_sink, Exemplars(tmp_path), b"")
    record(recorder, a_run())
    assert recorder.flush(10)
    assert (len(tries), len(sink.batches)) == (3, 1)


def test_a_statement_that_is_usually_slow_is_known_to_be(recorder: Recorder) -> None:
    for _ in range(3):
        record(recorder, a_run("SELECT slow", spent_ms=6))
        record(recorder, a_run("SELECT fast", spent_ms=1))
    record(recorder, a_run("SELECT fast", spent_ms=500))
    assert recorder.flush(10)
    assert recorder.habits.get("SELECT slow", 0) == SLOW
    assert recorder.habits.get("SELECT fast", 0) == 0
    for _ in range(40):
        record(recorder, a_run("SELECT slow", spent_ms=1))
    assert recorder.flush(10)
    assert recorder.habits.get("SELECT slow", 0) == 0


def test_a_statement_whose_parameters_were_seen_often_is_familiar(recorder: Recorder) -> None:
    for n in range(module.FAMILIAR_RUNS):
        assert recorder.habits.get("SELECT ?", 0) == 0
        run = a_run("SELECT ?")
        run.parameters = (n,)
        record(recorder, run)
        if n == module.FAMILIAR_RUNS - 2:
            assert recorder.flush(10)
    assert recorder.flush(10)
    assert recorder.habits["SELECT ?"] == FAMILIAR


def test_texts_are_forgotten_when_there_are_many(
    recorder: Recorder, sink: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TEXTS", 10)
    for n in range(50):
        record(recorder, a_run(f"SELECT {n}", spent_ms=100))
    assert recorder.flush(10)
    assert len(recorder._statements) == len(recorder.habits) == len(recorder._usual_us) == 10
    assert len({event.statement.fingerprint for batch in sink.batches for event in batch.events}) == 1


def test_no_more_than_the_agreed_share_is_sampled(recorder: Recorder) -> None:
    second = 1_000_000_000
    recorder._paced_ns = 0
    recorder._pace(0)
    recorder._gap_ns = second  # as with 20 runs a second
    sampled = sum(recorder.is_due(n * second // 20) for n in range(20_000))
    assert 0.04 < sampled / 20_000 < 0.06


def test_the_gap_between_samples_follows_the_runs(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr(module.time, "perf_counter_ns", lambda: now[0])
    recorder._paced_ns = 0
    now[0] = 1_000_000_000
    recorder._pace(2)
    assert recorder._gap_ns == 10_000_000_000
    now[0] = 2_000_000_000
    recorder._pace(5_000)
    assert recorder._gap_ns == module.SAMPLE_GAP_NS


def test_a_profile_of_another_form_costs_no_run(recorder: Recorder, sink: Captured) -> None:
    for text in ("{}", '{"query": {"new": 1}, "system": {}}', "no json"):
        run = a_run()
        run.profile = text
        record(recorder, run)
    assert recorder.flush(10)
    assert [event.profile for batch in sink.batches for event in batch.events] == [None] * 3
    assert recorder.dropped == 0


def test_every_run_of_many_threads_is_there_once(captured: Captured) -> None:
    from threading import Thread

    captured.start()
    con = duckdb.connect()

    def work(thread: int) -> None:
        cursor = con.cursor()
        for n in range(200):
            cursor.execute(f"SELECT {thread}, {n} AS n{thread}_{n}").fetchall()

    threads = [Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = captured.statements()
    assert len(texts) == len(set(texts)) == 800
    assert schemas.coverage("shop").share == 1.0
