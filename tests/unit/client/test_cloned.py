from pathlib import Path

import pytest

from schemas.client.cloned import absolute


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
