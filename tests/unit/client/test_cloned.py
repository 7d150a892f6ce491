"""What a measurement is given to work with: paths as it reads them, and nothing that is private."""

from pathlib import Path
from threading import Event
from typing import Any

import duckdb
import pytest

from schemas.client import cloned
from schemas.client.attached import Local
from schemas.client.cloned import LEFT_OUT, Cloned, absolute
from schemas.client.exemplars import Exemplars
from schemas.client.files import Files
from schemas.client.live import SnapshotFile
from schemas.client.settings import ClientSettings
from schemas.client.slowness import Slowness
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
    given: list[Job] = []

    def measured(one: Job, *_: Any) -> Any:
        given.append(one)
        raise KeyboardInterrupt

    monkeypatch.setattr(cloned, "run_measure", measured)
    exemplars = Exemplars(tmp_path / "state")
    for text in statements:
        exemplars.add(shape(text))
    settings = ClientSettings(clone_free_bytes=0)
    local = Local("sales", "i", settings, tmp_path, b"", exemplars, Files(exemplars), list, Event())
    request = job(file, statements, []).request
    with pytest.raises(KeyboardInterrupt):
        Cloned(local, "shop", SnapshotFile(file), Slowness()).measure(request)
    private, other = (shape(text).id for text in statements)
    assert given[0].not_measurable == {private: LEFT_OUT}
    assert [list(given[0].exemplars), given[0].exemplars[other][0].literals] == [[other], ["7"]]


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
