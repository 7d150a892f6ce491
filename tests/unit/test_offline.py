"""An analysis of a file, up to what is to be measured: the same advice from every kind of log, and what is refused."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from schemas.client import exemplars
from schemas.client.attached import Local
from schemas.client.exemplars import Exemplars, private_folder
from schemas.client.filesink import JsonLines
from schemas.client.measuring import failed
from schemas.client.sink import Batch, Event, Statement
from schemas.errors import CloneError, InputError
from schemas.fingerprint import shape
from schemas.measure.job import Outcome
from schemas.records import MeasurementRequest
from streams import latencies, offline
from streams.judges import answering
from streams.offline import analyze
from streams.seen import Seen
from streams.settings import Settings
from tests import ranking_models

STATEMENTS = [
    f"SELECT sum(cents) FROM orders WHERE strftime(day, '%Y-%m') = '2020-{month:02}'" for month in range(1, 6)
]
RUNS_EACH = 4
US = 20_000
MESSAGES: list[str] = []


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[MeasurementRequest]:
    """What would be measured; nothing is."""
    requests: list[MeasurementRequest] = []
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    class Instead:
        def __init__(self, *_: Any) -> None:
            pass

        def measure(self, request: MeasurementRequest) -> Outcome:
            requests.append(request)
            return failed("not here")

    monkeypatch.setattr(offline, "Cloned", Instead)
    MESSAGES.clear()
    return requests


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("database") / "shop.duckdb"
    with duckdb.connect(found) as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT range AS id, DATE '2020-01-01' + (range // 1000)::INTEGER AS day, "
            "(hash(range) % 10000)::INTEGER AS cents FROM range(400_000)"
        )
    return found


def analysed(file: Path, log: Path) -> Seen:
    return analyze(file, log, 60, MESSAGES.append)


def write(log: Path) -> Path:
    rows = ", ".join(f"({RUNS_EACH}, {US}, $${statement}$$)" for statement in STATEMENTS)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE log AS FROM (VALUES {rows}) _(frequency, latency_us, statement)")
        options = {".csv": "FORMAT csv, HEADER", ".jsonl": "FORMAT json", ".parquet": "FORMAT parquet"}
        if log.suffix == ".sql":
            log.write_text("".join(f"{statement};\n" * RUNS_EACH for statement in STATEMENTS))
        else:
            connection.execute(f"COPY log TO '{log}' ({options[log.suffix]})")
    return log


def write_sink(log: Path) -> Path:
    """With the exemplars that a client keeps beside."""
    of = shape(STATEMENTS[0])
    lines = JsonLines(log)
    statement = Statement(of.id, of.text, of.kind)
    runs = len(STATEMENTS) * RUNS_EACH
    lines.write(Batch("shop", "shop", "i", 0, [Event(statement, n, US, 1, None, None, None) for n in range(runs)]))
    lines.close()
    Exemplars(private_folder("shop")).add(of)
    return log


def test_every_kind_of_log_gives_the_same_advice(file: Path, tmp_path: Path, asked: list[MeasurementRequest]) -> None:
    logs = [write(tmp_path / f"log{suffix}") for suffix in (".csv", ".jsonl", ".parquet", ".sql")]
    for log in (*logs, write_sink(tmp_path / "sink.jsonl")):
        seen = analysed(file, log)
        assert seen.counts() | {"candidates": 0, "refused": 0} == {
            "runs": 20, "shapes": 1, "candidates": 0, "screened": 0, "measured": 0, "suggestions": 0, "refused": 0,
            "dead_letters": 0,
        }  # fmt: skip
    assert len(asked) == 5
    assert len({tuple(one.candidate_id for one in request.candidates) for request in asked}) == 1
    assert {one.rule for one in asked[0].candidates} >= {"summary table"}
    assert {request.workload[0].count for request in asked} == {20}
    assert {request.workload[0].total_us for request in asked[:3]} == {20 * US}
    assert {(request.product, request.database, *request.tables) for request in asked} == {
        ("shop", "shop", "main.orders")
    }


def test_what_a_rare_statement_of_five_weeks_names_is_not_dropped(
    tmp_path: Path, asked: list[MeasurementRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUCKDB_SIDECAR_FULL_COVERAGE_SINCE", "2020-01-01")
    database, log = tmp_path / "shop.duckdb", tmp_path / "log.csv"
    with duckdb.connect(database) as connection:
        connection.execute(
            "CREATE TABLE busy (a INTEGER); CREATE TABLE rare (a INTEGER); CREATE TABLE dead (a INTEGER)"
        )
    shapes = [f"SELECT a AS a{number} FROM busy" for number in range(100)]
    times = [f"2026-0{month}-01T00:00:00Z" for month in (1, 3)]
    rows = [f"{time},{US},{statement}" for statement in shapes for time in times]
    log.write_text("\n".join(["time,latency_us,statement", *rows, f"{times[0]},1,SELECT a FROM rare"]))
    analysed(database, log)
    assert [one.title for one in asked[0].candidates if one.rule == "unused"] == ["Drop the table dead"]


def test_a_stripped_log_without_what_its_client_kept_is_told(
    file: Path, tmp_path: Path, asked: list[MeasurementRequest]
) -> None:
    log = tmp_path / "log.csv"
    log.write_text(
        "statement,latency_us\nSELECT sum(cents) FROM orders WHERE id = $1,90\nSELECT count(*) FROM orders,9\n"
    )
    analysed(file, log)
    folder = tmp_path / "state" / "duckdb-sidecar" / "shop"
    assert f"no values to measure with for 1 shape: none in the log, and none in {folder}" in MESSAGES


@pytest.mark.parametrize(
    ("runs", "kept"),
    [
        ([(4, US), (3, US), (2, US), (1, US)], [True, True, False, False]),
        ([(1, 4 * US), (2, 10), (3, 10), (4, US)], [True, False, False, True]),
    ],
)
def test_with_too_many_shapes_it_is_the_heaviest_whose_values_are_kept(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: list[tuple[int, int]], kept: list[bool]
) -> None:
    statements = [STATEMENTS[0].replace("sum(cents)", f"sum(cents) AS c{n}") for n in range(len(runs))]
    found: list[bool] = []

    class Instead:
        def __init__(self, local: Local, *_: Any) -> None:
            found.extend(bool(local.exemplars.get(shape(statement).id)) for statement in statements)

        def measure(self, _: MeasurementRequest) -> Outcome:
            return failed("not here")

    monkeypatch.setattr(offline, "Cloned", Instead)
    monkeypatch.setattr(exemplars, "SHAPES", 2)
    log = tmp_path / "log.csv"
    rows = (f'{count},{us},"{text}"\n' for (count, us), text in zip(runs, statements, strict=True))
    log.write_text("frequency,latency_us,statement\n" + "".join(rows))
    analysed(file, log)
    assert found == kept


def test_what_the_log_tells_no_latency_of_is_run(file: Path, tmp_path: Path, asked: list[MeasurementRequest]) -> None:
    analysed(file, write(tmp_path / "log.sql"))
    assert asked[0].workload[0].p95_us > 1000
    assert "running what the log tells no latency of: 1 statement" in MESSAGES


def test_a_statement_that_cannot_be_run_is_told_with_the_reason(
    file: Path, tmp_path: Path, asked: list[MeasurementRequest]
) -> None:
    log = tmp_path / "log.sql"
    log.write_text(f"{STATEMENTS[0]}; SELECT day::INTEGER FROM orders WHERE id = 7; DELETE FROM orders WHERE id = 3;")
    analysed(file, log)
    (told,) = [one for one in MESSAGES if one.startswith("not run")]
    assert told.startswith("not run: SELECT day::INTEGER FROM orders WHERE id = $1: ")
    with duckdb.connect(file, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchall() == [(400_000,)]


@pytest.mark.timeout(60)
def test_a_statement_that_cannot_be_interrupted_is_told_and_the_others_are_run(
    file: Path, tmp_path: Path, asked: list[MeasurementRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latencies, "LIMIT_S", 1.0)
    monkeypatch.setattr(latencies, "STUCK_S", 0.1)
    log = tmp_path / "log.sql"
    endless = "SELECT levenshtein(repeat('ab', 500000), repeat('ba', 500001)) FROM orders"
    log.write_text(f"{endless}; {endless}; {endless}; {';'.join(STATEMENTS[:2])}; SELECT day FROM orders;")
    begun = time.monotonic()
    analysed(file, log)
    assert time.monotonic() - begun < 30
    assert [one for one in MESSAGES if one.startswith("not run")] == [
        "not run: SELECT levenshtein(repeat($1, $2), repeat($3, $4)) FROM orders: it could not be interrupted"
    ]
    assert asked[0].workload[0].p95_us > 1000


def test_where_no_process_can_run_statements_it_is_told(
    file: Path, tmp_path: Path, asked: list[MeasurementRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latencies, "environment", lambda folder: {"PYTHONHOME": str(folder)})
    analysed(file, write(tmp_path / "log.sql"))
    assert [one for one in MESSAGES if one.startswith("not run")] == [
        "not run: SELECT sum(cents) FROM orders WHERE strftime(day, '%Y-%m') = $1: "
        "the process that runs it did not start"
    ]


@pytest.mark.parametrize(("name", "database"), [("Main", "Main_db"), ("TEMP", "TEMP_db"), ("Shop", "Shop")])
def test_a_file_named_as_duckdb_reserves_is_called_as_duckdb_calls_it(
    file: Path, tmp_path: Path, asked: list[MeasurementRequest], name: str, database: str
) -> None:
    named = tmp_path / f"{name}.duckdb"
    named.write_bytes(file.read_bytes())
    analysed(named, write(tmp_path / "log.csv"))
    assert asked[0].database == database
    with duckdb.connect(named, read_only=True) as connection:
        assert connection.execute("SELECT current_database()").fetchall() == [(database,)]


def test_nothing_to_measure_is_an_answer(file: Path, tmp_path: Path, asked: list[MeasurementRequest]) -> None:
    log = tmp_path / "log.csv"
    log.write_text("statement,latency_us\nSELECT count(*) FROM orders,100\n")
    seen = analysed(file, log)
    assert asked == []
    assert [(one.kind, one.position, one.of) for one in seen.suggestions.values()] == [("nothing", 1, 1)]


def test_a_clone_that_cannot_be_made_is_told(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUCKDB_SIDECAR_CLONE_FREE_BYTES", str(2**60))
    with pytest.raises(CloneError, match="make room, or set clone_folder to a larger disk"):
        analysed(file, write(tmp_path / "log.csv"))


def test_a_database_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file .*nothing.duckdb: name the DuckDB database to analyse"):
        analysed(tmp_path / "nothing.duckdb", write(tmp_path / "log.sql"))
    (tmp_path / "text.duckdb").write_text("no database")
    with pytest.raises(InputError, match="text.duckdb cannot be opened as a DuckDB database: .* not a valid DuckDB"):
        analysed(tmp_path / "text.duckdb", write(tmp_path / "log.sql"))


def test_a_database_with_a_broken_block_is_not_said_to_be_open_elsewhere(file: Path, tmp_path: Path) -> None:
    broken = bytearray(file.read_bytes())
    for header in (4096, 8192):
        broken[header + 100] ^= 0xFF
    (tmp_path / "broken.duckdb").write_bytes(broken)
    with pytest.raises(InputError, match="broken.duckdb cannot be opened as a DuckDB database: .* in block at"):
        analysed(tmp_path / "broken.duckdb", write(tmp_path / "log.sql"))


def test_a_database_that_another_process_writes_is_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "taken.duckdb"
    holds = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holds, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        with pytest.raises(InputError, match="another process has .*taken.duckdb open, .*: stop that one, or analyse"):
            analysed(file, write(tmp_path / "log.sql"))
        process.communicate()


def test_a_log_of_another_database_is_refused_with_the_reason(file: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.sql"
    log.write_text("SELECT a FROM elsewhere; SELECT b FROM nowhere;")
    message = "no statement of the log can be read against .*shop.duckdb: the most frequent because elsewhere is in"
    with pytest.raises(InputError, match=message):
        analysed(file, log)


def test_it_is_about_what_a_text_asks_for_in_the_order_of_the_model(
    file: Path, tmp_path: Path, asked: list[MeasurementRequest]
) -> None:
    (tmp_path / "ranker").mkdir()
    settings = Settings(data_folder=tmp_path, ranker=ranking_models.student(tmp_path / "ranker"), model="rules")
    with answering(settings) as answer:
        analyze(file, write(tmp_path / "log.csv"), 60, MESSAGES.append, "the report on orders is slow", answer)
    (request,) = asked
    assert (request.asked, request.read_as) == (
        "the report on orders is slow",
        "look into orders (read by rules words)",
    )
    assert (request.ranker, request.ranker_version[:2]) == ("student", "7+")
    assert all(0 < one.likely < 1 for one in request.candidates)
