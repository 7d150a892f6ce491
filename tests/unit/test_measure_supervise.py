import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import ClassVar

import pytest

from schemas.actions import Rewrite
from schemas.measure import supervise
from schemas.measure.job import JOB, Job, Limits, Outcome
from schemas.measure.supervise import run_measure
from tests.jobs import candidate, clone, fingerprint, job

ROWS = 20_000
TABLE = f"CREATE TABLE t AS SELECT range AS id, range % 100 AS g, 'text ' || range AS s FROM range({ROWS})"
SLOW = "SELECT sum(length(regexp_replace(s || 'x', '[0-9]+', 'y', 'g'))) FROM t"
ENDLESS = "SELECT count(*) FROM t, t a, t b WHERE hash(t.id + a.id + b.id) = 7"
BOMB = "SELECT length(repeat(s, 2000000000)) FROM t LIMIT 1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "job"
    found.mkdir(mode=0o700)
    return found


def fast(statement: str) -> Rewrite:
    """Another statement with the same result."""
    return Rewrite(fingerprint=fingerprint(statement), statement=f"SELECT {ROWS * 7}::HUGEINT")


def work(folder: Path, *statements: str, query_s: float = 5.0, budget_s: float = 60.0, memory: int = 2**32) -> Job:
    file = clone(folder, TABLE)
    candidates = [candidate(f"c{number}", fast(one), affected=[one]) for number, one in enumerate(statements)]
    return job(
        file,
        statements,
        candidates,
        budget_s=budget_s,
        limits=Limits(free_bytes=0, query_s=query_s, memory_bytes=memory),
    )


When = Callable[[str, str, Callable[[], None]], None]


class Spied(subprocess.Popen[str]):
    started: ClassVar[list["Spied"]] = []

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[call-overload]
        self.started.append(self)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[Spied]:
    started: list[Spied] = []
    monkeypatch.setattr(Spied, "started", started)
    monkeypatch.setattr(supervise.subprocess, "Popen", Spied)
    return started


@pytest.fixture
def when(monkeypatch: pytest.MonkeyPatch) -> When:
    """Does something once, as soon as the process says that it is at a step."""
    awaited: dict[tuple[str, str], Callable[[], None]] = {}

    class Watched(supervise.Step):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "begun_s" and (act := awaited.pop((self.name, self.about), None)):
                act()

    monkeypatch.setattr(supervise, "Step", Watched)
    return lambda step, about, act: awaited.update({(step, about): act})


def verdicts(outcome: Outcome) -> list[str]:
    return [one.verdict for one in outcome.results]


@pytest.mark.alone
def test_the_process_measures_and_leaves_nothing_behind(folder: Path) -> None:
    outcome = run_measure(work(folder, SLOW), folder, Event())
    assert (outcome.error, verdicts(outcome), outcome.not_measurable) == (None, ["gain"], {})
    assert list(folder.iterdir()) == []


@pytest.mark.alone
def test_a_query_that_takes_all_memory_is_not_measurable_and_the_rest_is_measured(folder: Path) -> None:
    outcome = run_measure(work(folder, BOMB, SLOW, memory=2**30), folder, Event())
    assert (outcome.error, verdicts(outcome)) == (None, ["not measurable", "gain"])
    assert list(outcome.not_measurable) == [fingerprint(BOMB)]


@pytest.mark.alone
def test_an_endless_query_is_interrupted_and_the_rest_is_measured(folder: Path) -> None:
    outcome = run_measure(work(folder, ENDLESS, SLOW, query_s=1), folder, Event())
    assert verdicts(outcome) == ["not measurable", "gain"]
    assert outcome.not_measurable == {fingerprint(ENDLESS): "it runs too long (InterruptException)"}


@pytest.mark.alone
def test_a_query_that_ends_the_process_is_not_measurable_and_the_rest_is_measured(
    folder: Path, processes: list[Spied], when: When
) -> None:
    when("probe", fingerprint(ENDLESS), lambda: os.kill(processes[-1].pid, signal.SIGKILL))
    outcome = run_measure(work(folder, ENDLESS, SLOW, query_s=60), folder, Event())
    assert (outcome.error, verdicts(outcome), len(processes)) == (None, ["not measurable", "gain"], 2)
    reason = "running it ended the measuring process: it was ended by signal 9"
    assert outcome.not_measurable == {fingerprint(ENDLESS): reason}


@pytest.mark.alone
def test_a_query_that_cannot_be_interrupted_is_killed_and_the_rest_is_measured(
    folder: Path, processes: list[Spied], when: When, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "STUCK_S", 0.0)
    when("probe", fingerprint(ENDLESS), lambda: os.kill(processes[-1].pid, signal.SIGSTOP))
    outcome = run_measure(work(folder, ENDLESS, SLOW, query_s=1), folder, Event())
    assert verdicts(outcome) == ["not measurable", "gain"]
    assert "it could not be interrupted" in outcome.not_measurable[fingerprint(ENDLESS)]


def test_at_its_deadline_it_is_killed_and_what_was_finished_stays(
    folder: Path, processes: list[Spied], when: When, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first candidate is done with after screening; the process stands still when the second is measured."""
    monkeypatch.setattr(supervise, "SPARE_S", -50.0)
    when("measure", "c1", lambda: os.kill(processes[-1].pid, signal.SIGSTOP))
    outcome = run_measure(work(folder, ENDLESS, SLOW, query_s=1), folder, Event())
    assert outcome.error == "measuring ended early: its time was over"
    assert verdicts(outcome) == ["not measurable", "not reached"]
    assert list(outcome.not_measurable) == [fingerprint(ENDLESS)]
    assert processes[0].returncode == -signal.SIGKILL
    assert list(folder.iterdir()) == []


def test_when_the_product_ends_so_does_the_process(folder: Path, processes: list[Spied], when: When) -> None:
    stop = Event()
    when("probe", fingerprint(ENDLESS), stop.set)
    outcome = run_measure(work(folder, ENDLESS, query_s=60), folder, stop)
    assert outcome.error == "measuring ended early: the product ends"
    assert processes[0].returncode == -signal.SIGKILL
    assert list(folder.iterdir()) == []


def test_a_process_without_its_parent_ends(folder: Path) -> None:
    (folder / JOB).write_text(work(folder, ENDLESS, query_s=60).model_dump_json())
    with subprocess.Popen(
        [sys.executable, "-m", "schemas.measure", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        assert b"prepare" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(30) == 1


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux shows a process's environment")
def test_the_process_sees_no_secret_of_the_products_environment(
    folder: Path, processes: list[Spied], when: When, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUCKDB_SIDECAR_KAFKA_SASL_PASSWORD", "hunter2")
    seen: list[bytes] = []
    stop = Event()

    def look() -> None:
        seen.append(Path(f"/proc/{processes[-1].pid}/environ").read_bytes())
        stop.set()

    when("prepare", "", look)
    run_measure(work(folder, SLOW), folder, stop)
    assert seen
    assert b"hunter2" not in seen[0]


def test_the_job_can_be_read_by_its_owner_alone(folder: Path, when: When) -> None:
    modes: list[int] = []
    stop = Event()

    def look() -> None:
        modes.append((folder / JOB).stat().st_mode & 0o777)
        stop.set()

    when("prepare", "", look)
    run_measure(work(folder, SLOW), folder, stop)
    assert modes == [0o600]
