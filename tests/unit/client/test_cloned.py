"""What a measurement is given to work with: which copy, paths as it reads them, and nothing that is private."""

from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

import duckdb
import pytest

from schemas.client import clone, cloned
from schemas.client.attached import Local
from schemas.client.cloned import CLONE, LEFT_OUT, Cloned, absolute
from schemas.client.exemplars import Exemplars
from schemas.client.files import Files
from schemas.client.live import SnapshotFile
from schemas.client.settings import ClientSettings
from schemas.client.slowness import Slowness
from schemas.errors import CloneError
from schemas.fingerprint import shape
from schemas.measure.job import Job
from tests.jobs import job


def test_a_statement_that_names_a_private_column_is_not_measured_and_its_literals_do_not_travel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shop.duckdb"
    with duckdb.connect(file) as connection:
        connection.execute("CREATE TABLE people AS SELECT 1 AS id, 'a@b' AS mail")
        connection.execute("COMMENT ON COLUMN people.mail IS '[private]'")
    statements = ["SELECT id FROM people WHERE mail = 'a@b'", "SELECT id FROM people WHERE id = 7"]
    given, _ = measured(file, statements, monkeypatch)
    private, other = (shape(text).id for text in statements)
    assert given.not_measurable == {private: LEFT_OUT}
    assert [list(given.exemplars), given.exemplars[other][0].literals] == [[other], ["7"]]


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """The product's database, and in another file what the team's command copies: the rows that it lets go."""
    for name, rows in (("sales.duckdb", 300_000), ("let_go.duckdb", 7)):
        with duckdb.connect(tmp_path / name) as connection:
            connection.execute("CREATE TABLE visit (id INTEGER, noise UBIGINT)")
            connection.execute(f"INSERT INTO visit SELECT range, hash(range) FROM range({rows})")
    return tmp_path / "sales.duckdb"


PRIVATE = "visit.id is private, and cannot be left empty: it is a key, or NOT NULL where foreign keys refer to"
GIVEN_UP = "the clone was not complete after 1e-09 s: raise clone_s, or lower clone_bytes so that a sample is taken"


@pytest.mark.parametrize(
    ("changed", "kind", "rows"),
    [
        ({}, "full", 300_000),
        ({"command": True}, "full", 300_000),
        ({"clone_bytes": 500_000}, "sample", 122_880),
        ({"clone_bytes": 500_000, "command": True}, "snapshot", 7),
        ({"clone_bytes": 1, "command": True}, "snapshot", 7),
        ({"clone_s": 1e-9, "command": True}, "snapshot", 7),
        ({"private": True, "command": True}, "snapshot", 7),
    ],
    ids=[
        "as it is", "small enough", "too large, and no command", "too large", "too large for a sample", "given up",
        "impossible",
    ],
)  # fmt: skip
def test_measured_is_a_full_clone_if_there_can_be_one_else_the_teams_snapshot_else_a_sample(
    sales: Path, changed: dict[str, Any], kind: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, found = with_clone(sales, changed, monkeypatch)
    assert (given.clone.kind, found) == (kind, rows)
    assert (given.clone.file.name, given.clone.database) == (CLONE, "sales")
    assert given.clone.bytes > 0


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"clone_s": 1e-9}, GIVEN_UP),
        ({"private": True}, PRIVATE),
    ],
    ids=["given up", "impossible"],
)
def test_without_a_clone_and_without_a_command_the_reason_is_told_with_what_to_do(
    sales: Path, changed: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CloneError) as raised:
        with_clone(sales, changed, monkeypatch)
    assert str(raised.value) == f"{reason}; or set snapshot_command"
    assert [one.name for one in (sales.parent / "clones").iterdir()] == ["lock"]


def with_clone(sales: Path, changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[Job, int]:
    """The job, and the rows of the table in its clone."""
    monkeypatch.setattr(clone, "LARGE_ROWS", 100_000)
    settings = dict(changed)
    if settings.pop("command", False):
        settings["snapshot_command"] = ["cp", str(sales.with_name("let_go.duckdb"))]
    if settings.pop("private", False):
        with duckdb.connect(sales) as connection:
            connection.execute("ALTER TABLE visit ADD PRIMARY KEY (id)")
            connection.execute("COMMENT ON COLUMN visit.id IS '[private]'")
    return measured(sales, ["SELECT max(noise) FROM visit"], monkeypatch, tables=["main.visit"], **settings)


def measured(
    file: Path, statements: list[str], monkeypatch: pytest.MonkeyPatch, tables: Sequence[str] = (), **changed: Any
) -> tuple[Job, int]:
    """What the measuring process is given, and how many rows there are in its clone."""
    given: list[tuple[Job, int]] = []

    def run_measure(one: Job, *_: Any) -> Any:
        with duckdb.connect(one.clone.file, read_only=True) as connection:
            [(rows,)] = connection.execute("SELECT sum(estimated_size)::INTEGER FROM duckdb_tables()").fetchall()
            given.append((one, rows))
        raise KeyboardInterrupt

    monkeypatch.setattr(cloned, "run_measure", run_measure)
    exemplars = Exemplars(file.parent / "state")
    for text in statements:
        exemplars.add(shape(text))
    settings = ClientSettings(clone_free_bytes=0, **changed)
    local = Local("sales", "i", settings, file.parent, b"", exemplars, Files(exemplars), list, Event())
    request = job(file, statements, [], tables=list(tables)).request
    with pytest.raises(KeyboardInterrupt):
        Cloned(local, "shop", SnapshotFile(file), Slowness()).measure(request)
    return given[0]


def test_files_are_named_so_that_a_process_with_another_working_folder_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert absolute("day.csv") == f"{tmp_path}/day.csv"
    assert absolute("data/*.parquet") == f"{tmp_path}/data/*.parquet"
    assert absolute("~/day.csv") == "/home/somebody/day.csv"
    assert absolute("/data/day.csv") == "/data/day.csv"
    assert absolute("s3://bucket/day.csv") == "s3://bucket/day.csv"
