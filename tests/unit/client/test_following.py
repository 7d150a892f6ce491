"""From a foreign log to the recorder, and where a restart goes on."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from threading import Event as Signal
from threading import Thread

import pytest

from schemas.client import following as module
from schemas.client.exemplars import Exemplars
from schemas.client.following import Following
from schemas.client.logline import read
from schemas.client.recorder import Recorder, Run
from schemas.errors import SettingsError
from schemas.fingerprint import shape
from tests.captured import Captured


class Kafka(Captured):
    """A sink whose records wait for their answers while `away`."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.sent = 0

    def unanswered(self) -> int:
        return len(self.batches) - self.sent if self.away else 0

    def texts(self) -> list[str]:
        return [event.statement.text for batch in self.batches for event in batch.events]

    def dropped(self) -> int:
        return sum(batch.dropped for batch in self.batches)


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "queries.jsonl"


Open = Callable[..., Following]


@pytest.fixture
def follow(log: Path, tmp_path: Path, kafka: Kafka) -> Open:
    """Opens what a new process would."""

    def follow(stop: Signal | None = None) -> Following:
        folder = tmp_path / "state"
        folder.mkdir(exist_ok=True)
        recorder = Recorder("shop", lambda: kafka, Exemplars(folder), b"salt")
        return Following(log, folder, "orders", recorder, kafka.unanswered, stop or Signal())

    return follow


def append(log: Path, *columns: str, **more: object) -> None:
    """A run of each column."""
    with log.open("a") as file:
        for column in columns:
            file.write(json.dumps({"statement": f"SELECT {column} FROM t WHERE a = 'canary'"} | more) + "\n")


def kill(following: Following) -> None:
    following._alone.release()  # the system does as much


def failing_at(column: str, error: BaseException) -> Callable[..., tuple[Run, int]]:
    def failing(line: bytes, database: str, now_us: int) -> tuple[Run, int]:
        if f"SELECT {column} ".encode() in line:
            raise error
        return read(line, database, now_us)

    return failing


def of(*columns: str) -> list[str]:
    return [f"SELECT {column} FROM t WHERE a = $1" for column in columns]


def test_lines_become_runs_without_literals(log: Path, follow: Open, kafka: Kafka) -> None:
    following = follow()
    append(log, "a", latency_us=7, rows=3, error="E", route="GET /")
    following.work()
    [batch] = kafka.batches
    [event] = batch.events
    assert (batch.product, batch.database, batch.dropped) == ("shop", "orders", 0)
    assert (event.statement.text, event.statement.kind) == (of("a")[0], "select")
    assert (event.latency_us, event.rows, event.error, event.route, event.profile) == (7, 3, "E", "GET /", None)


def test_the_time_is_the_logs_own(log: Path, follow: Open, kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "time_ns", lambda: 1_795_000_000_000_000_000)
    following = follow()
    append(log, "a", time="2026-11-18T11:06:39.000001Z")
    following.work()
    assert [event.time_us for batch in kafka.batches for event in batch.events] == [1_794_999_999_000_001]


def test_statements_are_kept_for_measuring_with_their_literals(log: Path, follow: Open, tmp_path: Path) -> None:
    following = follow()
    append(log, "a")
    append(log, "b", error="E")
    with log.open("a") as file:
        file.write('{"statement": "SELECT c FROM t WHERE a = ?", "parameters": ["canary"]}\n')
    following.work()
    following.close()
    exemplars = Exemplars(tmp_path / "state")
    texts = [json.loads(line)["statement"] for line in log.read_text().splitlines()]
    kept = [exemplars.get(shape(text, salt=b"salt").id) for text in texts]
    assert kept == [[(("'canary'",), {})], [], [(("'canary'",), {})]]


def test_what_is_no_run_is_counted_and_told_once_with_its_line(
    log: Path, follow: Open, kafka: Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    log.write_text("an older line\n")
    following = follow()
    caplog.clear()
    append(log, "a")
    with log.open("a") as file:
        file.write("canary\n\nanother canary\n")
    append(log, "b", dropped=5)
    with caplog.at_level(logging.WARNING):
        following.work()
    append(log, "c")
    following.work()
    assert kafka.texts() == of("a", "b", "c")
    assert kafka.dropped() == 7
    assert caplog.messages == [f"line 3 of {log} is dropped: it is no JSON (1 dropped since this was last told)"]


def test_a_line_that_fails_unforeseen_is_dropped_and_the_others_are_kept(
    log: Path, follow: Open, kafka: Kafka, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemas.client.logline.read", failing_at("b", LookupError("canary")))
    following = follow()
    caplog.clear()
    append(log, "a", "b", "c", "b", "d")
    following.work()
    following.close()
    assert kafka.texts() == of("a", "c", "d")
    assert kafka.dropped() == 2
    assert caplog.messages == [
        f"line 2 of {log} is dropped: it cannot be read (LookupError) (1 dropped since this was last told)"
    ]
    follow().work()
    assert kafka.texts() == of("a", "c", "d")


def test_rows_that_are_no_number_cost_their_line_alone(log: Path, follow: Open, kafka: Kafka) -> None:
    following = follow()
    append(log, "a", rows=float("nan"))
    append(log, "b")
    following.work()
    assert (kafka.texts(), kafka.dropped()) == (of("b"), 1)


def test_no_place_is_kept_behind_lines_that_were_not_handed_over(
    log: Path, follow: Open, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = follow()
    append(log, "a", "b", "c")
    with monkeypatch.context() as patched:
        patched.setattr("schemas.client.logline.read", failing_at("b", KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            following.work()
    following.close()
    follow().work()
    assert kafka.texts() == of("a", "a", "b", "c")


def test_a_restart_neither_loses_nor_repeats_lines(log: Path, follow: Open, kafka: Kafka) -> None:
    append(log, "old")
    follow().close()
    append(log, "a")
    following = follow()
    following.work()
    append(log, "b")
    following.close()
    append(log, "c")
    following = follow()
    following.work()
    assert kafka.texts() == of("a", "b", "c")


def test_a_log_that_came_while_nobody_followed_it_is_read_whole(log: Path, follow: Open, kafka: Kafka) -> None:
    kill(follow())
    append(log, "a")
    follow().work()
    assert kafka.texts() == of("a")


def test_while_kafka_is_away_the_file_keeps_what_comes(
    log: Path, follow: Open, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.01)
    monkeypatch.setattr("schemas.client.logfile.LINES", 2)
    stop, kafka.away = Signal(), True
    following = follow(stop)
    append(log, "a", "b", "c")
    working = Thread(target=following.work)
    working.start()
    working.join(0.5)
    assert (working.is_alive(), kafka.texts()) == (True, of("a", "b"))
    stop.set()
    working.join(10)
    following.close()
    kafka.away = False
    following = follow()
    following.work()
    following.work()
    assert kafka.texts() == of("a", "b", "a", "b", "c")


def test_what_has_gathered_is_handed_over_at_once(log: Path, follow: Open, kafka: Kafka) -> None:
    following = follow()
    append(log, *["a"] * 4_500)
    following.work()
    assert len(kafka.texts()) == 4_500
    assert kafka.dropped() == 0


def test_what_kafka_has_taken_is_not_sent_again_after_a_kill(log: Path, follow: Open, kafka: Kafka) -> None:
    following = follow()
    append(log, "a")
    following.work()
    kill(following)
    append(log, "b")
    follow().work()
    assert kafka.texts() == of("a", "b")


def test_one_process_follows_a_log(log: Path, follow: Open) -> None:
    following = follow()
    with pytest.raises(SettingsError, match="another process follows"):
        follow()
    following.close()
    follow().close()


def test_a_damaged_place_starts_at_the_end(log: Path, follow: Open, kafka: Kafka, tmp_path: Path) -> None:
    append(log, "old")
    follow().close()
    [kept] = (tmp_path / "state" / "logs").glob("*.json")
    kept.write_text("[]")
    following = follow()
    append(log, "a")
    following.work()
    assert kafka.texts() == of("a")


def test_a_log_that_cannot_be_read_is_told_once_and_tried_again(
    log: Path, follow: Open, kafka: Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    following = follow()
    log.mkdir()
    following.work()
    following.work()
    assert caplog.messages == [f"{log} cannot be read (it is no regular file), and is tried again"]
    log.rmdir()
    append(log, "a")
    following.work()
    assert kafka.texts() == of("a")
