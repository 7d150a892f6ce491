"""`sidecar model`, with models that know nothing."""

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from click.testing import Result
from typer.testing import CliRunner

from schemas.errors import InputError
from streams.cli import cli
from tests import language_models, ranking_models

Command = Callable[..., Result]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("SIDECAR_DATA_FOLDER", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(cli, ["model", *map(str, arguments)], catch_exceptions=True)


@pytest.fixture
def ranker(tmp_path: Path) -> Path:
    (tmp_path / "ranker").mkdir()
    return ranking_models.student(tmp_path / "ranker")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "shop.duckdb"
    with duckdb.connect(file) as connection:
        connection.execute("CREATE TABLE shipments (shipment_id BIGINT, customer_number BIGINT, state VARCHAR)")
        connection.execute("CREATE TABLE staff (name VARCHAR)")
    return file


def test_info_tells_of_both_and_of_what_computes(command: Command, ranker: Path) -> None:
    told = command("info", "--ranker", ranker).output
    assert re.search(r"rank +student +7 +ranking +1,140 +0\.0 ", told)
    assert re.search(r"read +the rules", told)
    assert re.search(r"computed by mlx-\w+, BLAS: .+; \d+ MB resident", told)


def test_a_request_is_read_on_the_tables_of_a_database_by_words(command: Command, database: Path) -> None:
    found = command("try", "please create an index on customer number of shipments", "--database", database)
    assert found.output.splitlines() == ["create an index on shipments (customer_number)", "read by rules words"]


def test_a_request_is_read_by_a_student_which_says_how_sure_it_is(
    command: Command, database: Path, tmp_path: Path
) -> None:
    language_models.model(3).save(tmp_path / "language")
    told = command("try", "index on customer number", "--database", database, "--model", tmp_path / "language").output
    assert re.search(r"read by mlx-\w+ .*, \d+% sure", told)


def test_a_reason_is_read_into_its_class(command: Command) -> None:
    found = command("try", "we are in a freeze until the end of the month, not now", "--task", "reason")
    assert found.output.splitlines()[0] == "timing"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(("try", "slow"), "give --database FILE.duckdb"), (("swap",), "give --ranker FOLDER, --model FOLDER, or both")],
)
def test_what_is_missing_is_named(command: Command, arguments: tuple[str, ...], what: str) -> None:
    found = command(*arguments)
    assert found.exit_code == 2
    assert what in " ".join(found.output.split())


def test_a_database_that_is_not_there_is_named(command: Command, tmp_path: Path) -> None:
    found = command("try", "slow", "--database", tmp_path / "no.duckdb")
    assert isinstance(found.exception, InputError)
    assert "there is no file" in str(found.exception)


def test_the_times_of_what_is_there_are_told(command: Command, ranker: Path) -> None:
    told = command("bench", "--ranker", ranker).output
    assert list(times(told)) == ["24 candidates ranked", "200 candidates ranked", "1,000 candidates ranked"]


def test_the_times_of_a_language_model_are_told_for_what_it_reads(command: Command, tmp_path: Path) -> None:
    language_models.model(3).save(tmp_path / "language")
    told = command("bench", "--model", tmp_path / "language").output
    assert list(times(told)) == ["a request read on four tables", "the reason of a rejection read"]


def times(told: str) -> dict[str, list[float]]:
    """What is asked, with its quantiles from the least to the largest."""
    found = re.findall(r"^(.+?) +([\d.]+) +([\d.]+) +([\d.]+) +[\d,]+ *$", told, re.MULTILINE)
    rows = {name: [*map(float, quantiles)] for name, *quantiles in found}
    assert all(0 < p50 <= p95 <= p99 for p50, p95, p99 in rows.values())
    return rows


def test_a_swap_where_nothing_runs_is_refused(command: Command, ranker: Path) -> None:
    found = command("swap", "--ranker", ranker)
    assert isinstance(found.exception, InputError)
    assert "no streams role runs" in str(found.exception)
