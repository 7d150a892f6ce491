"""`sidecar analyze FILE --queries LOG`: a measured suggestion without Kafka, and nothing left behind."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

ROWS = 600_000
WAIT_S = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tmp").mkdir()
    with duckdb.connect(tmp_path / "shop.duckdb") as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT range AS id, DATE '2020-01-01' + (range // 500)::INTEGER AS day, "
            f"(hash(range) % 10000)::INTEGER AS cents FROM range({ROWS})"
        )
    statements = (
        f"SELECT sum(cents) FROM orders WHERE strftime(day, '%Y-%m') = '2021-{1 + n % 12:02}';\n" for n in range(48)
    )
    (tmp_path / "log.sql").write_text("".join(statements))
    return tmp_path


def started(folder: Path, *more: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "analyze", str(folder / "shop.duckdb"),
         "--queries", str(folder / "log.sql"), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(folder / "tmp"), "XDG_STATE_HOME": str(folder / "state"), "COLUMNS": "200"},
    )  # fmt: skip


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "shop.duckdb").read_bytes()).hexdigest()


def processes_of(folder: Path) -> list[str]:
    listed = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if str(folder / "tmp") in line]


@pytest.mark.alone
def test_a_repeated_slow_query_ends_as_a_measured_suggestion(folder: Path) -> None:
    before = digest(folder)
    process = started(folder, "--budget", "30", "--json", str(folder / "out.json"))
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    found: dict[str, Any] = json.loads((folder / "out.json").read_text())
    assert list(found) == ["suggestions", "nothing_to_do", "refused", "counts"]
    assert found["counts"]["runs"] == 48
    assert found["counts"]["shapes"] == 1
    gain = found["suggestions"][0]["gain"]
    assert gain["low"] > 2
    assert gain["measured_on"].startswith(f"a full clone ({ROWS:,} rows")
    assert list(found["suggestions"][0]["statements"].values()) == [
        "SELECT sum(cents) FROM orders WHERE strftime(day, '%Y-%m') = $1"
    ]
    assert found["suggestions"][0]["title"] in output
    assert "measuring" in output
    assert output.rstrip().endswith("suggested, none applied")
    assert "2021-0" not in (folder / "out.json").read_text(), "literals stay here"
    assert digest(folder) == before
    assert list((folder / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        ("local/clones/*/clone.duckdb", signal.SIGINT),
        ("local/clones/*/job.json", signal.SIGTERM),
        ("local/clones/*/job.json", signal.SIGHUP),
    ],
)
def test_ended_while_it_clones_or_measures_it_leaves_no_process_and_no_clone(
    folder: Path, stage: str, number: signal.Signals
) -> None:
    process = started(folder)
    deadline = time.monotonic() + WAIT_S
    while not list((folder / "tmp").glob(f"*/{stage}")) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.001)
    process.send_signal(number)
    output, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert list((folder / "tmp").iterdir()) == []
    while processes_of(folder) and time.monotonic() < deadline:  # one that was just being started ends by itself
        time.sleep(0.1)
    assert processes_of(folder) == []


def test_ended_while_duckdb_plans_a_statement_it_leaves_no_process_and_nothing_in_the_folder(folder: Path) -> None:
    (folder / "log.sql").write_text("SELECT levenshtein(repeat('ab', 500000), repeat('ba', 500001)) FROM orders")
    process = started(folder)
    deadline = time.monotonic() + WAIT_S
    while not processes_of(folder) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    time.sleep(2)  # until it plans
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=5)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert list((folder / "tmp").iterdir()) == []
    assert processes_of(folder) == []


def test_an_error_is_one_line_and_exit_code_1(folder: Path) -> None:
    (folder / "log.sql").write_text("-- nothing\n")
    process = started(folder)
    output, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert output.splitlines()[-1].startswith("error ")
    assert output.splitlines()[-1].endswith("log.sql holds no statement: is it the query log?")


def test_a_file_without_its_log_is_a_wrong_call() -> None:
    called = subprocess.run(
        [sys.executable, "-m", "streams.cli", "analyze", "shop.duckdb"], capture_output=True, text=True, check=False
    )
    assert called.returncode == 2
    assert "give FILE.duckdb and --queries LOG, or --product NAME alone" in called.stderr
