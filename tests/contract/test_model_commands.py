"""`sidecar model`, with models that know nothing."""

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from click.testing import Result
from typer.testing import CliRunner

from inference import facts
from inference.language.model import Model
from inference.language.student import Student
from inference.language.tasks import id_of
from schemas.errors import InputError
from streams.cli import cli
from tests import language_models, ranking_models
from tests.tiny_model import tiny_adapter, tiny_model

Command = Callable[..., Result]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("SIDECAR_DATA_FOLDER", str(tmp_path))
    monkeypatch.setenv("SIDECAR_RANKER", "rules")
    monkeypatch.setenv("SIDECAR_MODEL", "rules")
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


def test_an_adapter_is_laid_over_its_model_and_told_with_it(command: Command, tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "tiny")
    adapter = tiny_adapter(model, tmp_path / "lora")
    alone = facts.of(model)
    told = command("info", "--model", model, "--adapter", adapter).output
    row = re.search(r"read +tiny\+lora +mlx-lm +([\d,]+) ", told)
    assert row
    assert int(row[1].replace(",", "")) == facts.of(model, adapter).parameters > alone.parameters
    told = command("try", "it would break", "--task", "reason", "--model", model, "--adapter", adapter).output
    assert re.search(r"read by mlx-\w+ tiny\+lora ", told)
    refused = command("info", "--adapter", adapter).exception
    assert isinstance(refused, InputError)
    assert str(refused) == f"the adapter {adapter} is laid over a model: name the folder of that too"


def test_a_request_is_read_on_the_tables_of_a_database_by_words(command: Command, database: Path) -> None:
    found = command("try", "please create an index on customer number of shipments", "--database", database)
    assert found.output.splitlines() == ["create an index on shipments (customer_number)", "read by rules words"]


def test_a_request_is_read_by_a_student_which_says_how_sure_it_is(
    command: Command, database: Path, tmp_path: Path
) -> None:
    language_models.model(3).save(tmp_path / "language")
    told = command("try", "index on customer number", "--database", database, "--model", tmp_path / "language").output
    assert re.search(r"read by mlx-\w+ test 1\+\w{8}(, \d+% sure)?$", told)


def test_a_reason_is_read_into_its_class(command: Command) -> None:
    found = command("try", "we are in a freeze until the end of the month, not now", "--task", "reason")
    assert found.output.splitlines()[0] == "timing"


CONTRACT = """
table = "orders"
owner = "sales"
of = "logistics"
promised = ["id", "total"]
budget = 50
"""


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    (tmp_path / "orders.toml").write_text(CONTRACT)
    return tmp_path / "orders.toml"


def test_a_proposal_is_answered_by_its_contract(command: Command, contract: Path, tmp_path: Path) -> None:
    language_models.model(3).save(tmp_path / "language")
    student = Student(Model.load(tmp_path / "language"))
    asked = ("orders belongs to sales; asked is sales; promised: id, total; private: nothing; budget 50; open. "
             "logistics writes: please drop the note")  # fmt: skip
    read = student.read_said(asked)
    told = command(
        "try", "please drop the note", "--task", "proposal", "--contract", contract, "--model", tmp_path / "language"
    ).output.splitlines()
    assert told[0] == (id_of(*read.value) if read.value else "not understood")
    assert re.fullmatch(rf"read by mlx-\w+ test .*, {read.probability:.0%} sure", told[1])
    told = command("try", "please drop the note", "--task", "proposal", "--contract", contract).output.splitlines()
    assert told == ["not understood", "read by rules words"]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (CONTRACT + "budgets = 1", "orders.toml: budgets: Extra inputs are not permitted"),
        (CONTRACT.replace("50", "-1"), "orders.toml: budget: Input should be greater than or equal to 0"),
        ('table = "orders"', "orders.toml: owner: Field required; of: Field required"),
        ("table =", "orders.toml cannot be read: Invalid value"),
    ],
)
def test_a_contract_that_is_none_is_refused_with_what_is_wrong(
    command: Command, contract: Path, written: str, problem: str
) -> None:
    contract.write_text(written)
    found = command("try", "please drop it", "--task", "proposal", "--contract", contract)
    assert isinstance(found.exception, InputError)
    assert problem in str(found.exception)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("try", "drop it", "--task", "proposal"), "give --contract FILE.toml"),
        (("try", "slow"), "give --database FILE.duckdb"),
        (("swap",), "give --ranker FOLDER, --model FOLDER, --adapter FOLDER, or several of them"),
    ],
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


def test_what_a_student_leaves_to_words_is_not_timed_and_named_by_info(command: Command, tmp_path: Path) -> None:
    language_models.model(3).that_reads(["reason"]).save(tmp_path / "language")
    told = command("bench", "--model", tmp_path / "language").output
    assert "not timed: request: words are read as well or better" in told
    assert re.search(r"^the reason of a rejection read +[\d.]+ ", told, re.MULTILINE)
    assert re.search(r"read \(reason\) +test ", command("info", "--model", tmp_path / "language").output)
