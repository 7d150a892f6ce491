"""The client knows whether its process changes a database in place."""

from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import duckdb
import pytest

from schemas.client.attached import Local
from schemas.client.catalog import Place, place_of
from schemas.client.exemplars import Exemplars
from schemas.client.files import Files
from schemas.client.landing import only_as_code
from schemas.client.live import SnapshotFile
from schemas.client.reports import snapshot_of
from schemas.client.settings import ClientSettings
from tests.operating import replaced

SETTINGS = ClientSettings(operation_keys=Path("keys.json"))


@pytest.mark.parametrize(
    ("how", "settings", "reason"),
    [
        ({}, {}, ""),
        ({"in_place": False}, {}, "the product itself has it, and what stands beside it reads a copy"),
        ({"instances": 3}, {}, "3 processes of the product have one of this name, each its own"),
        ({}, {"dbt_project": Path("shop")}, "dbt makes its tables, and would make them anew as they were"),
        ({}, {"operation_keys": None}, "the product takes no orders: set DUCKDB_SIDECAR_OPERATION_KEYS for that"),
    ],
)
def test_a_database_in_memory_is_changed_in_place_unless(
    how: dict[str, Any], settings: dict[str, Any], reason: str
) -> None:
    place = Place("memory", None, False, "duckdb", False, None)
    values = {"instances": 1, "in_place": True, **how}
    assert only_as_code(place, SETTINGS.model_copy(update=settings), **values) == reason


def test_a_file_is_while_it_is_the_one_on_disk_and_may_be_written(tmp_path: Path) -> None:
    file = tmp_path / "shop.duckdb"
    with duckdb.connect(file) as connection:
        place = place_of(connection)
        assert only_as_code(place, SETTINGS, 1, in_place=True) == ""
        read_only = replace(place, read_only=True)
        assert only_as_code(read_only, SETTINGS, 1, in_place=True) == (
            "the product has it open to read alone: land it as code"
        )
        connection.execute("CHECKPOINT")
        replaced(file)
        assert only_as_code(place, SETTINGS, 1, in_place=True).startswith("the file was replaced on disk")


def test_both_are_told_with_the_catalog_and_its_macros(tmp_path: Path) -> None:
    file = tmp_path / "shop.duckdb"
    with duckdb.connect(file) as connection:
        connection.execute("CREATE TABLE t (a INTEGER); CREATE MACRO most() AS (SELECT max(a) FROM t)")
    exemplars = Exemplars(tmp_path)
    for pinned in (None, Path("pinned.json")):
        settings = SETTINGS.model_copy(update={"approval_keys": pinned})
        local = Local("sales", "i", settings, tmp_path, b"", exemplars, Files(exemplars), list, Event())
        told = snapshot_of(local, "shop", SnapshotFile(file), 1, in_place=False)
        assert (told.pinned, told.as_code[:18]) == (pinned is not None, "the product itself")
        assert told.routines == ["(SELECT max(a) FROM t)"]
